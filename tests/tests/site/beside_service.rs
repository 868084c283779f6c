//! `[serve]` before a service of one's own, linked or as a plug-in: who answers what.

use std::path::Path;
use std::sync::Arc;

use holdall_tests::{Client, fixtures, programs};

use crate::answer::Answer;
use crate::fixture::{Shared, Site};

static LINKED: Shared = Shared::new();
static PLUGIN: Shared = Shared::new();

const STREAMS: &str = env!("CARGO_BIN_EXE_streams");
const ALLOWED: &str = "GET, HEAD, OPTIONS";

const MANIFEST: &str = r#"
[serve]
"/static" = "assets"

[static]
cors = ["https://app.example"]

[[static.redirects]]
from = "/static/moved/*"
to = "/static/*"
"#;

fn files() -> [(&'static str, String); 5] {
    [
        ("assets/text.txt", fixtures::text()),
        ("assets/sub/index.html", "<p>sub\n".to_owned()),
        ("assets/page.html", "<p>page\n".to_owned()),
        ("private.txt", "not served\n".to_owned()),
        ("index.html", "not served either\n".to_owned()),
    ]
}

/// The service `streams`: `/target` says the target, `/length` how much was sent, and what it does
/// not know is 404 with `nothing here`.
fn linked() -> Arc<Site> {
    LINKED.get(|| Site::before(Path::new(STREAMS), "linked", &files(), MANIFEST))
}

/// The service `greeter`, with the same paths.
fn plugin() -> Arc<Site> {
    PLUGIN.get(|| Site::before(programs::greeter(), "plugin", &files(), MANIFEST))
}

fn both() -> [Arc<Site>; 2] {
    [linked(), plugin()]
}

/// Whether the resources answer: their answers have this field, those of the services have not.
fn is_served(answer: &Answer) -> bool {
    answer.header("x-content-type-options") == Some("nosniff")
}

#[test]
fn resources_are_served_as_in_a_site() {
    for site in both() {
        for (target, fields, status) in [
            ("/static/text.txt", &[][..], 200),
            ("/static/text.txt?query", &[], 200),
            ("/static/text.txt", &["accept-encoding: gzip"], 200),
            ("/static/text.txt", &["if-none-match: *"], 304),
            ("/static/text.txt", &["if-match: \"x\""], 412),
            ("/static/text.txt", &["range: bytes=0-9"], 206),
            ("/static/text.txt", &["range: bytes=0-9,20-29"], 206),
            ("/static/text.txt", &["range: bytes=999999-"], 416),
            ("/static/text.txt", &["accept-encoding: *;q=0"], 406),
            ("/static/sub/", &[], 200),
            ("/static/sub", &[], 308),
            ("/static/page", &[], 200),
            ("/static/page/", &[], 308),
            ("/static/moved/x", &[], 308),
        ] {
            let answer = site.get_with(target, fields);
            assert_eq!(answer.status, status, "{target} {fields:?}");
            assert!(is_served(&answer) || status == 304, "{target} {fields:?}: {answer:?}");
            assert!(answer.lists("vary", "origin"), "{target} {fields:?}: {answer:?}");
        }
        assert!(site.get("/static/text.txt").text() == fixtures::text());
        assert_eq!(site.get("/static/sub").header("location"), Some("/static/sub/"));
    }
}

#[test]
fn the_service_has_the_rest() {
    let site = linked();
    for target in ["/target", "/target?a=b", "/target/", "/target/5?x", "/target/%35"] {
        let answer = site.get(target);
        // As it came: nothing was decoded on the way.
        let is_number = !target.contains('%') && !target.ends_with('/');
        assert_eq!(answer.status, if is_number { 200 } else { 500 }, "{target}");
        assert!(!is_number || answer.text() == target, "{target}: {answer:?}");
        assert!(!is_served(&answer), "{target}: {answer:?}");
    }
    for target in
        ["/", "/zeros/100000", "/nothing", "/private.txt", "/index.html", "/assets/text.txt"]
    {
        assert!(!is_served(&site.get(target)), "{target}");
    }
    assert_eq!(site.get("/").text(), "hello\n");
    assert_eq!(site.get("/zeros/100000").body, vec![0; 100_000]);
    let site = plugin();
    for (target, status, body) in [
        ("/", 200, "hello"),
        ("/hello/you", 200, "hello, you"),
        ("/target?a=b", 200, "/target?a=b"),
        ("/nothing", 404, ""),
        ("/private.txt", 404, ""),
    ] {
        let answer = site.get(target);
        assert_eq!((answer.status, answer.text()), (status, body), "{target}");
    }
}

/// What is under the prefix, but not there, is for the service as well.
#[test]
fn what_is_not_there_goes_to_the_service() {
    for site in both() {
        for target in [
            "/static/nothing",
            "/static/",
            "/static",
            "/static/sub/nothing",
            "/static/text.txt/x",
            "/staticx",
        ] {
            let answer = site.get(target);
            assert!(!is_served(&answer), "{target}: {answer:?}");
            assert!([404, 500].contains(&answer.status), "{target}: {answer:?}");
        }
    }
}

#[test]
fn other_methods_are_for_the_service() {
    let send = |site: &Site, method: &str, target: &str| {
        let head = format!("{method} {target} HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n");
        let mut client = site.sending(format!("{head}connection: close\r\n\r\n12345"));
        Answer::from(client.response())
    };
    for site in both() {
        let answer = send(&site, "POST", "/length");
        assert_eq!((answer.status, answer.text()), (200, "5"));
        let answer = send(&site, "POST", "/echo");
        assert_eq!((answer.status, answer.text()), (200, "12345"));
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            for target in ["/static/text.txt", "/static/sub/", "/static/page"] {
                let answer = send(&site, method, target);
                let told = (answer.status, answer.header("allow"));
                assert_eq!(told, (405, Some(ALLOWED)), "{method} {target}");
            }
            let answer = send(&site, method, "/static/nothing");
            assert!(!is_served(&answer), "{method}: {answer:?}");
        }
    }
    let large = vec![b'x'; 1 << 20];
    let head = "POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 1048576\r\n\r\n";
    let mut client = Client::sending(linked().address(), [head.as_bytes(), &large].concat());
    assert_eq!(client.response().text(), "1048576");
}

