//! Methods: GET and HEAD, what OPTIONS tells, 405 for the rest; forms of the request itself.

use std::sync::Arc;

use holdall_tests::{Client, fixtures};

use crate::fixture::{Shared, Site};

const ALLOWED: &str = "GET, HEAD, OPTIONS";
const PAGE: &str = "<!doctype html>\n<title>page</title>\n";

static SITE: Shared = Shared::new();

fn site() -> Arc<Site> {
    let text = fixtures::text();
    let files = [("index.html", PAGE), ("docs/index.html", "<p>docs\n"), ("text.txt", &text)];
    SITE.get(|| Site::of(&files, ""))
}

/// All that a target can be.
const TARGETS: [&str; 6] = ["/", "/text.txt", "/docs/", "/docs", "/nothing", "/no/thing.txt"];

#[test]
fn head_says_what_get_says() {
    let site = site();
    for (target, status) in TARGETS.into_iter().zip([200, 200, 200, 308, 404, 404]) {
        // What both say is compared wherever this suite GETs.
        assert_eq!(site.get(target).status, status, "{target}");
        let head = site.ask("HEAD", target, &[]);
        assert_eq!((head.status, head.body.len()), (status, 0), "{target}");
    }
    let length = fixtures::text().len().to_string();
    let head = site.ask("HEAD", "/text.txt", &[]);
    assert_eq!(head.header("content-length"), Some(&*length));
}

#[test]
fn options_tells_what_there_is() {
    let site = site();
    for target in TARGETS.into_iter().chain(["*"]) {
        let answer = site.ask("OPTIONS", target, &[]);
        assert_eq!((answer.status, answer.header("allow")), (204, Some(ALLOWED)), "{target}");
    }
}

#[test]
fn anything_else_is_not_allowed() {
    let site = site();
    // Methods are told apart by capitals (RFC 9110, section 9.1).
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "BREW", "get", "Head"] {
        for target in TARGETS {
            let answer = site.ask(method, target, &["content-length: 0"]);
            let told = (answer.status, answer.header("allow"));
            assert_eq!(told, (405, Some(ALLOWED)), "{method} {target}");
        }
    }
}

/// Whatever is in the content of a request, it is no request of its own.
#[test]
fn the_content_of_a_request_is_passed_over() {
    let site = site();
    let inner = "GET /text.txt HTTP/1.1\r\nhost: test\r\n\r\n";
    let length = inner.len();
    let chunked = format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{inner}\r\n0\r\n\r\n");
    let whole = format!("content-length: {length}\r\n\r\n{inner}");
    for (method, status) in [("POST", 405), ("GET", 200), ("OPTIONS", 204), ("DELETE", 405)] {
        for content in [&chunked, &whole] {
            let first = format!("{method} / HTTP/1.1\r\nhost: test\r\n{content}");
            let second = "GET /docs/ HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
            let answers = site.sending([&first, second].concat()).responses();
            let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
            // It may as well be the last answer on the connection.
            assert!(statuses == [status] || statuses == [status, 200], "{method}: {statuses:?}");
            let last = answers.last().expect("an answer").text();
            assert!(statuses.len() == 1 || last == "<p>docs\n", "{method}: {last}");
        }
    }
}

#[test]
fn a_large_upload_is_refused() {
    let site = site();
    let head = "PUT /text.txt HTTP/1.1\r\nhost: test\r\ncontent-length: 3000000\r\n\r\n";
    let mut client = site.sending(head);
    // The server may answer and close before it has read all of it.
    let _ = client.try_send(vec![b'x'; 3_000_000]);
    assert_eq!(client.response().status, 405);
    assert_eq!(site.get("/text.txt").text(), fixtures::text());
}

#[test]
fn who_waits_for_100_gets_an_answer() {
    let site = site();
    let head = "POST / HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n";
    assert_eq!(site.sending(head).response().status, 405);
}

