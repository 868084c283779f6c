//! `[serve]`: which directory answers under which prefix.

use std::sync::Arc;

use crate::fixture::{Shared, Site};

static SITE: Shared = Shared::new();

const FILES: [(&str, &str); 12] = [
    ("index.html", "<p>not served\n"),
    ("assets/app.js", "app()\n"),
    ("assets/sub/index.html", "<p>sub\n"),
    ("assets/sub/a b/index.html", "<p>spaced\n"),
    ("assets/404.html", "<p>no such asset\n"),
    ("assets/page.html", "<p>page\n"),
    ("assets/deep/hidden.txt", "hidden by a longer prefix\n"),
    ("deep/index.html", "<p>deep\n"),
    ("deep/file.txt", "deep file\n"),
    ("public/data.json", "{}\n"),
    ("404.html", "<p>nothing here\n"),
    ("top.txt", "top\n"),
];

const MANIFEST: &str = r#"
[serve]
"/static" = "assets"
"/static/deep" = "deep"
"/data/" = "public"
"/gr\u00fcn" = "deep"
"#;

fn site() -> Arc<Site> {
    SITE.get(|| Site::of(&FILES, MANIFEST))
}

#[test]
fn the_longest_prefix_gives_the_directory() {
    let site = site();
    for (target, body) in [
        ("/static/app.js", "app()\n"),
        ("/static/sub/", "<p>sub\n"),
        ("/static/page", "<p>page\n"),
        ("/static/page.html", "<p>page\n"),
        ("/static/deep/", "<p>deep\n"),
        ("/static/deep/file.txt", "deep file\n"),
        ("/data/data.json", "{}\n"),
        ("/gr%C3%BCn/file.txt", "deep file\n"),
        // Held against the decoded path.
        ("/%73tatic/app.js", "app()\n"),
        ("/static/%64eep/file.txt", "deep file\n"),
    ] {
        let answer = site.get(target);
        assert_eq!((answer.status, answer.text()), (200, body), "{target}");
    }
}

#[test]
fn prefixes_are_held_segment_by_segment() {
    let site = site();
    for target in [
        "/",
        "/index.html",
        "/top.txt",
        "/assets/app.js",
        "/public/data.json",
        "/deep/file.txt",
        "/staticx",
        "/static-old/app.js",
        "/statica",
        "/stati/app.js",
        "/STATIC/app.js",
        "/static/deeper/file.txt",
        "/static/deep/hidden.txt",
        "/static/top.txt",
        "/static/assets/app.js",
        "/static/../top.txt",
        "/static/%2e%2e/top.txt",
        "/static%2fapp.js",
        "/static//app.js",
        "//static/app.js",
        "/static/sub/../app.js",
        "/data",
        "/app.js",
        "/static/.holdall/manifest.json",
    ] {
        let answer = site.get(target);
        let is_moved = target == "/data" && answer.status == 308;
        assert!(answer.status == 404 || is_moved, "{target}: {answer:?}");
    }
}

#[test]
fn redirects_keep_the_prefix() {
    let site = site();
    for (target, location) in [
        ("/static/sub", "/static/sub/"),
        ("/static/sub?a=b", "/static/sub/?a=b"),
        ("/static/sub/a%20b", "/static/sub/a%20b/"),
        ("/static/deep", "/static/deep/"),
        ("/static/page/", "/static/page"),
    ] {
        let answer = site.get(target);
        assert_eq!((answer.status, answer.header("location")), (308, Some(location)), "{target}");
    }
}

#[test]
fn the_nearest_page_is_within_the_prefix() {
    let site = site();
    for target in ["/static/nothing", "/static/sub/nothing", "/static/", "/static/sub/x/y"] {
        let answer = site.get(target);
        assert_eq!((answer.status, answer.text()), (404, "<p>no such asset\n"), "{target}");
    }
    for target in ["/static/deep/nothing", "/nothing", "/data/nothing"] {
        let answer = site.get(target);
        assert_eq!(answer.status, 404, "{target}");
        assert_ne!(answer.text(), "<p>no such asset\n", "{target}");
    }
}

#[test]
fn listings_show_the_prefix_alone() {
    let manifest = format!("{MANIFEST}\n[static]\nlisting = true\n");
    let site = Site::of(&FILES, &manifest);
    let page = site.get("/static/");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("app.js") && !page.text().contains("top.txt"), "{page:?}");
    assert_eq!(site.get("/").status, 404);
}

/// A prefix may be the root, and another one lie in it.
#[test]
fn the_root_may_be_one_of_them() {
    let site = Site::of(&FILES, "[serve]\n\"/\" = \"public\"\n\"/lib\" = \"assets\"\n");
    assert_eq!(site.get("/data.json").text(), "{}\n");
    assert_eq!(site.get("/lib/app.js").text(), "app()\n");
    assert_eq!(site.get("/lib/sub").header("location"), Some("/lib/sub/"));
    for target in ["/lib/data.json", "/app.js", "/assets/app.js", "/library/app.js"] {
        assert_eq!(site.get(target).status, 404, "{target}");
    }
}
