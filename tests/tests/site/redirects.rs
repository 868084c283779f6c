//! Redirects by pattern: which one, where to, and where never.

use std::sync::Arc;

use crate::fixture::{Shared, Site, refused};

static SITE: Shared = Shared::new();

const MANIFEST: &str = r#"
[[static.redirects]]
from = "/blog/*"
to = "/articles/*"
status = 301

[[static.redirects]]
from = "/blog/*/old"
to = "/never"

[[static.redirects]]
from = "/blog/**"
to = "/archive/*"

[[static.redirects]]
from = "/*/by/*.html"
to = "/people/*/*"
status = 302

[[static.redirects]]
from = "/see"
to = "/text.txt"
status = 303

[[static.redirects]]
from = "/for-now"
to = "/text.txt"
status = 307

[[static.redirects]]
from = "/text.txt"
to = "/other.txt"

[[static.redirects]]
from = "/search"
to = "/find?by=name"

[[static.redirects]]
from = "/away/**"
to = "https://example.org/*"

[[static.redirects]]
from = "/go/**"
to = "/**"

[[static.redirects]]
from = "/here**"
to = "/there*"

[[static.redirects]]
from = "/gr?n"
to = "/green"

[[static.redirects]]
from = "/old/**"
status = 410

[[static.redirects]]
from = "/docs"
to = "/manual/"
"#;

fn site() -> Arc<Site> {
    let files = [
        ("index.html", "<p>start\n"),
        ("text.txt", "hidden by a redirect\n"),
        ("other.txt", "other\n"),
        ("old/file.txt", "hidden as well\n"),
        ("docs/index.html", "<p>docs\n"),
        ("404.html", "<p>not there\n"),
    ];
    SITE.get(|| Site::of(&files, MANIFEST))
}

#[test]
fn the_first_that_matches_leads_on() {
    let site = site();
    for (target, status, location) in [
        ("/blog/a", 301, "/articles/a"),
        ("/blog/", 301, "/articles/"),
        ("/blog/a.html", 301, "/articles/a.html"),
        ("/blog/a/old", 308, "/never"),
        ("/blog/a/b", 308, "/archive/a/b"),
        ("/blog/a/b/c/", 308, "/archive/a/b/c/"),
        ("/2024/by/ann.html", 302, "/people/2024/ann"),
        ("/see", 303, "/text.txt"),
        ("/for-now", 307, "/text.txt"),
        // Before the resource of that name, and before a directory.
        ("/text.txt", 308, "/other.txt"),
        ("/docs", 308, "/manual/"),
        ("/away/x/y", 308, "https://example.org/x/y"),
        ("/away/", 308, "https://example.org/"),
        ("/go/x/y", 308, "/x/y"),
        ("/heretic", 308, "/theretic"),
        ("/here", 308, "/there"),
        ("/gr%C3%BCn", 308, "/green"),
        ("/grin", 308, "/green"),
        // Held against the decoded path, and written encoded.
        ("/bl%6fg/a", 301, "/articles/a"),
        ("/blog/a%20b", 301, "/articles/a%20b"),
        ("/blog/a%3fb%23c", 301, "/articles/a%3Fb%23c"),
        ("/blog/100%25", 301, "/articles/100%25"),
        ("/blog/gr%c3%bcn", 301, "/articles/gr%C3%BCn"),
        ("/blog/%22%3c%3e", 301, "/articles/%22%3C%3E"),
    ] {
        let answer = site.get(target);
        let place = answer.header("location").map(|place| place.to_lowercase());
        let location = location.to_lowercase();
        assert_eq!((answer.status, place), (status, Some(location)), "{target}");
    }
}

#[test]
fn the_query_is_kept_unless_there_is_another() {
    let site = site();
    for (target, location) in [
        ("/blog/a?x=y", "/articles/a?x=y"),
        ("/blog/a?x=%20&/?#", "/articles/a?x=%20&/?"),
        ("/see?x", "/text.txt?x"),
        ("/away/x?y=z", "https://example.org/x?y=z"),
        ("/search?x=y", "/find?by=name"),
        ("/search", "/find?by=name"),
        // What a `*` stands for is no query.
        ("/blog/a%3fx=y?z", "/articles/a%3Fx=y?z"),
    ] {
        let place = site.get(target).header("location").map(str::to_lowercase);
        assert_eq!(place, Some(location.to_lowercase()), "{target}");
    }
}

