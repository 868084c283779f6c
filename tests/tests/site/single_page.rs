//! Single-page applications, and pages for what is not found.

use std::sync::Arc;

use holdall_tests::fixtures;

use crate::fixture::{Shared, Site, gunzip};

static SITE: Shared = Shared::new();

const APP: &str = "<!doctype html><title>app</title>\n";

fn site() -> Arc<Site> {
    let files = [
        ("app.html", APP),
        ("main.js", "start()\n"),
        ("docs/index.html", "<p>docs\n"),
        ("404.html", "<p>not there\n"),
    ];
    SITE.get(|| Site::of(&files, "[static]\nfallback = \"app.html\"\n"))
}

#[test]
fn the_application_answers_for_its_routes() {
    let site = site();
    for target in [
        "/route",
        "/a/deep/route",
        "/route?a=b",
        "/route/",
        "/v1.2/route",
        "/r%C3%B6ute",
        "/docs/x",
        "/",
    ] {
        let answer = site.get_with(target, &["accept: text/html"]);
        assert_eq!((answer.status, answer.text()), (200, APP), "{target}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{target}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{target}");
        assert_eq!(answer.etag(), site.get("/app.html").etag(), "{target}");
    }
}

#[test]
fn it_is_for_those_who_take_html() {
    let site = site();
    let browser = "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (fields, status) in [
        (&[][..], 200),
        (&[browser], 200),
        (&["accept: */*"], 200),
        (&["accept: text/*"], 200),
        (&["accept: TEXT/HTML"], 200),
        (&["accept: text/html;charset=utf-8"], 200),
        (&["accept: text/html;q=0.1"], 200),
        (&["accept: application/json, text/html"], 200),
        (&["accept: application/json", "accept: text/html"], 200),
        (&["accept: application/json"], 404),
        (&["accept: image/avif,image/webp,image/*"], 404),
        (&["accept: text/css"], 404),
        (&["accept: application/*"], 404),
        (&["accept: text/htmlx"], 404),
        (&["accept: text/html;q=0"], 404),
        (&["accept: text/html;q=0, application/json"], 404),
        (&["accept: text/html;q=0, */*"], 404),
    ] {
        assert_eq!(site.get_with("/route", fields).status, status, "{fields:?}");
    }
}

#[test]
fn what_looks_like_a_file_is_not_found() {
    let site = site();
    for (target, status) in [
        ("/nothing.js", 404),
        ("/route/nothing.png", 404),
        ("/route/.well-known", 404),
        ("/a.b", 404),
        ("/../route", 404),
        ("/route//x", 404),
        ("/route%00", 404),
        ("/rou%2fte", 404),
        ("/%zz", 400),
        ("/main.js", 200),
        ("/docs", 308),
        ("/docs/", 200),
    ] {
        let answer = site.get_with(target, &["accept: text/html"]);
        assert_eq!(answer.status, status, "{target}");
        assert!(answer.text() != APP, "{target}");
    }
}

#[test]
fn it_is_a_resource_like_others() {
    let site = site();
    assert_eq!(site.get_with("/route", &["if-none-match: *"]).status, 304);
    assert_eq!(site.get_with("/route", &["range: bytes=0-8"]).text(), "<!doctype");
    assert_eq!(site.ask("POST", "/route", &["content-length: 0"]).status, 405);
    assert_eq!(site.ask("HEAD", "/route", &[]).status, 200);
}

#[test]
fn the_nearest_page_says_that_it_is_not_there() {
    let long = fixtures::text();
    let files = [
        ("index.html", "<p>start\n"),
        ("404.html", "<p>nowhere\n"),
        ("docs/404.html", "<p>no such document\n"),
        ("docs/deep/index.html", "<p>deep\n"),
        ("docs/deep/er/x.txt", "x\n"),
        ("long/404.html", &long),
    ];
    let site = Site::of(&files, "");
    for (target, body) in [
        ("/nothing", "<p>nowhere\n"),
        ("/nothing/", "<p>nowhere\n"),
        ("/nothing/at/all.html", "<p>nowhere\n"),
        ("/document", "<p>nowhere\n"),
        ("/docs/", "<p>no such document\n"),
        ("/docs/nothing", "<p>no such document\n"),
        ("/docs/nothing/", "<p>no such document\n"),
        ("/docs/deep/nothing.html", "<p>no such document\n"),
        ("/docs/deep/er/", "<p>no such document\n"),
        ("/docs/not/there/at/all", "<p>no such document\n"),
        ("/docs/deep/index.html/", "<p>no such document\n"),
        // What can't be a name is not there either.
        ("/text%2fnothing", "<p>nowhere\n"),
        ("/docs/deep%2fer/x.txt", "<p>no such document\n"),
        ("/docs/%ff", "<p>no such document\n"),
        ("/docs//", "<p>no such document\n"),
        ("/long/nothing", &long),
    ] {
        let answer = site.get(target);
        assert_eq!(answer.status, 404, "{target}");
        assert!(answer.text() == body, "{target}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{target}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{target}");
        assert_eq!(site.get_with(target, &["if-none-match: *"]).status, 404, "{target}");
        assert_eq!(site.get_with(target, &["range: bytes=0-1"]).status, 404, "{target}");
        // That it is not there matters more than how it is said.
        assert_eq!(site.get_with(target, &["accept-encoding: *;q=0"]).status, 404, "{target}");
    }
    let answer = site.gzip("/long/nothing");
    let is_packed = answer.header("content-encoding") == Some("gzip");
    let content = if is_packed { gunzip(&answer.body) } else { answer.body };
    assert!(answer.status == 404 && content == long.as_bytes());
    let page = site.get("/404.html");
    assert_eq!((page.status, page.text()), (200, "<p>nowhere\n"));
}

#[test]
fn without_a_page_there_is_a_line() {
    let site = Site::of(&[("index.html", "<p>start\n")], "");
    let answer = site.get("/nothing");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.text().lines().count(), 1, "{answer:?}");
}

#[test]
fn the_names_of_both_pages_can_be_chosen() {
    let files = [
        ("start.htm", "<p>start\n"),
        ("missing.txt", "nothing here\n"),
        ("index.html", "<p>not the index\n"),
        ("404.html", "<p>not the page\n"),
        ("docs/start.htm", "<p>docs\n"),
    ];
    let site = Site::of(&files, "[static]\nindex = \"start.htm\"\nnot-found = \"missing.txt\"\n");
    assert_eq!(site.get("/").text(), "<p>start\n");
    assert_eq!(site.get("/docs/").text(), "<p>docs\n");
    assert_eq!(site.get("/index.html").text(), "<p>not the index\n");
    let missing = site.get("/nothing");
    assert_eq!((missing.status, missing.text()), (404, "nothing here\n"));
    assert_eq!(missing.header("content-type"), Some("text/plain; charset=utf-8"));
}
