//! What fails in a service stays in the request that failed, and is one line.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use crate::process::{Probe, read_to_end};

#[test]
fn panics_and_errors_are_500_with_one_line_each() {
    let probe = Probe::start();
    for target in ["/panic", "/panic-in-call", "/error"] {
        let answer = probe.ask("GET", target);
        assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\ninternal server error\n"), "{answer}");
    }
    assert!(probe.ask("GET", "/").ends_with("hello"));
    let stderr = probe.stop().stderr;
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{stderr}");
    let is = |line: usize, target: &str, error: &str| {
        let line = lines[line];
        assert!(line.starts_with("probe: error: service failed method=GET url="), "{line}");
        assert!(line.contains(target) && line.contains(error), "{line}");
    };
    is(0, "url=/panic ", "error=\"panic: in the future (");
    is(1, "url=/panic-in-call ", "error=\"panic: assertion");
    is(2, "url=/error ", "no such luck");
}

#[test]
fn a_broken_answer_does_not_look_whole() {
    let probe = Probe::start();
    for target in ["/broken", "/panic-in-body"] {
        let answer = probe.ask("GET", target);
        assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    }
    let stderr = probe.stop().stderr;
    let lines: Vec<_> = stderr.lines().collect();
    let is = |line: usize, target: &str, error: &str| {
        let line = lines[line];
        assert!(line.starts_with("probe: error: answer broken off method=GET url="), "{line}");
        assert!(line.contains(target) && line.contains(error), "{line}");
    };
    is(0, "url=/broken ", "the body was broken off by its writer");
    is(1, "url=/panic-in-body ", "panic: in the body (");
    assert_eq!(lines.len(), 2, "{stderr}");
}

#[test]
fn a_client_that_goes_away_is_no_line() {
    let probe = Probe::start();
    let mut stream = probe.connect();
    write!(stream, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nsome")
        .unwrap();
    stream.read_exact(&mut [0; 20]).unwrap();
    drop(stream);
    let mut stream = probe.connect();
    write!(stream, "GET /stream HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    drop(stream);
    assert!(probe.ask("GET", "/").ends_with("hello"));
    assert_eq!(probe.stop().stderr, "");
}

#[test]
fn running_out_of_descriptors_is_one_line_and_passes() {
    const LIMIT: usize = 24;
    let probe = Probe::start();
    let limit = Rlimit { current: Some(LIMIT as u64), maximum: Some(LIMIT as u64) };
    prlimit(Some(Pid::from_child(&probe.child)), Resource::Nofile, limit).unwrap();
    let held: Vec<_> = (0..LIMIT * 2).map(|_| probe.connect()).collect();
    std::thread::sleep(Duration::from_millis(300));
    drop(held);
    let began = Instant::now();
    assert!(probe.ask("GET", "/").ends_with("hello"));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let stderr = probe.stop().stderr;
    assert!(
        stderr
            .starts_with("probe: warning: can't accept connections, trying again error=\"Too many"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_closed_stderr_does_not_matter() {
    let mut probe = Probe::start();
    drop(probe.child.stderr.take());
    let mut stream = probe.connect();
    write!(stream, "GET /error HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    assert!(read_to_end(stream).starts_with("HTTP/1.1 500"));
    assert!(probe.ask("GET", "/").ends_with("hello"));
    probe.signal(Signal::TERM);
    assert_eq!(probe.child.wait().unwrap().code(), Some(0));
}
