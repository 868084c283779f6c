//! Signals: the first drains, the second ends.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use holdall_endpoint::Endpoint;
use holdall_service::{Body, BoxService, Ended, Response, Server, Shutdown};
use rustix::process::Signal;

use crate::process::{Probe, read_to_end};

fn send(stream: &mut impl Write, target: &str) {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
}

/// Long enough for what was sent to be in the service.
fn settle() {
    std::thread::sleep(Duration::from_millis(150));
}

#[test]
fn a_signal_lets_requests_finish_and_drops_idle_connections() {
    for signal in [Signal::TERM, Signal::INT] {
        let probe = Probe::start();
        let (mut busy, mut idle, fresh) = (probe.connect(), probe.connect(), probe.connect());
        send(&mut idle, "/");
        idle.read_exact(&mut [0; 20]).unwrap();
        send(&mut busy, "/slow");
        settle();
        probe.signal(signal);
        settle();
        assert!(probe.refuses_connections());
        assert!(read_to_end(busy).ends_with("\r\n\r\nslow"));
        let answered = Instant::now();
        let outcome = probe.outcome();
        assert!(answered.elapsed() < Duration::from_secs(3), "idle connections hold it up");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "drained\n"));
        assert_eq!(outcome.stderr, "");
        drop((idle, fresh));
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let probe = Probe::start();
    let mut busy = probe.connect();
    send(&mut busy, "/slower");
    settle();
    probe.signal(Signal::TERM);
    settle();
    let began = Instant::now();
    probe.signal(Signal::INT);
    let outcome = probe.outcome();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "cut 1\n"));
    assert_eq!(read_to_end(busy), "");
}

#[test]
fn draining_has_a_limit() {
    let endpoint: Endpoint = "tcp:0:interface=127.0.0.1".parse().unwrap();
    let (first, second) = (endpoint.bind().unwrap(), endpoint.bind().unwrap());
    let addresses = [first.authority(), second.authority()];
    // Never finished, and never dropped, as the sender lives on.
    let (sender, body) = Body::channel(1);
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let service = BoxService::from_fn(move |_| {
        Response::new(body.lock().unwrap().take().unwrap_or_default())
    });
    let mut server = Server::new("test");
    server.drain_timeout = Duration::from_millis(200);
    let (trigger, shutdown) = Shutdown::by_hand();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let serving =
        runtime.spawn(async move { server.serve(vec![first, second], service, shutdown).await });
    let mut streams = addresses.map(|address| std::net::TcpStream::connect(address).unwrap());
    for stream in &mut streams {
        send(stream, "/");
        stream.read_exact(&mut [0; 20]).unwrap();
    }
    trigger.drain();
    let ended = runtime.block_on(serving).unwrap().unwrap();
    assert_eq!(ended, Ended::Cut { connections: 1 });
    drop(sender);
}
