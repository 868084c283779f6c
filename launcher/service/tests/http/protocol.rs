//! HTTP/1.1 as clients speak it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use holdall_endpoint::{Endpoint, Inherited};
use holdall_service::{Binding, BoxService, Ended, Limits, Response, Server};

use crate::process::{Probe, read_to_end};

#[test]
fn answers_have_a_length_and_head_has_no_body() {
    let probe = Probe::start();
    let get = probe.ask("GET", "/");
    assert!(get.starts_with("HTTP/1.1 200 OK\r\n"), "{get}");
    assert!(get.contains("content-length: 5\r\n") && get.ends_with("\r\n\r\nhello"), "{get}");
    let head = probe.ask("HEAD", "/");
    assert!(head.contains("content-length: 5\r\n") && head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn one_connection_carries_many_requests_also_at_once() {
    let probe = Probe::start();
    let mut stream = probe.connect();
    let one = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
    let last = "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    stream.write_all(one.as_bytes()).unwrap();
    let mut start = [0; 15];
    stream.read_exact(&mut start).unwrap();
    stream.write_all(format!("{}{last}", one.repeat(10)).as_bytes()).unwrap();
    let all = read_to_end(stream);
    assert_eq!(all.matches("\r\n\r\nhello").count(), 12, "{all}");
}

#[test]
fn a_streamed_answer_is_chunked_and_whole() {
    let probe = Probe::start();
    let answer = probe.ask("GET", "/stream");
    assert!(answer.contains("transfer-encoding: chunked\r\n"), "{answer}");
    assert!(answer.contains("\r\n999\n\r\n") && answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}

#[test]
fn a_chunked_request_comes_back() {
    let probe = Probe::start();
    let mut stream = probe.connect();
    let head = "POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    write!(stream, "{head}4\r\necho\r\n5\r\n this\r\n0\r\n\r\n").unwrap();
    let answer = read_to_end(stream);
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let pieces: String = body.split("\r\n").skip(1).step_by(2).collect();
    assert_eq!(pieces, "echo this", "{answer}");
}

#[test]
fn what_is_not_http_is_400() {
    let probe = Probe::start();
    let mut stream = probe.connect();
    stream.write_all(b"\x16\x03\x01 this is TLS, or something\r\n\r\n").unwrap();
    assert!(read_to_end(stream).starts_with("HTTP/1.1 400 Bad Request\r\n"));
    assert_eq!(probe.stop().stderr, "");
}

#[test]
fn a_head_that_does_not_come_ends_the_connection() {
    let (authority, drain) = serve_with_short_limits();
    let began = Instant::now();
    for start in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: te"] {
        let mut stream = TcpStream::connect(&authority).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(start.as_bytes()).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("closed by the server");
        assert!(!String::from_utf8_lossy(&rest).contains("200"), "{start:?}");
    }
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
    assert_eq!(drain(), Ended::Drained);
}

#[test]
fn an_idle_connection_is_closed_in_time() {
    let (authority, drain) = serve_with_short_limits();
    let mut stream = TcpStream::connect(&authority).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    assert!(read_to_end(stream).ends_with("\r\n\r\nhello"));
    assert_eq!(drain(), Ended::Drained);
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_answer() {
    let probe = Probe::start();
    let mut stream = probe.connect();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let _ = stream.shutdown(Shutdown::Write);
    assert!(read_to_end(stream).ends_with("\r\n\r\nhello"));
}

/// A server in this process; the function that comes with it drains it.
fn serve_with_short_limits() -> (String, impl FnOnce() -> Ended) {
    let endpoint: Endpoint = "tcp:0:interface=127.0.0.1".parse().unwrap();
    let listener = endpoint.open(&mut Inherited::none()).unwrap();
    let authority = listener.address().to_string();
    let (trigger, shutdown) = holdall_service::Shutdown::by_hand();
    let service = BoxService::from_fn(|_| Response::new("hello".into()));
    let short = Duration::from_millis(200);
    let limits = Limits { first_byte: short, header: short, idle: short, ..Limits::default() };
    let server = Server { limits, ..Server::default() };
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let bindings = vec![Binding::new(listener, service)];
        runtime.block_on(server.serve(bindings, shutdown)).unwrap()
    });
    let drain = move || {
        trigger.drain();
        thread.join().unwrap()
    };
    (authority, drain)
}

#[test]
fn closed_connections_leave_no_descriptors() {
    let probe = Probe::start();
    let descriptors = format!("/proc/{}/fd", probe.child.id());
    let count = || std::fs::read_dir(&descriptors).unwrap().count();
    assert!(probe.ask("GET", "/").ends_with("hello"));
    let before = count();
    for _ in 0..20 {
        let mut stream = probe.connect();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        stream.read_exact(&mut [0; 20]).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(5);
    while count() > before {
        assert!(Instant::now() < deadline, "{} descriptors, {before} before", count());
        std::thread::sleep(Duration::from_millis(20));
    }
}
