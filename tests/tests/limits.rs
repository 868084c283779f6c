//! What clients may take: bytes, time, connections. Who takes more is cut, and nobody else notices.

use std::time::{Duration, Instant};

use holdall_tests::process::{descriptors, wait_until};
use holdall_tests::{Client, Scratch, Server, fixtures, tools};

const STREAMS: &str = env!("CARGO_BIN_EXE_streams");

/// All limits on time, so short that a test can wait for them several times.
const SHORT: [&str; 6] = [
    "--first-byte-timeout=400ms",
    "--header-timeout=400ms",
    "--idle-timeout=400ms",
    "--body-timeout=400ms",
    "--send-timeout=400ms",
    "--handshake-timeout=400ms",
];

/// A GET of a path.
fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")
}

/// Waits until the server closes the connection; another client is served all the while.
fn wait_until_cut(server: &Server, client: &mut Client, what: &str) -> Duration {
    let start = Instant::now();
    wait_until(what, || {
        assert_eq!(server.get("/").status, 200, "another client, {what}");
        client.is_closed()
    });
    start.elapsed()
}

#[test]
fn a_body_with_a_length_beyond_the_limit_is_not_read() {
    let server = Server::with(STREAMS, &["--max-body-bytes=1k"]);
    let post = |length: usize, more: &str| {
        format!("POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n{more}\r\n")
    };
    let mut client = Client::sending(server.address, post(1024, "") + &"x".repeat(1024));
    assert_eq!(client.response().text(), "1024");
    for more in ["", "expect: 100-continue\r\n"] {
        client.send(post(1025, more));
        let answer = client.response();
        assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
        assert_eq!(client.rest(), b"");
        client = Client::connect(server.address);
    }
    assert_eq!(server.log().lines().len(), 1, "{:?}", server.log().lines());
}

#[test]
fn a_body_in_chunks_ends_at_the_limit() {
    let server = Server::with(STREAMS, &["--max-body-bytes=1k"]);
    let head = "POST /length HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut client = Client::sending(server.address, head);
    let chunk = format!("200\r\n{}\r\n", "x".repeat(0x200));
    client.send(format!("{chunk}{chunk}0\r\n\r\n"));
    assert_eq!(client.response().text(), "1024");
    client.send(format!("{head}{chunk}{chunk}{chunk}"));
    let answer = client.response();
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert_eq!(client.rest(), b"");
    assert_eq!(server.log().lines().len(), 1, "{:?}", server.log().lines());
}

#[test]
fn a_body_that_does_not_come_is_408() {
    let server = Server::with(STREAMS, &["--body-timeout=400ms"]);
    let length = "POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n12345";
    let chunked =
        "POST /length HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12";
    for request in [length, chunked] {
        let mut client = Client::sending(server.address, request);
        let answer = client.response();
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{request}");
        assert_eq!(client.rest(), b"");
    }
    assert_eq!(server.log().lines().len(), 1, "{:?}", server.log().lines());
}

#[test]
fn a_body_that_comes_slowly_is_waited_for() {
    let server = Server::with(STREAMS, &["--body-timeout=2", "--idle-timeout=300ms"]);
    let head = "POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n";
    let mut client = Client::sending(server.address, head);
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(100));
        client.send("x");
    }
    assert_eq!(client.response().text(), "10");
}

