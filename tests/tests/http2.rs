//! HTTP/2 in clear text, by clients that know the rules (RFC 9113) and some that break them.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use holdall_tests::h2::{Frame, Http2, PREFACE, block, flag, kind, reason, setting};
use holdall_tests::process::{descriptors, memory, wait_until};
use holdall_tests::{Server, tools};
use rustix::process::Signal;

const STREAMS: &str = env!("CARGO_BIN_EXE_streams");

/// So that the end of a connection is soon seen.
const SHORT: [&str; 3] =
    ["--first-byte-timeout=500ms", "--header-timeout=500ms", "--idle-timeout=500ms"];

/// What a client without manners may make a server hold, in all.
const BOUND: u64 = 24 << 20;

/// Bytes that the server uses more than `before`.
fn used(server: &Server, before: u64) -> u64 {
    memory(server.pid()).saturating_sub(before)
}

/// The server works for others, on a connection of each kind.
fn check_others(server: &Server) {
    assert_eq!(server.get("/").text(), "hello\n");
    assert_eq!(Http2::connect(server.address).get(1, "/"), (200, b"hello\n".to_vec()));
}

#[test]
fn curl_speaks_it_with_prior_knowledge() {
    let server = Server::start(STREAMS);
    let curl = |arguments: &[&str], path: &str| {
        let url = format!("http://{}{path}", server.address);
        let run = tools::tool("curl").args(["-sS", "--http2-prior-knowledge"]).args(arguments);
        let format = "\n%{http_version} %{http_code} %{size_download}";
        run.args(["-w", format, &url]).input("x".repeat(3 << 20)).ok().text().to_owned()
    };
    assert_eq!(curl(&[], "/"), "hello\n\n2 200 6");
    assert_eq!(curl(&["-d", "@-"], "/length"), "3145728\n2 200 7");
    assert!(curl(&["-d", "@-"], "/echo").ends_with("\n2 200 3145728"));
    assert!(curl(&["-I"], "/").ends_with("\n2 200 0"));
    assert_eq!(curl(&[], "/error"), "internal server error\n\n2 500 22");
    assert_eq!(curl(&[], "/nothing"), "nothing here\n\n2 404 13");
}

#[test]
fn bodies_stream_both_ways_at_once() {
    let server = Server::start(STREAMS);
    let mut client = Http2::connect(server.address);
    client.send(&Frame::request(1, "POST", "/echo", 0));
    assert_eq!(client.until(kind::HEADERS).status(), Some(200));
    for part in [b"one", b"two"] {
        client.send(&Frame::data(1, part, 0));
        let echoed = client.until(kind::DATA);
        assert_eq!((echoed.payload.as_slice(), echoed.is_last()), (&part[..], false));
    }
    client.send(&Frame::data(1, b"", flag::END_STREAM));
    assert!(client.until(kind::DATA).is_last());
}

