//! Header fields by pattern: what matches, which rule wins, what none can change.

use std::sync::Arc;

use crate::fixture::{Shared, Site, refused};

static SITE: Shared = Shared::new();

const FILES: [(&str, &str); 12] = [
    ("index.html", "<p>start\n"),
    ("404.html", "<p>not there\n"),
    ("assets/app.js", "1\n"),
    ("assets/deep/app.3f9a2c1b.js", "2\n"),
    ("assets-old/app.js", "3\n"),
    ("grün.txt", "4\n"),
    ("grin.txt", "5\n"),
    ("a b.txt", "6\n"),
    ("a b/page.html", "<p>page\n"),
    ("a b/deep/index.html", "<p>deep\n"),
    ("docs/index.html", "<p>docs\n"),
    ("download.bin", "7\n"),
];

const MANIFEST: &str = r#"
[[static.headers]]
for = "/**"
set = { X-All = "all", X-Last = "first" }

[[static.headers]]
for = "/assets/*"
set = { X-One = "one level", X-Last = "second" }

[[static.headers]]
for = "/assets/**"
set = { X-Deep = "any level", Cache-Control = "public, max-age=3600" }

[[static.headers]]
for = "/gr?n.txt"
set = { X-Any = "one character" }

[[static.headers]]
for = "/a b.txt"
set = { X-Space = "decoded" }

[[static.headers]]
for = "/a b/**"
set = { X-Inner = "decoded" }

[[static.headers]]
for = "*.js"
set = { X-Script = "any name" }

[[static.headers]]
for = "/docs/"
set = { X-Docs = "the directory", X-Frame-Options = "", x-content-type-options = "", Referrer-Policy = "no-referrer" }

[[static.headers]]
for = "/download.bin"
set = { Content-Disposition = "attachment", Content-Type = "application/x-thing", Vary = "Cookie" }

[[static.redirects]]
from = "/moved"
to = "/docs/"

[[static.redirects]]
from = "/gone"
status = 410
"#;

fn site() -> Arc<Site> {
    SITE.get(|| Site::of(&FILES, MANIFEST))
}

#[test]
fn patterns_are_held_against_the_whole_path() {
    let site = site();
    for (target, name, value) in [
        ("/assets/app.js", "x-one", Some("one level")),
        ("/assets/app.js?query", "x-one", Some("one level")),
        ("/assets/app%2ejs", "x-one", Some("one level")),
        ("/assets/deep/app.3f9a2c1b.js", "x-one", None),
        ("/assets-old/app.js", "x-one", None),
        ("/assets-old/app.js", "x-deep", None),
        ("/assets/app.js", "x-deep", Some("any level")),
        ("/assets/deep/app.3f9a2c1b.js", "x-deep", Some("any level")),
        ("/assets/nothing/at/all", "x-deep", Some("any level")),
        ("/gr%C3%BCn.txt", "x-any", Some("one character")),
        ("/grin.txt", "x-any", Some("one character")),
        ("/a%20b.txt", "x-space", Some("decoded")),
        ("/docs/", "x-docs", Some("the directory")),
        ("/docs/index.html", "x-docs", None),
        ("/docs", "x-docs", None),
        ("/a%20b/nothing", "x-inner", Some("decoded")),
        ("/a%20b/page", "x-inner", Some("decoded")),
        ("/a%20b/deep", "x-inner", Some("decoded")),
        ("/", "x-all", Some("all")),
        ("/docs/index.html", "x-all", Some("all")),
    ] {
        assert_eq!(site.get(target).header(name), value, "{name} of {target}");
    }
}

#[test]
fn later_rules_win() {
    let site = site();
    assert_eq!(site.get("/assets/app.js").header("x-last"), Some("second"));
    assert_eq!(site.get("/assets/deep/app.3f9a2c1b.js").header("x-last"), Some("first"));
    let files = [("a.txt", "a\n")];
    let both = |first: &str, second: &str| {
        let rule = |value: &str| {
            format!("[[static.headers]]\nfor = \"/**\"\nset = {{ X = \"{value}\" }}\n")
        };
        let site = Site::of(&files, &(rule(first) + &rule(second)));
        site.get("/a.txt").header("x").map(str::to_owned)
    };
    assert_eq!(both("one", "two").as_deref(), Some("two"));
    assert_eq!(both("one", "").as_deref(), None);
    assert_eq!(both("", "two").as_deref(), Some("two"));
}