#[test]
fn options_and_preflights() {
    let preflight = ["origin: https://app.example", "access-control-request-method: GET"];
    for site in both() {
        let answer = site.ask("OPTIONS", "/static/text.txt", &preflight);
        assert_eq!(answer.status, 204, "{answer:?}");
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin, Some("https://app.example"), "{answer:?}");
        let answer = site.ask("OPTIONS", "/static/nothing", &[]);
        assert!(!is_served(&answer), "{answer:?}");
        let answer = site.ask("OPTIONS", "/target", &[]);
        assert!(!is_served(&answer), "{answer:?}");
    }
}

/// Paths that can't be names go to the service as they came, or are refused; nothing falls over.
#[test]
fn odd_paths_do_no_harm() {
    for site in both() {
        for target in [
            "/static/../private.txt",
            "/static/%2e%2e/private.txt",
            "/static//text.txt",
            "//static/text.txt",
            "/static%2ftext.txt",
            "/static/text.txt%00",
            "/static/%ff",
            "/static/%5c..%5cprivate.txt",
            "/%zz",
            "/static/%zz",
            "/static/text.txt%",
            "*",
        ] {
            let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n\r\n");
            let answer = Answer::from(site.sending(request).response());
            assert!([200, 400, 404, 500].contains(&answer.status), "{target}: {answer:?}");
            assert!(!answer.text().contains("not served"), "{target}: {answer:?}");
        }
        assert!(site.get("/static/text.txt").text() == fixtures::text());
    }
}

/// Without `[serve]` a service has all of HTTP to itself.
#[test]
fn nothing_is_served_unless_it_is_said() {
    let site = Site::before(Path::new(STREAMS), "linked", &files(), "");
    for target in ["/static/text.txt", "/assets/text.txt", "/index.html", "/private.txt"] {
        assert!(!is_served(&site.get(target)), "{target}");
    }
    assert_eq!(site.get("/").text(), "hello\n");
}

/// An application of one page behind which a service answers for data.
#[test]
fn the_fallback_comes_before_the_service() {
    let manifest = "[serve]\n\"/\" = \"assets\"\n[static]\nfallback = \"page.html\"\n";
    let site = Site::before(Path::new(STREAMS), "linked", &files(), manifest);
    let browser = site.get_with("/target", &["accept: text/html"]);
    assert_eq!(browser.text(), "<p>page\n");
    let script = site.get_with("/target", &["accept: application/json"]);
    assert_eq!(script.text(), "/target");
    let any = site.get_with("/target", &["accept: */*"]);
    assert_eq!(any.text(), "/target");
}