#[test]
fn many_requests_are_answered_at_once() {
    let server = Server::start(STREAMS);
    let mut client = Http2::connect(server.address);
    let start = Instant::now();
    let streams = (0..100).map(|number| number * 2 + 1);
    for stream in streams.clone() {
        client.send(&Frame::get(stream, "/late/500"));
    }
    let mut ended = Vec::new();
    while ended.len() < 100 {
        let frame = client.frame().expect("an answer");
        if frame.kind == kind::HEADERS {
            assert_eq!(frame.status(), Some(200));
        }
        if frame.is_last() {
            ended.push(frame.stream);
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, streams.collect::<Vec<_>>());
    // One after the other they would take 50 seconds.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn streams_beyond_the_limit_are_refused_alone() {
    let server = Server::start(STREAMS);
    let mut client = Http2::connect(server.address);
    client.until(kind::SETTINGS);
    for number in 0..400 {
        client.send(&Frame::get(number * 2 + 1, "/late/2000"));
    }
    let (mut answered, mut refused) = (0, 0);
    while answered + refused < 400 {
        let frame = client.frame().expect("an answer");
        answered += u32::from(frame.kind == kind::HEADERS);
        refused += u32::from(frame.kind == kind::RST_STREAM);
    }
    assert!(answered >= 100 && refused > 0, "{answered} answered, {refused} refused");
    check_others(&server);
}

#[test]
fn limits_on_bodies_hold() {
    let server = Server::with(STREAMS, &["--max-body-bytes=1k", "--body-timeout=400ms"]);
    let mut client = Http2::connect(server.address);
    client.send(&Frame::request(1, "POST", "/length", 0));
    client.send(&Frame::data(1, &[b'x'; 1025], flag::END_STREAM));
    assert_eq!(client.answer(1).0, 413);
    client.send(&Frame::request(3, "POST", "/length", 0));
    client.send(&Frame::data(3, b"some", 0));
    assert_eq!(client.answer(3).0, 408);
    // The connection goes on.
    assert_eq!(client.get(5, "/").0, 200);
}

#[test]
fn a_client_that_grants_nothing_is_cut() {
    let server = Server::with(STREAMS, &["--send-timeout=1"]);
    check_others(&server);
    let (before, open) = (memory(server.pid()), descriptors(server.pid()));
    let mut clients: Vec<_> = (0..10)
        .map(|_| Http2::connect_with(server.address, &[(setting::INITIAL_WINDOW_SIZE, 0)]))
        .collect();
    for client in &mut clients {
        (0..50).for_each(|number| client.send(&Frame::get(number * 2 + 1, "/endless")));
    }
    wait_until("they are cut", || {
        check_others(&server);
        let used = used(&server, before);
        assert!(used < BOUND, "{used} bytes for 500 answers that nobody takes");
        descriptors(server.pid()) <= open + 1
    });
}

#[test]
fn a_client_that_grants_all_and_reads_nothing_is_cut() {
    let server = Server::with(STREAMS, &["--send-timeout=1"]);
    check_others(&server);
    let (before, open) = (memory(server.pid()), descriptors(server.pid()));
    let all = 0x7fff_ffff;
    let mut client = Http2::connect_with(server.address, &[(setting::INITIAL_WINDOW_SIZE, all)]);
    client.send(&Frame::window_update(0, all - 65_535));
    (0..100).for_each(|number| client.send(&Frame::get(number * 2 + 1, "/endless")));
    wait_until("it is cut", || {
        check_others(&server);
        let used = used(&server, before);
        assert!(used < BOUND, "{used} bytes for 100 answers that nobody reads");
        descriptors(server.pid()) <= open + 1
    });
}

#[test]
fn an_idle_connection_is_closed_even_if_it_pings() {
    let server = Server::with(STREAMS, &["--idle-timeout=500ms", "--header-timeout=500ms"]);
    let mut fresh = Http2::connect(server.address);
    let mut used = Http2::connect(server.address);
    assert_eq!(used.get(1, "/").0, 200);
    for client in [&mut fresh, &mut used] {
        let start = Instant::now();
        let ping = Frame::new(kind::PING, 0, 0, [7; 8]);
        while client.try_send(&ping).is_ok() {
            assert!(start.elapsed() < Duration::from_secs(30), "it may ping for ever");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let mut half = Http2::connect(server.address);
    half.send(&Frame::new(kind::HEADERS, flag::END_STREAM, 1, block(&[(":method", "GET")])));
    half.end();
    check_others(&server);
}

/// Sends until the server ends the connection, or takes no more because its answers are not read;
/// returns the reason that it gave.
fn flood(client: &mut Http2, mut frames: impl Iterator<Item = Vec<u8>>) -> Option<u32> {
    let patience = Some(Duration::from_secs(1));
    client.stream().set_write_timeout(patience).expect("a socket");
    let sent = frames.try_for_each(|bytes| client.send_bytes(&bytes));
    match sent {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        _ => client.end(),
    }
}

/// Odd numbers of streams, each pair of frames in one piece.
fn pairs(count: u32, second: impl Fn(u32) -> Frame) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |number| {
        let stream = number * 2 + 1;
        [Frame::get(stream, "/late/60000").bytes(), second(stream).bytes()].concat()
    })
}

/// What follows the request on a stream.
type Second = fn(u32) -> Frame;

#[test]
fn resets_in_thousands_end_the_connection() {
    let server = Server::with(STREAMS, &["--idle-timeout=1"]);
    check_others(&server);
    let before = memory(server.pid());
    let resets: [(&str, Second); 2] = [
        ("the client's own", |stream| Frame::reset(stream, reason::CANCEL)),
        // A grant beyond 31 bits is an error for which the server resets the stream.
        ("the server's, for errors", |stream| Frame::window_update(stream, 0x7fff_ffff)),
    ];
    for (name, second) in resets {
        let start = Instant::now();
        let ended = flood(&mut Http2::connect(server.address), pairs(10_000, second));
        // Without a reason where the reset of the connection was faster.
        assert!(matches!(ended, None | Some(reason::ENHANCE_YOUR_CALM)), "{name}: {ended:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{name}: {:?}", start.elapsed());
        let used = used(&server, before);
        assert!(used < BOUND, "{name}: {used} bytes");
        check_others(&server);
    }
}

#[test]
fn floods_of_small_frames_are_bounded() {
    let server = Server::with(STREAMS, &SHORT);
    check_others(&server);
    let before = memory(server.pid());
    let floods = [
        ("pings", Frame::new(kind::PING, 0, 0, [1; 8])),
        ("settings", Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 20)])),
        ("empty settings", Frame::settings(&[])),
        ("grants", Frame::window_update(0, 1)),
        ("unknown frames", Frame::new(0xfe, 0, 0, [0; 16])),
    ];
    for (name, frame) in floods {
        let thousand = frame.bytes().repeat(1_000);
        flood(&mut Http2::connect(server.address), (0..50).map(|_| thousand.clone()));
        let used = used(&server, before);
        assert!(used < BOUND, "{name}: {used} bytes");
        check_others(&server);
    }
}