#[test]
fn a_rule_replaces_what_would_be_said() {
    let site = site();
    for target in ["/assets/app.js", "/assets/deep/app.3f9a2c1b.js"] {
        assert_eq!(
            site.get(target).header("cache-control"),
            Some("public, max-age=3600"),
            "{target}"
        );
    }
    // What is missing today may be there tomorrow.
    assert_eq!(site.get("/assets/nothing.js").header("cache-control"), Some("no-cache"));
    let docs = site.get("/docs/");
    assert_eq!(docs.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(
        (docs.header("x-frame-options"), docs.header("x-content-type-options")),
        (None, None)
    );
    let other = site.get("/");
    assert_eq!(other.header("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(other.header("x-content-type-options"), Some("nosniff"));
    let download = site.get("/download.bin");
    assert_eq!(download.header("content-type"), Some("application/x-thing"));
    assert_eq!(download.header("content-disposition"), Some("attachment"));
    assert!(download.lists("vary", "cookie"), "{download:?}");
}

/// Whatever the answer is, its path has the rules.
#[test]
fn all_answers_have_them() {
    let site = site();
    for (method, target, fields, status) in [
        ("GET", "/assets/app.js", &[][..], 200),
        ("HEAD", "/assets/app.js", &[], 200),
        ("GET", "/assets/app.js", &["if-match: \"x\""], 412),
        ("GET", "/assets/app.js", &["range: bytes=0-0"], 206),
        ("GET", "/assets/app.js", &["range: bytes=9-"], 416),
        ("GET", "/assets/nothing", &[], 404),
        ("GET", "/docs", &[], 308),
        ("GET", "/moved", &[], 308),
        ("GET", "/gone", &[], 410),
    ] {
        let answer = site.ask(method, target, fields);
        let told = (answer.status, answer.header("x-all"));
        assert_eq!(told, (status, Some("all")), "{method} {target} {fields:?}");
    }
    let kept = site.get_with("/assets/app.js", &["if-none-match: *"]);
    assert_eq!(kept.header("cache-control"), Some("public, max-age=3600"));
}

#[test]
fn rules_that_can_not_be_followed_are_refused() {
    for (set, reason) in [
        ("Content-Length = \"5\"", "Content-Length"),
        ("content-encoding = \"gzip\"", "content-encoding"),
        ("Content-Range = \"bytes 0-1/2\"", "Content-Range"),
        ("ETag = \"x\"", "ETag"),
        ("Transfer-Encoding = \"chunked\"", "Transfer-Encoding"),
        ("Connection = \"close\"", "Connection"),
        ("Date = \"\"", "Date"),
        ("\"a b\" = \"x\"", "a b"),
        ("X = \"a\\r\\nSet-Cookie: b\"", "printable"),
        ("X = \"gr\u{fc}n\"", "printable"),
    ] {
        let line = refused(&format!("[[static.headers]]\nfor = \"/**\"\nset = {{ {set} }}\n"));
        assert!(line.contains("holdall.toml:") && line.contains(reason), "{set}: {line}");
    }
    for (manifest, reason) in [
        ("[[static.headers]]\nfor = \"assets\"\nset = {}\n", "begins with a slash"),
        ("[[static.headers]]\nset = {}\n", "for"),
        ("[[static.headers]]\nfor = \"/a\"\nsets = {}\n", "sets"),
        ("[static]\nindex = \"a/b\"\n", "without directories"),
        ("[static]\nindx = \"a\"\n", "did you mean `index`"),
        ("[static]\nfallback = \"nothing.html\"\n", "nothing.html"),
        ("[static]\ncors = [\"app.example\"]\n", "https://app.example"),
        ("[serve]\n\"static\" = \"assets\"\n", "begins with a slash"),
        ("[serve]\n\"/static\" = \"nothing\"\n", "nothing"),
    ] {
        let line = refused(manifest);
        assert!(line.contains("holdall.toml:") && line.contains(reason), "{manifest}: {line}");
    }
}
