//! Conditions (RFC 9110, section 13): which tags match, which field comes first, what 304 says.

use std::sync::Arc;

use holdall_tests::fixtures;

use crate::fixture::{Shared, Site};

static SITE: Shared = Shared::new();

fn site() -> Arc<Site> {
    SITE.get(|| {
        let files = [
            ("text.txt", fixtures::text().into_bytes()),
            ("noise.bin", fixtures::noise()),
            ("docs/index.html", b"<p>docs\n".to_vec()),
            ("app.3f9a2c1b.js", fixtures::text().into_bytes()),
        ];
        Site::of(&files, "")
    })
}

/// Fields, and the status of what they get. `TAG` stands for the tag of the representation that is
/// asked for, `ID` for what is in it between the quotes, `OTHER` for that of another one.
const CASES: [(&[&str], u16); 62] = [
    (&["if-none-match: TAG"], 304),
    (&["If-None-Match: TAG"], 304),
    (&["if-none-match:TAG"], 304),
    (&["if-none-match: W/TAG"], 304),
    (&["if-none-match: *"], 304),
    (&["if-none-match: \"x\", TAG"], 304),
    (&["if-none-match: TAG, \"x\""], 304),
    (&["if-none-match: \"x\",W/TAG,\"y\""], 304),
    (&["if-none-match: \"x\" , \t TAG"], 304),
    (&["if-none-match: ,, TAG ,,"], 304),
    (&["if-none-match: \"a, b\", TAG"], 304),
    (&["if-none-match: \"\", TAG"], 304),
    (&["if-none-match: W/\"x\", W/\"y\", W/TAG"], 304),
    (&["if-none-match: \"x\"", "if-none-match: TAG"], 304),
    (&["if-none-match: TAG", "if-none-match: \"x\""], 304),
    (&["if-none-match: OTHER, TAG"], 304),
    (&["if-none-match: \"x\""], 200),
    (&["if-none-match: W/\"x\""], 200),
    (&["if-none-match: OTHER"], 200),
    (&["if-none-match: W/OTHER"], 200),
    (&["if-none-match:"], 200),
    (&["if-none-match: ID"], 200),
    (&["if-none-match: 'ID'"], 200),
    (&["if-none-match: \"xID\""], 200),
    (&["if-none-match: \"IDx\""], 200),
    (&["if-none-match: \"ID"], 200),
    (&["if-none-match: ID\""], 200),
    (&["if-none-match: \"\""], 200),
    (&["if-none-match: \"x, ID\""], 200),
    (&["if-none-match: \"x, ID, y\""], 200),
    (&["if-none-match: \"*\""], 200),
    (&["if-match: TAG"], 200),
    (&["if-match: *"], 200),
    (&["if-match: \"x\", TAG"], 200),
    (&["if-match: \"x\",TAG,\"y\""], 200),
    (&["if-match: \"x\"", "if-match: TAG"], 200),
    (&["if-match: W/TAG, TAG"], 200),
    (&["if-match: \"x\""], 412),
    (&["if-match: W/TAG"], 412),
    (&["if-match: \"x\", W/TAG"], 412),
    (&["if-match: OTHER"], 412),
    (&["if-match: ID"], 412),
    (&["if-match: \"x, ID\""], 412),
    (&["if-match: \"*\""], 412),
    // If-Match first.
    (&["if-match: \"x\"", "if-none-match: TAG"], 412),
    (&["if-none-match: TAG", "if-match: \"x\""], 412),
    (&["if-match: TAG", "if-none-match: TAG"], 304),
    (&["if-match: TAG", "if-none-match: \"x\""], 200),
    (&["if-match: *", "if-none-match: *"], 304),
    // There is no date to compare with.
    (&["if-modified-since: Fri, 01 Jan 2100 00:00:00 GMT"], 200),
    (&["if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT"], 200),
    (&["if-modified-since: yesterday"], 200),
    (&["if-unmodified-since: Sun, 06 Nov 1994 08:49:37 GMT"], 200),
    (&["if-unmodified-since: Fri, 01 Jan 2100 00:00:00 GMT"], 200),
    (&["if-none-match: \"x\"", "if-modified-since: Fri, 01 Jan 2100 00:00:00 GMT"], 200),
    (&["if-none-match: TAG", "if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT"], 304),
    (&["if-match: TAG", "if-unmodified-since: Sun, 06 Nov 1994 08:49:37 GMT"], 200),
    // Before ranges.
    (&["if-none-match: TAG", "range: bytes=0-9"], 304),
    (&["if-match: \"x\"", "range: bytes=0-9"], 412),
    (&["if-match: TAG", "range: bytes=0-9"], 206),
    (&["if-none-match: \"x\"", "range: bytes=0-9"], 206),
    (&["if-none-match: TAG", "range: bytes=99999999-"], 304),
];

