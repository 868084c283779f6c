//! Which scripts of other origins may read what is served.

use crate::answer::Answer;
use crate::fixture::Site;

const FILES: [(&str, &str); 3] =
    [("index.html", "<p>start\n"), ("data.json", "{}\n"), ("docs/index.html", "<p>docs\n")];

/// Requests of every kind, and their status.
const REQUESTS: [(&str, &str, &[&str], u16); 11] = [
    ("GET", "/data.json", &[], 200),
    ("HEAD", "/data.json", &[], 200),
    ("GET", "/data.json", &["if-none-match: *"], 304),
    ("GET", "/data.json", &["if-match: \"x\""], 412),
    ("GET", "/data.json", &["range: bytes=0-0"], 206),
    ("GET", "/data.json", &["range: bytes=9-"], 416),
    ("GET", "/docs", &[], 308),
    ("GET", "/nothing", &[], 404),
    ("GET", "/data.json", &["accept-encoding: *;q=0"], 406),
    ("POST", "/data.json", &["content-length: 0"], 405),
    ("OPTIONS", "/data.json", &[], 204),
];

fn site(origins: &str) -> Site {
    Site::of(&FILES, &format!("[static]\ncors = {origins}\n"))
}

/// All requests with the field Origin, if it is given.
fn answers(site: &Site, origin: Option<&str>) -> Vec<(String, Answer)> {
    let origin = origin.map(|origin| format!("origin: {origin}"));
    let ask = |(method, target, fields, status): &(&str, &str, &[&str], u16)| {
        let fields: Vec<_> = fields.iter().copied().chain(origin.as_deref()).collect();
        let answer = site.ask(method, target, &fields);
        assert_eq!(answer.status, *status, "{method} {target} {fields:?}");
        (format!("{method} {target} {fields:?}"), answer)
    };
    REQUESTS.iter().map(ask).collect()
}

#[test]
fn everybody_may_read() {
    let site = site("[\"*\"]");
    for origin in [None, Some("https://app.example"), Some("null")] {
        for (name, answer) in answers(&site, origin) {
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{name}");
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{name}");
            assert!(!answer.lists("vary", "origin"), "{name}");
        }
    }
}

#[test]
fn some_may_read() {
    let site = site("[\"https://app.example\", \"http://127.0.0.1:3000\"]");
    for (origin, allowed) in [
        ("https://app.example", true),
        ("http://127.0.0.1:3000", true),
        ("https://app.example:443", false),
        ("https://app.example:8443", false),
        ("http://app.example", false),
        ("https://app.example.evil.example", false),
        ("https://evil.example", false),
        ("https://evilapp.example", false),
        ("https://app.example/", false),
        ("https://app.example, https://evil.example", false),
        ("app.example", false),
        ("null", false),
        ("*", false),
        ("", false),
    ] {
        for (name, answer) in answers(&site, Some(origin)) {
            let found = answer.header("access-control-allow-origin");
            assert_eq!(found, allowed.then_some(origin), "{name}");
            assert!(answer.lists("vary", "origin"), "{name}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), None, "{name}");
        }
    }
    for (name, answer) in answers(&site, None) {
        assert_eq!(answer.header("access-control-allow-origin"), None, "{name}");
        assert!(answer.lists("vary", "origin"), "{name}: {answer:?}");
    }
}

#[test]
fn vary_has_both() {
    let text = "a line that is worth packing\n".repeat(100);
    let site = Site::of(&[("a.txt", text)], "[static]\ncors = [\"https://app.example\"]\n");
    for fields in
        [&[][..], &["accept-encoding: gzip"], &["if-none-match: *"], &["range: bytes=0-9"]]
    {
        let answer = site.get_with("/a.txt", fields);
        assert!(answer.lists("vary", "origin"), "{answer:?}");
        assert!(answer.lists("vary", "accept-encoding"), "{answer:?}");
    }
}

/// What a browser asks before it asks.
const PREFLIGHT: [&str; 3] = [
    "origin: https://app.example",
    "access-control-request-method: GET",
    "access-control-request-headers: range,if-none-match",
];

#[test]
fn preflights_are_answered() {
    for origins in ["[\"*\"]", "[\"https://app.example\"]"] {
        let site = site(origins);
        for target in ["/data.json", "/", "/docs", "/nothing"] {
            let answer = site.ask("OPTIONS", target, &PREFLIGHT);
            assert_eq!(answer.status, 204, "{target}");
            let methods = answer.header("access-control-allow-methods");
            assert_eq!(methods, Some("GET, HEAD, OPTIONS"), "{target}");
            assert_eq!(answer.header("access-control-max-age"), Some("86400"), "{target}");
            for name in ["range", "if-none-match", "if-match", "if-range"] {
                assert!(answer.lists("access-control-allow-headers", name), "{name}: {answer:?}");
            }
            let origin = if origins.contains('*') { "*" } else { "https://app.example" };
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{target}");
        }
    }
}

#[test]
fn half_a_preflight_is_none() {
    let site = site("[\"*\"]");
    for fields in [&PREFLIGHT[..1], &PREFLIGHT[1..]] {
        let answer = site.ask("OPTIONS", "/data.json", fields);
        let told = (answer.status, answer.header("allow"));
        assert_eq!(told, (204, Some("GET, HEAD, OPTIONS")), "{fields:?}");
        assert_eq!(answer.header("access-control-allow-methods"), None, "{fields:?}");
    }
    // By any other method it is no preflight either.
    let answer = site.get_with("/data.json", &PREFLIGHT);
    assert_eq!((answer.status, answer.text()), (200, "{}\n"));
    assert_eq!(answer.header("access-control-allow-methods"), None);
}

#[test]
fn a_stranger_s_preflight_allows_nothing() {
    let site = site("[\"https://app.example\"]");
    let fields = ["origin: https://evil.example", PREFLIGHT[1]];
    let answer = site.ask("OPTIONS", "/data.json", &fields);
    assert_eq!(answer.header("access-control-allow-origin"), None, "{answer:?}");
    assert!(answer.lists("vary", "origin"), "{answer:?}");
}

#[test]
fn nobody_may_unless_it_is_said() {
    let site = Site::of(&FILES, "");
    for (name, answer) in answers(&site, Some("https://app.example")) {
        assert_eq!(answer.header("access-control-allow-origin"), None, "{name}");
        assert!(!answer.lists("vary", "origin"), "{name}");
    }
    let answer = site.ask("OPTIONS", "/data.json", &PREFLIGHT);
    assert_eq!((answer.status, answer.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