#[test]
fn what_does_not_match_goes_on() {
    let site = site();
    for (target, status) in [
        ("/", 200),
        ("/other.txt", 200),
        ("/docs/", 200),
        ("/blog", 404),
        ("/BLOG/a", 404),
        ("/x/blog/a", 404),
        ("/see/", 404),
        ("/sea", 404),
        ("/a/b/by/ann.html", 404),
        ("/2024/by/ann.htm", 404),
        ("/gr/n", 404),
        ("/grn", 404),
        ("/search/", 404),
    ] {
        assert_eq!(site.get(target).status, status, "{target}");
    }
}

#[test]
fn what_is_gone_is_gone() {
    let site = site();
    for target in ["/old/", "/old/file.txt", "/old/a/b/c", "/old/x?y"] {
        let answer = site.get(target);
        assert_eq!((answer.status, answer.header("location")), (410, None), "{target}");
    }
    assert_eq!(site.get("/old").status, 404);
}

/// Wherever a client asks to be sent, it stays on this host, within the header field.
#[test]
fn nobody_is_led_astray() {
    let site = site();
    for target in [
        "/go//evil.example/",
        "/go///evil.example",
        "/go/%2fevil.example",
        "/go/%2f%2fevil.example",
        "/go/%5cevil.example",
        "/go/%5c%5cevil.example",
        "/go/%09/evil.example",
        "/go/http://evil.example",
        "/go/%0d%0ax-evil:%201",
        "/blog/%0d%0ax-evil:%201",
        "/blog/%0d%0a%0d%0a%3cscript%3e",
        "/blog/%00",
        "/blog/a%0ax-evil:1",
        "/blog/..",
        "/blog/../../x",
        "/go/..//evil.example",
        "/blog/%e2%80%a8",
        "/here//evil.example",
        "/here%0d%0ax-evil:1",
        "/away/%0d%0ax-evil:1",
        "/blog/a%5c..%5cb",
        "/go/%c2%85",
    ] {
        let answer = site.get(target);
        assert_eq!(answer.header("x-evil"), None, "{target}");
        let place = answer.header("location").unwrap_or_default();
        assert!([301, 308, 404].contains(&answer.status), "{target}: {answer:?}");
        // That it is a place on this host, in visible ASCII, is checked for every answer.
        assert!(
            !place.starts_with("//") && !place.to_lowercase().contains("%0d"),
            "{target}: {place}"
        );
    }
}

#[test]
fn what_is_said_beside_it() {
    let site = site();
    let moved = site.get("/blog/a");
    assert_eq!((moved.header("etag"), moved.header("accept-ranges")), (None, None));
    for fields in [&["if-none-match: *"][..], &["range: bytes=0-0"], &["accept-encoding: *;q=0"]] {
        assert_eq!(site.get_with("/blog/a", fields).status, 301, "{fields:?}");
    }
    assert_eq!(site.get("/blog/%zz").status, 400);
}

#[test]
fn other_methods_are_led_on_and_options_are_told() {
    let site = site();
    for target in ["/blog/a", "/for-now", "/old/x", "/text.txt"] {
        let post = site.ask("POST", target, &["content-length: 0"]);
        assert_eq!(post.status, site.get(target).status, "{target}");
        assert_eq!(site.ask("OPTIONS", target, &[]).status, 204, "{target}");
    }
}

#[test]
fn redirects_that_lead_nowhere_are_refused() {
    for (rule, reason) in [
        ("from = \"/a\"", "needs a `to`"),
        ("from = \"/a\"\nto = \"/b\"\nstatus = 200", "the status is"),
        ("from = \"/a\"\nto = \"/b\"\nstatus = 304", "the status is"),
        ("from = \"/a\"\nto = \"/b\"\nstatus = 410", "gone"),
        ("from = \"/a\"\nto = \"//evil.example\"", "a path or a URL"),
        ("from = \"/a\"\nto = \"b\"", "a path or a URL"),
        ("from = \"/a\"\nto = \"javascript:alert(1)\"", "a path or a URL"),
        ("from = \"/a\"\nto = \"/b c\"", "a path or a URL"),
        ("from = \"/a\"\nto = \"/b\\r\\nX: y\"", "a path or a URL"),
        ("from = \"/a\"\nto = \"/*\"", "more `*`"),
        ("from = \"a\"\nto = \"/b\"", "begins with a slash"),
        ("to = \"/b\"", "from"),
    ] {
        let line = refused(&format!("[[static.redirects]]\n{rule}\n"));
        assert!(line.contains("holdall.toml:") && line.contains(reason), "{rule}: {line}");
    }
}