#[test]
fn a_body_that_nobody_reads_does_not_hold_the_connection() {
    let server = Server::with(STREAMS, &SHORT);
    let head = "POST /ignore HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000\r\n\r\n";
    let mut client = Client::sending(server.address, head);
    assert_eq!(client.response().status, 200);
    wait_until("the connection is cut", || client.try_send("x").is_err() || client.is_closed());
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn a_client_that_says_nothing_is_cut() {
    let server = Server::with(STREAMS, &["--first-byte-timeout=400ms"]);
    let mut silent = Client::connect(server.address);
    let mut idle = Client::connect(server.address);
    assert_eq!(idle.get("/").status, 200);
    let cut_after = wait_until_cut(&server, &mut silent, "silent");
    assert!(cut_after >= Duration::from_millis(300), "{cut_after:?}");
    // The other limits are as they were.
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(idle.get("/").status, 200);
}

#[test]
fn a_client_that_never_ends_its_head_is_cut() {
    let options = ["--header-timeout=400ms", "--first-byte-timeout=400ms"];
    let server = Server::with(STREAMS, &options);
    let mut stopped = Client::sending(server.address, "GET / HTTP/1.1\r\nhost:");
    let mut dripping = Client::sending(server.address, "GET / HTTP/1.1\r\nhost: test\r\n");
    let mut preface = Client::sending(server.address, "PRI * HTTP/2.0\r\n\r\nSM");
    wait_until_cut(&server, &mut stopped, "stopped");
    wait_until_cut(&server, &mut preface, "half a preface");
    let start = Instant::now();
    while dripping.try_send("x: y\r\n").is_ok() && !dripping.is_closed() {
        assert!(start.elapsed() < Duration::from_secs(30), "it may drip for ever");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The second request of a connection has no more time than the first one.
    let mut second = Client::sending(server.address, get("/"));
    assert_eq!(second.response().status, 200);
    second.send("GET / HTTP/1.1\r\n");
    wait_until_cut(&server, &mut second, "second");
}

#[test]
fn a_connection_without_requests_is_closed() {
    let server = Server::with(STREAMS, &["--idle-timeout=400ms"]);
    let mut idle = Client::sending(server.address, get("/"));
    assert_eq!(idle.response().status, 200);
    let cut_after = wait_until_cut(&server, &mut idle, "idle");
    assert!(cut_after >= Duration::from_millis(300), "{cut_after:?}");
    assert_eq!(idle.rest(), b"");
    let mut busy = Client::connect(server.address);
    for _ in 0..10 {
        assert_eq!(busy.get("/").status, 200);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_client_that_does_not_take_its_answer_is_cut() {
    let server = Server::with(STREAMS, &["--send-timeout=400ms"]);
    let before = descriptors(server.pid());
    let greedy: Vec<_> =
        (0..20).map(|_| Client::sending(server.address, get("/endless"))).collect();
    wait_until("they are served", || descriptors(server.pid()) >= before + 20);
    wait_until("they are cut", || {
        assert_eq!(server.get("/").status, 200);
        descriptors(server.pid()) <= before + 1
    });
    drop(greedy);
    assert_eq!(server.log().lines().len(), 1, "{:?}", server.log().lines());
}

#[test]
fn a_client_that_takes_its_answer_slowly_gets_all_of_it() {
    let scratch = Scratch::new();
    let noise = fixtures::noise_of(24 << 20, 7);
    scratch.write("www/large.bin", &noise);
    let site = Server::with(scratch.bundle("www", "site", &[]), &SHORT);
    let mut client = Client::sending(site.address, get("/large.bin"));
    assert_eq!(client.only_head().status, 200);
    // Far longer than all the limits together.
    for piece in noise.chunks(noise.len() / 24) {
        std::thread::sleep(Duration::from_millis(100));
        assert!(client.exactly(piece.len()) == piece, "wrong bytes");
    }
}

#[test]
fn an_answer_may_be_silent_for_longer_than_any_limit() {
    let server = Server::with(STREAMS, &SHORT);
    let mut late = Client::sending(server.address, get("/late/2500"));
    let mut quiet = Client::sending(server.address, get("/quiet/2500"));
    let url = format!("http://{}/quiet/2500", server.address);
    let http2 = tools::tool("curl").args(["-sS", "--http2-prior-knowledge", &url]).ok();
    assert_eq!(late.response().text(), "late\n");
    assert_eq!(quiet.response().text(), "data: first\n\ndata: second\n\n");
    assert_eq!(http2.text(), "data: first\n\ndata: second\n\n");
}

#[test]
fn the_idlest_connection_makes_room() {
    let server = Server::with(STREAMS, &["--max-connections=10"]);
    let mut clients: Vec<_> = (0..10).map(|_| Client::connect(server.address)).collect();
    // In this order they become idle.
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(500));
    let closed = |clients: &mut Vec<Client>| {
        let closed = (0..10).filter(|&number| clients[number].is_closed());
        closed.collect::<Vec<_>>()
    };
    assert_eq!(closed(&mut clients), [0; 0], "there was room for all of them");
    let mut more = Client::connect(server.address);
    assert_eq!(more.get("/").status, 200);
    wait_until("the first one is closed", || clients[0].is_closed());
    assert_eq!(closed(&mut clients), [0]);
    for client in &mut clients[1..] {
        assert_eq!(client.get("/").status, 200);
    }
}

#[test]
fn busy_connections_make_no_room() {
    let server = Server::with(STREAMS, &["--max-connections=4"]);
    let quiet = get("/quiet/1500");
    let mut busy: Vec<_> = (0..4).map(|_| Client::sending(server.address, &quiet)).collect();
    for client in &mut busy {
        assert_eq!(client.only_head().status, 200);
    }
    let start = Instant::now();
    // It waits until one of the others ends.
    assert_eq!(server.get("/").status, 200);
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
    for client in &mut busy {
        assert!(client.exactly(42).ends_with(b"\r\n0\r\n\r\n"), "an answer was cut");
    }
}

#[test]
fn an_address_has_its_share_of_connections() {
    let server = Server::with(STREAMS, &["--max-connections-per-address=5"]);
    let mut clients: Vec<_> = (0..5).map(|_| Client::connect(server.address)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status, 200);
    }
    let mut sixth = Client::connect(server.address);
    // The server may be faster than this request.
    let _ = sixth.try_send(get("/"));
    assert_eq!(sixth.rest(), b"");
    let url = format!("http://{}/", server.address);
    let other = tools::tool("curl").args(["-sS", "--interface", "127.0.0.2", &url]).ok();
    assert_eq!(other.text(), "hello\n");
    clients.pop();
    wait_until("the place is free again", || {
        let mut client = Client::connect(server.address);
        let _ = client.try_send("GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        !client.rest().is_empty()
    });
    assert!(clients.iter_mut().all(|client| client.get("/").status == 200));
}
