//! Pages without their extension.

use std::sync::Arc;

use crate::fixture::{Shared, Site};

static SITE: Shared = Shared::new();

const FILES: [(&str, &str); 10] = [
    ("index.html", "<p>start\n"),
    ("about.html", "<p>about\n"),
    ("docs/index.html", "<p>docs\n"),
    ("docs/page.html", "<p>page\n"),
    ("docs/v1.2.html", "<p>version\n"),
    ("both", "the file itself\n"),
    ("both.html", "<p>both\n"),
    ("a b.html", "<p>spaced\n"),
    ("guide.html", "<p>guide\n"),
    ("guide/part.html", "<p>part\n"),
];

fn site() -> Arc<Site> {
    SITE.get(|| Site::of(&FILES, ""))
}

#[test]
fn a_page_needs_no_extension() {
    let site = site();
    for (target, body) in [
        ("/about", "<p>about\n"),
        ("/about?a=b", "<p>about\n"),
        ("/about.html", "<p>about\n"),
        ("/abou%74", "<p>about\n"),
        ("/docs/page", "<p>page\n"),
        ("/docs/v1.2", "<p>version\n"),
        ("/a%20b", "<p>spaced\n"),
        // The page before the directory.
        ("/guide", "<p>guide\n"),
        ("/guide/part", "<p>part\n"),
        // The resource of the name itself before both.
        ("/both", "the file itself\n"),
        ("/both.html", "<p>both\n"),
        ("/docs/", "<p>docs\n"),
        ("/", "<p>start\n"),
    ] {
        let answer = site.get(target);
        assert_eq!((answer.status, answer.text()), (200, body), "{target}");
    }
    assert_eq!(site.get("/about").header("content-type"), Some("text/html; charset=utf-8"));
    let (short, long) = (site.get("/about"), site.get("/about.html"));
    assert_eq!(short.lasting_fields(), long.lasting_fields());
}

#[test]
fn a_slash_behind_a_page_is_taken_away() {
    let site = site();
    for (target, location) in [
        ("/about/", "/about"),
        ("/about/?a=b", "/about?a=b"),
        ("/docs/page/", "/docs/page"),
        ("/a%20b/", "/a%20b"),
        ("/guide/", "/guide"),
    ] {
        let answer = site.get(target);
        let told = (answer.status, answer.header("location"));
        assert_eq!(told, (308, Some(location)), "{target}");
    }
}

#[test]
fn nothing_else_is_a_page() {
    let site = site();
    for (target, status) in [
        ("/abou", 404),
        ("/ABOUT", 404),
        ("/about.htm", 404),
        ("/about.", 404),
        ("/about.html/", 404),
        ("/about.html.html", 404),
        ("/about//", 404),
        ("/about/x", 404),
        ("/docs/.", 404),
        ("/docs", 308),
        ("/both/", 404),
    ] {
        let status_found = site.get(target).status;
        // Whether `both/` is the page or nothing, it is not the file.
        let is_open = target == "/both/" && status_found == 308;
        assert!(status_found == status || is_open, "{target}: {status_found}");
    }
}

#[test]
fn conditions_and_ranges_hold_for_pages() {
    let site = site();
    let tag = format!("if-none-match: {}", site.get("/about.html").etag());
    assert_eq!(site.get_with("/about", &[&tag]).status, 304);
    assert_eq!(site.get_with("/about", &["range: bytes=3-7"]).text(), "about");
    assert_eq!(site.ask("POST", "/about", &["content-length: 0"]).status, 405);
}

/// A name that is nothing but the extension is no page of a directory.
#[test]
fn an_empty_name_is_no_page() {
    let files =
        [(".html", "<p>hidden\n"), ("docs/.html", "<p>hidden too\n"), ("docs/a.txt", "a\n")];
    let site = Site::of(&files, "");
    for target in ["/", "/docs/", "/docs"] {
        let answer = site.get(target);
        assert!(answer.status != 200, "{target}: {answer:?}");
    }
    assert_eq!(site.get("/.html").text(), "<p>hidden\n");
}

#[test]
fn clean_urls_can_be_switched_off() {
    let site = Site::of(&FILES, "[static]\nclean-urls = false\n");
    for (target, status) in [
        ("/about", 404),
        ("/about/", 404),
        ("/docs/page", 404),
        ("/about.html", 200),
        // Without an index there is nothing to lead to.
        ("/guide", 404),
        ("/docs", 308),
        ("/docs/", 200),
        ("/", 200),
    ] {
        assert_eq!(site.get(target).status, status, "{target}");
    }
}
