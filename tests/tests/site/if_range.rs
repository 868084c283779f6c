//! If-Range, and to what ranges do not apply.

use holdall_tests::fixtures;

use crate::fixture::{Shared, Site};

static SITE: Shared = Shared::new();

fn site() -> std::sync::Arc<Site> {
    SITE.get(|| {
        let files = [
            ("text.txt", fixtures::text().into_bytes()),
            ("noise.bin", fixtures::noise()),
            ("404.html", b"<p>this page is not there\n".to_vec()),
            ("docs/index.html", b"<p>documents\n".to_vec()),
        ];
        Site::of(&files, "")
    })
}

#[test]
fn if_range_has_to_name_the_tag_strongly() {
    let site = site();
    for (target, encoding) in
        [("/text.txt", "identity"), ("/text.txt", "gzip"), ("/noise.bin", "identity")]
    {
        let accept = format!("accept-encoding: {encoding}");
        let tag = site.get_with(target, &[&accept]).etag().to_owned();
        for (if_range, range, status) in [
            ("TAG", "bytes=0-9", 206),
            (" TAG ", "bytes=0-9,20-29", 206),
            ("TAG", "bytes=99999999-", 416),
            ("TAG", "bytes=9-0", 200),
            ("W/TAG", "bytes=0-9", 200),
            ("\"x\"", "bytes=0-9", 200),
            ("\"x\"", "bytes=99999999-", 200),
            ("W/\"x\"", "bytes=0-9", 200),
            ("*", "bytes=0-9", 200),
            ("", "bytes=0-9", 200),
            ("TAG, \"x\"", "bytes=0-9", 200),
            ("\"x\", TAG", "bytes=0-9", 200),
            // There is no date.
            ("Fri, 01 Jan 2100 00:00:00 GMT", "bytes=0-9", 200),
            ("Sun, 06 Nov 1994 08:49:37 GMT", "bytes=0-9", 200),
        ] {
            let if_range = format!("if-range: {}", if_range.replace("TAG", &tag));
            let fields = [&*accept, &if_range, &format!("range: {range}")];
            assert_eq!(site.get_with(target, &fields).status, status, "{target} {fields:?}");
        }
        let lone = format!("if-range: {tag}");
        assert_eq!(site.get_with(target, &[&accept, &lone]).status, 200, "{target}");
    }
}

/// What was begun in one encoding can't be continued in another.
#[test]
fn the_tag_of_another_representation_is_another_tag() {
    let site = site();
    let (plain, gzip) = (site.get("/text.txt"), site.gzip("/text.txt"));
    for (tag, accept) in
        [(plain.etag(), "gzip"), (gzip.etag(), "identity"), (gzip.etag(), "*;q=0, identity")]
    {
        let fields = [
            &*format!("if-range: {tag}"),
            &format!("accept-encoding: {accept}"),
            "range: bytes=5-",
        ];
        let answer = site.get_with("/text.txt", &fields);
        assert_eq!(answer.status, 200, "{fields:?}");
        let whole = if accept == "gzip" { &gzip } else { &plain };
        assert!(answer.body == whole.body, "{fields:?}");
    }
}

#[test]
fn head_has_no_ranges() {
    let site = site();
    for range in ["bytes=0-9", "bytes=0-9,20-29", "bytes=99999999-", "bytes=x"] {
        for target in ["/text.txt", "/noise.bin"] {
            let head = site.ask("HEAD", target, &[&format!("range: {range}")]);
            let whole = site.ask("HEAD", target, &[]);
            assert_eq!(head.status, 200, "{target} {range}");
            assert_eq!(head.lasting_fields(), whole.lasting_fields(), "{target} {range}");
        }
    }
}

#[test]
fn only_resources_have_ranges() {
    let site = site();
    let range = "range: bytes=0-4";
    let missing = site.get_with("/nothing", &[range]);
    assert_eq!((missing.status, missing.text()), (404, "<p>this page is not there\n"));
    assert_eq!(site.get_with("/docs", &[range]).status, 308);
    assert_eq!(site.get_with("/%zz", &[range]).status, 400);
    assert_eq!(site.ask("POST", "/text.txt", &[range]).status, 405);
    assert_eq!(site.ask("OPTIONS", "/text.txt", &[range]).status, 204);
    let index = site.get_with("/docs/", &[range]);
    assert_eq!((index.status, index.text()), (206, "<p>do"));
    let page = site.get_with("/404.html", &[range]);
    assert_eq!((page.status, page.text()), (206, "<p>th"));
}

/// A download that broke off is completed by other people's programs.
#[test]
fn curl_continues_a_download() {
    let site = site();
    let scratch = site.scratch();
    for (name, whole) in
        [("text.txt", fixtures::text().into_bytes()), ("noise.bin", fixtures::noise())]
    {
        let begun = scratch.write(format!("begun-{name}"), &whole[..70_000]);
        let url = format!("http://{}/{name}", site.address());
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            let curl = holdall_tests::tools::tool("curl").args(["-sSf", version, "-C", "-", "-o"]);
            curl.arg(&begun).arg(&url).ok();
            assert!(std::fs::read(&begun).unwrap() == whole, "{name} {version}");
            scratch.write(format!("begun-{name}"), &whole[..10]);
        }
    }
}
