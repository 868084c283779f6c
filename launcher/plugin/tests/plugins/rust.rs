//! A plug-in of axum.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use holdall_service::Ended;

use crate::build;
use crate::client::{connect, get, post};
use crate::host::Running;

#[test]
fn answers_at_once_and_later() {
    let running = Running::start(&build::greeter());
    let large = "x".repeat(1 << 20);
    let cases = [
        ("/", 200, "hello"),
        ("/hello/you", 200, "hello, you"),
        ("/target?a=b%20c", 200, "/target?a=b%20c"),
        ("/later", 200, "later"),
        ("/large", 200, large.as_str()),
        ("/resource/data/index.html", 200, "<h1>hello</h1>"),
        ("/resource/none", 404, "no resource \"none\" in the bundle"),
        ("/missing", 404, ""),
    ];
    for (target, status, body) in cases {
        let reply = get(&running.authority, target);
        assert_eq!((reply.status, reply.text() == body), (status, true), "{target}");
    }
    assert_eq!(get(&running.authority, "/resource/damaged").status, 404);
    running.log.wait_for("can't read resource \"damaged\": expected CRC 1, found 2");
    assert_eq!(running.stop(), Ended::Drained);
}

#[test]
fn request_bodies_arrive_whole() {
    let running = Running::start(&build::greeter());
    let echo = post(&running.authority, "/echo", b"echo this");
    assert_eq!(echo.text(), "echo this");
    assert!(echo.head.contains("content-length: 9"), "{}", echo.head);
    assert_eq!(post(&running.authority, "/length", &[7; 300_000]).text(), "300000");
    assert_eq!(post(&running.authority, "/length", b"").text(), "0");
}

#[test]
fn a_request_body_that_is_not_read_does_not_hold_up_the_answer() {
    let running = Running::start(&build::greeter());
    let mut stream = connect(&running.authority);
    write!(stream, "POST /missing HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n")
        .unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 404");
}

#[test]
fn a_panic_is_one_500_with_one_line() {
    let running = Running::start(&build::greeter());
    for (target, message) in [("/panic", "at once"), ("/panic-later", "a little later")] {
        let reply = get(&running.authority, target);
        assert_eq!((reply.status, reply.text()), (500, "internal server error\n"));
        let line = running.log.wait_for(message);
        assert!(
            line.starts_with(&format!("1: GET {target}: service failed: panic: {message} (")),
            "{line}"
        );
    }
    assert_eq!(running.log.lines().len(), 3, "{:?}", running.log.lines());
    assert_eq!(get(&running.authority, "/").text(), "hello");
}

#[test]
fn an_interim_status_is_an_error_of_the_service() {
    let running = Running::start(&build::greeter());
    assert_eq!(get(&running.authority, "/switch").status, 500);
    running.log.wait_for("the host does not take a response of status 101");
}

#[test]
fn a_broken_answer_does_not_look_whole() {
    let running = Running::start(&build::greeter());
    let mut stream = connect(&running.authority);
    stream.write_all(b"GET /broken HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // A reset is as good an end as any.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("the beginning"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[test]
fn a_client_that_goes_away_ends_the_answer() {
    let running = Running::start(&build::greeter());
    let mut stream = connect(&running.authority);
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 1 << 20]).unwrap();
    drop(stream);
    running.log.wait_for("endless: the client is gone");
    assert_eq!(running.stop(), Ended::Drained);
}

#[test]
fn a_client_that_goes_away_in_its_body_is_no_failure() {
    let running = Running::start(&build::greeter());
    for target in ["/echo", "/length"] {
        let mut stream = connect(&running.authority);
        write!(
            stream,
            "POST {target} HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\nsome"
        )
        .unwrap();
        drop(stream);
    }
    let log = running.log.clone();
    assert_eq!(running.stop(), Ended::Drained);
    assert_eq!(log.lines(), ["3: greeter is ready"]);
}

#[test]
fn an_echo_of_50_mb_in_bounded_memory() {
    echo_50_mb(&Running::start(&build::greeter()));
}

const ECHO_BYTES: usize = 50 << 20;

/// Sends 50 MB to `/echo`. First without reading: then back-pressure must stop the sender, and what it
/// has sent by then is all that kernel, host and plug-in can hold. After that, all must come back.
pub fn echo_50_mb(running: &Running) {
    let mut stream = connect(&running.authority);
    write!(stream, "POST /echo HTTP/1.0\r\nHost: test\r\nContent-Length: {ECHO_BYTES}\r\n\r\n")
        .unwrap();
    let sent = send_until_blocked(&mut stream);
    assert!(sent < ECHO_BYTES / 2, "{sent} bytes went in though none were read");

    let reader = stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            stream.set_write_timeout(None).unwrap();
            (&stream).write_all(&pattern(sent, ECHO_BYTES - sent)).unwrap();
        });
        check_echo(reader);
    });
}

fn send_until_blocked(stream: &mut TcpStream) -> usize {
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut sent = 0;
    while sent < ECHO_BYTES {
        match stream.write(&pattern(sent, 64 * 1024)) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    sent
}

fn check_echo(mut reader: TcpStream) {
    let mut received = Vec::new();
    reader.read_to_end(&mut received).unwrap();
    let head = received.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert!(
        received[head..] == pattern(0, ECHO_BYTES),
        "{} bytes came back",
        received.len() - head
    );
}

/// Bytes that differ from place to place.
fn pattern(from: usize, length: usize) -> Vec<u8> {
    (from..from + length).map(|place| (place % 251) as u8).collect()
}