#[test]
fn a_head_without_end_is_bounded() {
    let server = Server::start(STREAMS);
    check_others(&server);
    let before = memory(server.pid());
    let field = block(&[("x", &"y".repeat(200))]).repeat(70);
    for payload in [field, Vec::new()] {
        let mut client = Http2::connect(server.address);
        client.send(&Frame::new(kind::HEADERS, 0, 1, block(&[(":method", "GET")])));
        let more = Frame::new(kind::CONTINUATION, 0, 1, payload).bytes();
        let ended = flood(&mut client, (0..20_000).map(|_| more.clone()));
        let expected = [reason::ENHANCE_YOUR_CALM, reason::PROTOCOL_ERROR, 9];
        assert!(ended.is_none_or(|ended| expected.contains(&ended)), "{ended:?}");
        let used = used(&server, before);
        assert!(used < BOUND, "{used} bytes");
        check_others(&server);
    }
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = Server::with(STREAMS, &["--max-header-bytes=16k"]);
    let mut client = Http2::connect(server.address);
    client.until(kind::SETTINGS);
    let get = Frame::get(1, "/");
    let large = block(&[("x", &"y".repeat(9_000))]);
    client.send(&Frame::new(kind::HEADERS, flag::END_STREAM, 1, get.payload));
    client.send(&Frame::new(kind::CONTINUATION, 0, 1, large.clone()));
    client.send(&Frame::new(kind::CONTINUATION, flag::END_HEADERS, 1, large));
    assert_eq!(client.answer(1).0, 431);
    assert_eq!(client.get(3, "/").0, 200);
}

#[test]
fn what_breaks_the_rules_ends_the_connection() {
    let server = Server::with(STREAMS, &SHORT);
    let cases = [
        ("content on the connection", Frame::data(0, b"x", 0)),
        ("content without a request", Frame::data(1, b"x", 0)),
        ("a stream of the server's", Frame::get(2, "/")),
        ("a head on the connection", Frame::get(0, "/")),
        ("more of no head", Frame::new(kind::CONTINUATION, flag::END_HEADERS, 1, [])),
        ("a short ping", Frame::new(kind::PING, 0, 0, [0; 7])),
        ("half a setting", Frame::new(kind::SETTINGS, 0, 0, [0; 5])),
        ("an answer with settings", Frame::new(kind::SETTINGS, flag::ACK, 0, [0; 6])),
        ("a window beyond 31 bits", Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 31)])),
        ("a grant beyond 31 bits", Frame::window_update(0, 0x7fff_ffff)),
        ("a grant of nothing", Frame::window_update(0, 0)),
        ("a head that is no HPACK", Frame::new(kind::HEADERS, 5, 1, [0xff; 40])),
        ("a frame that is too large", Frame::new(kind::DATA, 0, 1, vec![0; 16_385])),
        ("a push", Frame::new(5, flag::END_HEADERS, 1, [0, 0, 0, 2, 0x82])),
    ];
    for (name, frame) in cases {
        let mut client = Http2::connect(server.address);
        client.until(kind::SETTINGS);
        client.send(&frame);
        let reason = client.end();
        assert!(reason.is_some_and(|reason| reason != 0), "{name}: {reason:?}");
    }
    check_others(&server);
}

