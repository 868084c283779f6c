//! What is in a directory, where that is asked for: whole, escaped, and with links that lead there.

use std::sync::Arc;

use crate::fixture::{Shared, Site, encoded};

static SITE: Shared = Shared::new();

/// A name that would be a program, were it not escaped.
const SCRIPT: &str = "<img src=x onerror=alert(1)>.txt";

/// Names of files in `files/`; `·` is between them.
const NAMES: &str = "<img src=x onerror=alert(1)>.txt·plain.txt·with space.txt·grün.txt·a&b;c.txt·\
    \"quoted\".txt·it's.txt·100%.txt·%2e%2e.txt·what?.txt·a#b.txt·&lt;b&gt;.txt·你好.txt·http:x.txt·\
    javascript:alert(1)·a+b.txt·\u{202e}txt.exe·'><script>alert(1)<·.hidden";

fn site() -> Arc<Site> {
    SITE.get(|| {
        let names = NAMES.split('·').map(|name| format!("files/{name}"));
        let more = ["files/sub/deep.txt", "files/<b>sub<i>/x.txt", "indexed/index.html", "top.txt"];
        let names: Vec<_> = names.chain(more.map(str::to_owned)).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), name)).collect();
        Site::of(&files, "[static]\nlisting = true\n")
    })
}

/// The links of a page, unescaped.
fn links(page: &str) -> Vec<String> {
    let values = page.split("href=\"").skip(1);
    let values = values.map(|rest| rest.split_once('"').expect("the end of a link").0);
    let unescape = |text: &str| {
        let named = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        named.replace("&#39;", "'").replace("&#x27;", "'").replace("&amp;", "&")
    };
    values.map(unescape).collect()
}

/// Where a link on the page of a directory leads, if it leads down.
fn resolve(directory: &str, link: &str) -> Option<String> {
    // A colon before the first slash would make it a scheme (RFC 3986, section 4.2).
    assert!(!link.split('/').next()?.contains(':'), "a scheme: {link}");
    let below = link.strip_prefix("./").or((!link.starts_with(['/', '.', '?'])).then_some(link));
    match (below, link.strip_prefix(directory)) {
        (Some(below), _) | (None, Some(below)) => {
            (!below.is_empty()).then(|| format!("{directory}{below}"))
        }
        (None, None) => None,
    }
}

#[test]
fn every_entry_has_a_link_that_leads_there() {
    let site = site();
    let page = site.get("/files/");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let found: Vec<_> = links(page.text()).iter().filter_map(|it| resolve("/files/", it)).collect();
    for name in NAMES.split('·') {
        let target = encoded(&format!("/files/{name}"));
        let link = found.iter().find(|link| site.get(link).text() == format!("files/{name}"));
        assert!(link.is_some(), "{target} is not among {found:#?}");
    }
    for (directory, name) in [("sub/", "deep.txt"), ("<b>sub<i>/", "x.txt")] {
        let inner = found.iter().find(|it| {
            let listed = site.get(it);
            it.ends_with('/') && listed.status == 200 && listed.text().contains(name)
        });
        assert!(inner.is_some(), "{directory} is not among {found:#?}");
    }
    assert_eq!(found.len(), NAMES.split('·').count() + 2, "{found:#?}");
}

#[test]
fn names_are_text() {
    let site = site();
    let page = site.get("/files/");
    let text = page.text();
    assert!(!text.contains("<img src=x") && !text.contains("<script>alert"), "{text}");
    assert!(!text.contains("<b>sub") && text.contains("&lt;b&gt;sub"), "{text}");
    assert!(text.contains(&SCRIPT.replace('<', "&lt;").replace('>', "&gt;")), "{text}");
    assert!(text.contains("&amp;lt;b&amp;gt;.txt"), "{text}");
    assert!(text.contains("gr\u{fc}n.txt") && text.contains("你好.txt"), "{text}");
    // The name of a directory stands in its own page as well.
    let inner = site.get(&encoded("/files/<b>sub<i>/"));
    assert_eq!(inner.status, 200);
    assert!(!inner.text().contains("<b>sub"), "{}", inner.text());
}

#[test]
fn a_page_is_whole_html() {
    let page = site().get("/files/sub/");
    let text = page.text();
    assert!(text.to_ascii_lowercase().starts_with("<!doctype html>"), "{text}");
    for tag in ["<html", "<title>", "<meta charset=\"utf-8\"", "name=\"viewport\"", "</html>"] {
        assert!(text.to_ascii_lowercase().contains(tag), "{tag} is not in {text}");
    }
    // Nothing is taken from elsewhere, so that it works without a network.
    for part in ["http://", "https://", "<script src", "@import", "url("] {
        assert!(!text.contains(part), "{part} is in {text}");
    }
    let python = "import sys, html.parser as h
class P(h.HTMLParser):
    def __init__(s): super().__init__(); s.open = []
    def handle_starttag(s, t, a):
        if t not in ('meta', 'link', 'br', 'hr', 'img', 'input', 'path'): s.open.append(t)
    def handle_endtag(s, t):
        while s.open and s.open[-1] != t and s.open[-1] in ('li', 'p', 'td', 'tr', 'tbody'): s.open.pop()
        assert s.open and s.open.pop() == t, t
P().feed(sys.stdin.read())";
    let checked = holdall_tests::tools::tool("python3").args(["-c", python]).input(text);
    checked.ok();
}

#[test]
fn a_listing_is_for_directories_without_an_index() {
    let site = site();
    assert_eq!(site.get("/indexed/").text(), "indexed/index.html");
    for (target, status) in [
        ("/files", 308),
        ("/files/sub", 308),
        ("/files/plain.txt", 200),
        ("/files/plain.txt/", 404),
        ("/files/nothing/", 404),
        ("/nothing", 404),
        ("/files//", 404),
        ("/files/../", 404),
        ("/.holdall/", 404),
    ] {
        assert_eq!(site.get(target).status, status, "{target}");
    }
    let root = site.get("/");
    assert_eq!(root.status, 200);
    for name in ["top.txt", "files/", "indexed/"] {
        assert!(root.text().contains(name), "{name}");
    }
    assert!(!root.text().contains("holdall.toml") && !root.text().contains(".holdall"));
    assert_eq!(site.ask("POST", "/files/", &["content-length: 0"]).status, 405);
}

#[test]
fn nothing_is_listed_unless_it_is_said() {
    let files = [("files/secret.txt", "x\n"), ("index.html", "<p>start\n")];
    for manifest in ["", "[static]\nlisting = false\n"] {
        let answer = Site::of(&files, manifest).get("/files/");
        assert_eq!(answer.status, 404);
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
}

/// The entries are in an order, and directories that are empty are there as well.
#[test]
fn entries_are_sorted() {
    let files: Vec<_> = (0..500).rev().map(|number| format!("many/{number:03}.txt")).collect();
    let files: Vec<_> = files.iter().map(|name| (name.as_str(), name)).collect();
    let site = Site::of(&files, "[static]\nlisting = true\n");
    let page = site.get("/many/");
    let found: Vec<_> = links(page.text()).iter().filter_map(|it| resolve("/many/", it)).collect();
    let expected: Vec<_> = (0..500).map(|number| format!("/many/{number:03}.txt")).collect();
    assert_eq!(found, expected);
}
