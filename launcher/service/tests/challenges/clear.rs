//! http-01 (RFC 8555, section 8.3), before a redirect.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use holdall_certificates::Challenges;
use holdall_service::{http_challenges, redirect};
use tempfile::TempDir;

use crate::running::Running;

const KIND: &str = "http-01";

const TOKEN: &str = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0";
const AUTHORIZATION: &str =
    "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";

/// A redirect, and challenges of two directories before it.
struct Site {
    running: Running,
    first: Challenges,
    second: Challenges,
    _directory: TempDir,
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let challenges = |name: &str| Challenges::new(Some(directory.path().join(name)));
        let (first, second) = (challenges("first"), challenges("second"));
        let both = vec![first.clone(), second.clone()];
        let service = |metrics| http_challenges(both, metrics, redirect(443));
        let running = Running::start("tcp:0:interface=127.0.0.1", None, service);
        Self { running, first, second, _directory: directory }
    }

    fn ask(&self, method: &str, target: &str) -> String {
        let mut stream = TcpStream::connect(self.running.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let end = "HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n";
        write!(stream, "{method} {target} {end}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn ask_for(&self, method: &str, token: &str) -> String {
        self.ask(method, &format!("/.well-known/acme-challenge/{token}"))
    }

    fn counted(&self) -> (u64, u64) {
        let count = |outcome| self.running.challenges(KIND, outcome);
        (count("answered"), count("unknown"))
    }
}

fn assert_redirected(answer: &str, target: &str) {
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    assert!(answer.contains(&format!("\r\nlocation: https://a.test{target}\r\n")), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_token_is_answered_before_the_redirect() {
    let site = Site::new();
    for challenges in [&site.first, &site.second] {
        challenges.present_http(TOKEN, AUTHORIZATION).unwrap();
        for token in [TOKEN.to_owned(), format!("{TOKEN}?from=test")] {
            let answer = site.ask_for("GET", &token);
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.contains("\r\ncontent-type: application/octet-stream\r\n"), "{answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{AUTHORIZATION}")), "{answer}");
        }
        challenges.withdraw_http(TOKEN);
        assert_redirected(
            &site.ask_for("GET", TOKEN),
            &format!("/.well-known/acme-challenge/{TOKEN}"),
        );
    }
    assert_eq!(site.counted(), (4, 2));
}

#[test]
fn a_head_is_all_but_the_body() {
    let site = Site::new();
    site.first.present_http(TOKEN, AUTHORIZATION).unwrap();
    let head = site.ask_for("HEAD", TOKEN);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", AUTHORIZATION.len())), "{head}");
    assert!(head.contains("\r\ncontent-type: application/octet-stream\r\n"), "{head}");
}

#[test]
fn all_else_is_redirected_as_before() {
    let site = Site::new();
    site.first.present_http(TOKEN, AUTHORIZATION).unwrap();
    let directory = "/.well-known/acme-challenge";
    for target in ["/", "/a?b=c", directory, &format!("/x{directory}/{TOKEN}"), "/.well-known/"] {
        assert_redirected(&site.ask("GET", target), target);
    }
    for target in
        [&format!("/{directory}/{TOKEN}"), &format!("/.WELL-KNOWN/acme-challenge/{TOKEN}")]
    {
        assert_redirected(&site.ask("GET", target), target);
    }
    let target = format!("{directory}/{TOKEN}");
    assert_redirected(&site.ask("POST", &target), &target);
    assert_redirected(&site.ask("DELETE", &target), &target);
    assert_eq!(site.counted(), (0, 0));
}

#[test]
fn odd_tokens_do_no_harm() {
    let site = Site::new();
    site.first.present_http(TOKEN, AUTHORIZATION).unwrap();
    let long = "x".repeat(10 << 10);
    let odd = [
        "",
        ".",
        "..",
        &format!("../http-01/{TOKEN}"),
        &format!("./{TOKEN}"),
        &format!("/{TOKEN}"),
        &format!("{TOKEN}/"),
        &format!("{TOKEN}%00"),
        // An L, encoded: tokens need none of that.
        &format!("%4C{}", &TOKEN[1..]),
        &TOKEN.to_lowercase(),
        &TOKEN[..42],
        AUTHORIZATION,
        "%2e%2e%2fhttp-01",
        "%",
        "%zz",
        "..%5c..%5c",
        &long,
    ];
    for token in odd {
        let target = format!("/.well-known/acme-challenge/{token}");
        assert_redirected(&site.ask("GET", &target), &target);
    }
    assert_eq!(site.counted(), (0, odd.len() as u64));
    assert!(site.ask_for("GET", TOKEN).ends_with(AUTHORIZATION));
}