#[test]
fn a_target_may_be_a_whole_url() {
    let site = site();
    for (target, status, location) in [
        ("http://elsewhere.example/text.txt", 200, None),
        ("http://elsewhere.example/text.txt?query", 200, None),
        ("http://elsewhere.example", 200, None),
        ("http://elsewhere.example/", 200, None),
        ("https://elsewhere.example:8443/docs/", 200, None),
        ("http://elsewhere.example/docs", 308, Some("/docs/")),
        ("http://elsewhere.example/docs?a=b", 308, Some("/docs/?a=b")),
        ("http://elsewhere.example/nothing", 404, None),
        ("http://elsewhere.example/%zz", 400, None),
    ] {
        let answer = site.get(target);
        assert_eq!((answer.status, answer.header("location")), (status, location), "{target}");
    }
}

#[test]
fn targets_of_other_forms_are_no_resources() {
    let site = site();
    for request in ["GET *", "HEAD *", "CONNECT test:80", "GET text.txt", "GET ?x"] {
        let request = format!("{request} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        let status = site.sending(&request).head().status;
        // Or to where such a target may have been meant to lead (RFC 9112, section 3.2).
        assert!((400..500).contains(&status) || status == 308, "{request}: {status}");
    }
}

#[test]
fn http_1_0_needs_no_host() {
    let site = site();
    for (target, body) in [("/", PAGE), ("/text.txt", &fixtures::text()), ("/docs/", "<p>docs\n")] {
        let request = format!("GET {target} HTTP/1.0\r\n\r\n");
        let answers = site.sending(request).responses();
        assert_eq!((answers.len(), answers[0].status), (1, 200), "{target}");
        assert_eq!(answers[0].header("transfer-encoding"), None, "{target}");
        assert!(answers[0].text() == body, "{target}");
    }
    let status = |head: &str| site.sending(format!("{head}\r\n\r\n")).response().status;
    assert_eq!(status("GET /text.txt HTTP/1.0\r\nrange: bytes=0-9"), 206);
    assert_eq!(status("GET /text.txt HTTP/1.0\r\nif-none-match: *"), 304);
    assert_eq!(status("POST /text.txt HTTP/1.0\r\ncontent-length: 0"), 405);
    assert_eq!(status("OPTIONS * HTTP/1.0"), 204);
}

#[test]
fn http_1_0_may_go_on() {
    let site = site();
    let mut client = Client::connect(site.address());
    for _ in 0..3 {
        client.send("GET /text.txt HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
        assert!(client.response().text() == fixtures::text());
    }
}

#[test]
fn http_1_1_needs_a_host() {
    let site = site();
    for head in ["GET / HTTP/1.1", "GET / HTTP/1.1\r\nhost: a\r\nhost: b"] {
        assert_eq!(site.sending(format!("{head}\r\n\r\n")).response().status, 400, "{head}");
    }
}

/// Every kind of answer on one connection, several times, all asked for in one piece.
#[test]
fn a_connection_goes_on_after_every_kind_of_answer() {
    let site = site();
    // A 400 is not among them: what follows such a request is not trusted.
    let cases = [
        ("GET / HTTP/1.1", 200),
        ("HEAD /text.txt HTTP/1.1", 200),
        ("GET /text.txt HTTP/1.1\r\naccept-encoding: gzip", 200),
        ("GET /text.txt HTTP/1.1\r\nif-none-match: *", 304),
        ("GET /text.txt HTTP/1.1\r\nif-match: \"x\"", 412),
        ("GET /text.txt HTTP/1.1\r\nrange: bytes=0-99", 206),
        ("GET /text.txt HTTP/1.1\r\nrange: bytes=0-99,200-299", 206),
        ("GET /text.txt HTTP/1.1\r\nrange: bytes=9999999-", 416),
        ("GET /text.txt HTTP/1.1\r\naccept-encoding: *;q=0", 406),
        ("GET /docs HTTP/1.1", 308),
        ("HEAD /docs HTTP/1.1", 308),
        ("GET /nothing HTTP/1.1", 404),
        ("HEAD /nothing HTTP/1.1", 404),
        ("OPTIONS * HTTP/1.1", 204),
        ("DELETE / HTTP/1.1", 405),
    ];
    let mut client = Client::connect(site.address());
    let all = cases.map(|(head, _)| format!("{head}\r\nhost: test\r\n\r\n")).concat();
    for round in 0..3 {
        client.send(&all);
        for (head, status) in cases {
            let is_head = head.starts_with("HEAD");
            let answer = if is_head { client.head() } else { client.response() };
            assert_eq!(answer.status, status, "{head} in round {round}");
        }
    }
    assert!(!client.is_closed());
}