#[test]
fn requests_that_are_none_end_their_stream() {
    let server = Server::start(STREAMS);
    let whole = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test")];
    let with = |more: &[(&str, &str)]| block(&[&whole[..], more].concat());
    let cases = [
        ("no method", block(&whole[1..])),
        ("no path", block(&[whole[0], whole[1], whole[3]])),
        ("an empty path", block(&[whole[0], whole[1], (":path", ""), whole[3]])),
        ("two methods", with(&[(":method", "GET")])),
        ("an unknown pseudo-field", with(&[(":other", "x")])),
        ("a pseudo-field of answers", with(&[(":status", "200")])),
        ("a pseudo-field behind others", block(&[&[("x", "y")], &whole[..]].concat())),
        ("upper case", with(&[("X-Upper", "x")])),
        ("connection", with(&[("connection", "keep-alive")])),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("te other than trailers", with(&[("te", "gzip")])),
        ("two lengths", with(&[("content-length", "1"), ("content-length", "2")])),
        ("a length that is not met", with(&[("content-length", "1")])),
        ("a line break in a value", with(&[("x", "a\r\nb: c")])),
        ("a NUL in a value", with(&[("x", "a\0b")])),
    ];
    for (name, block) in cases {
        let mut client = Http2::connect(server.address);
        let flags = flag::END_HEADERS | flag::END_STREAM;
        client.send(&Frame::new(kind::HEADERS, flags, 1, block));
        let answered = loop {
            match client.frame() {
                None => break "closed".to_owned(),
                Some(frame) if frame.kind == kind::GOAWAY => break "closed".to_owned(),
                Some(frame) if frame.kind == kind::RST_STREAM => break "reset".to_owned(),
                Some(frame) => match frame.status() {
                    Some(status) => break status.to_string(),
                    None => continue,
                },
            }
        };
        assert!(["closed", "reset", "400"].contains(&&*answered), "{name}: {answered}");
    }
    check_others(&server);
}

#[test]
fn a_preface_that_is_none_is_no_http_2() {
    let server = Server::with(STREAMS, &SHORT);
    let mut wrong = PREFACE.to_vec();
    wrong[20] ^= 1;
    for bytes in [&wrong[..], b"PRI * HTTP/2.0\r\n\r\n", &PREFACE[..23], b"PRI"] {
        let mut client = holdall_tests::Client::sending(server.address, bytes);
        let answer = client.rest();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
    }
    // Each byte in a packet of its own is as good.
    let mut client = Http2::silent(server.address);
    for byte in PREFACE {
        client.send_bytes(&[*byte]).expect("a server that receives");
        std::thread::sleep(Duration::from_millis(2));
    }
    client.send(&Frame::settings(&[]));
    assert_eq!(client.get(1, "/").0, 200);
}

#[test]
fn a_server_that_leaves_says_goodbye_and_finishes() {
    let mut server = Server::start(STREAMS);
    let mut client = Http2::connect(server.address);
    let mut idle = Http2::connect(server.address);
    assert_eq!(client.get(1, "/").0, 200);
    assert_eq!(idle.get(1, "/").0, 200);
    client.send(&Frame::get(3, "/late/1500"));
    client.send(&Frame::new(kind::PING, 0, 0, [3; 8]));
    client.until(kind::PING);
    server.signal(Signal::TERM);
    assert_eq!(client.until(kind::GOAWAY).reason(), Some(0));
    assert_eq!(client.answer(3), (200, b"late\n".to_vec()));
    assert_eq!(idle.end(), Some(0));
    assert_eq!(server.wait().code(), Some(0));
}