/// Asks for `target` by each method that has conditions.
fn check_all(site: &Site, target: &str, encoding: &str, other: &str) {
    let accept = format!("accept-encoding: {encoding}");
    let tag = site.get_with(target, &[&accept]).etag().to_owned();
    let id = tag.trim_matches('"').to_owned();
    for (fields, status) in CASES {
        let insert =
            |field: &&str| field.replace("TAG", &tag).replace("OTHER", other).replace("ID", &id);
        let mut fields: Vec<_> = fields.iter().map(insert).collect();
        fields.push(accept.clone());
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        let answer = site.get_with(target, &fields);
        assert_eq!(answer.status, status, "{target} {fields:?}");
        // What HEAD ignores is the range alone.
        let expected = if status == 206 { 200 } else { status };
        assert_eq!(site.ask("HEAD", target, &fields).status, expected, "HEAD {target} {fields:?}");
    }
}

#[test]
fn conditions_hold_for_each_representation() {
    let site = site();
    let plain = site.get("/text.txt").etag().to_owned();
    let gzip = site.gzip("/text.txt").etag().to_owned();
    check_all(&site, "/text.txt", "identity", &gzip);
    check_all(&site, "/text.txt", "gzip", &plain);
    check_all(&site, "/noise.bin", "gzip", &plain);
    check_all(&site, "/docs/", "gzip", &plain);
}

#[test]
fn not_modified_says_what_caches_need() {
    let site = site();
    for target in ["/text.txt", "/noise.bin", "/docs/", "/app.3f9a2c1b.js"] {
        for encoding in ["accept-encoding: gzip", "accept-encoding: identity"] {
            let whole = site.get_with(target, &[encoding]);
            let known = format!("if-none-match: {}", whole.etag());
            let answer = site.get_with(target, &[encoding, &known]);
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{target}");
            for name in ["etag", "cache-control", "vary"] {
                assert_eq!(answer.header(name), whole.header(name), "{name} of {target}");
            }
            for name in ["content-type", "content-length", "content-encoding", "accept-ranges"] {
                assert!(name == "accept-ranges" || answer.header(name).is_none(), "{name}");
            }
        }
    }
}

/// RFC 9110, section 13.2.1: without conditions the answer would be no 2xx, so they don't count.
#[test]
fn conditions_are_for_what_is_there() {
    let site = site();
    for condition in ["if-none-match: *", "if-match: *", "if-match: \"x\"", "if-none-match: \"x\""]
    {
        for (target, status) in [("/nothing", 404), ("/docs", 308), ("/%zz", 400)] {
            let answer = site.get_with(target, &[condition]);
            assert_eq!(answer.status, status, "{target} {condition}");
        }
        assert_eq!(site.ask("OPTIONS", "/text.txt", &[condition]).status, 204, "{condition}");
        assert_eq!(site.ask("POST", "/text.txt", &[condition]).status, 405, "{condition}");
        let refused = site.get_with("/text.txt", &[condition, "accept-encoding: *;q=0"]);
        assert_eq!(refused.status, 406, "{condition}");
    }
}

#[test]
fn lists_may_be_long() {
    let site = site();
    let tag = site.get("/text.txt").etag().to_owned();
    let others: String = (0..5_000).map(|number| format!("\"{number}\", ")).collect();
    for (fields, status) in [
        (format!("if-none-match: {others}{tag}"), 304),
        (format!("if-none-match: {others}\"x\""), 200),
        (format!("if-match: {others}{tag}"), 200),
        (format!("if-match: {others}\"x\""), 412),
        (format!("if-none-match: {}{tag}", ",".repeat(40_000)), 304),
        (format!("if-none-match: {}", "W/".repeat(20_000)), 200),
        (format!("if-none-match: {}", "\"".repeat(40_001)), 200),
    ] {
        assert_eq!(site.get_with("/text.txt", &[&fields]).status, status, "{}", &fields[..60]);
    }
}

/// The tag is of the content: a copy has the same, and packing again changes nothing.
#[test]
fn tags_outlast_the_bundle() {
    let files = [("a.txt", "content\n"), ("b.txt", "content\n"), ("c.txt", "other content\n")];
    let (first, second) = (Site::of(&files, ""), Site::of(&files, "name = \"again\""));
    let tag = |site: &Site, target: &str| site.get(target).etag().to_owned();
    assert_eq!(tag(&first, "/a.txt"), tag(&second, "/a.txt"));
    assert_eq!(tag(&first, "/a.txt"), tag(&first, "/b.txt"));
    assert_ne!(tag(&first, "/a.txt"), tag(&first, "/c.txt"));
    let known = format!("if-none-match: {}", tag(&first, "/a.txt"));
    assert_eq!(second.get_with("/a.txt", &[&known]).status, 304);
}
