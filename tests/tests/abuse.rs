//! Clients that want the server to fail: they come in thousands, dawdle, and vanish.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use holdall_tests::process::{
    descriptors, memory, processor_time, raise_file_limit, reset_on_close, wait_until,
};
use holdall_tests::{Client, FREE_PORT, Scratch, Server, fixtures, tools};
use rustix::process::Pid;

const STREAMS: &str = env!("CARGO_BIN_EXE_streams");

/// Tests that fill the machine run one after the other: they measure.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bundle with very many resources: what clients do to it must cost no more for that.
fn site(scratch: &Scratch) -> PathBuf {
    scratch.write("www/index.html", fixtures::INDEX);
    fixtures::crowd(scratch, "www");
    scratch.bundle("www", "site", &[])
}

/// How long curl takes for a resource in the middle one of 20 tries.
fn usual_time(address: SocketAddr) -> Duration {
    let names = fixtures::crowd_names();
    let time = |number: usize| {
        let url = format!("http://{address}/{}", names[number * 1_999]);
        let curl = tools::tool("curl").args(["-sS", "-w", "\n%{http_code} %{time_total}", &url]);
        let ended = curl.ok();
        let (_, told) = ended.text().trim_end().rsplit_once('\n').expect("a last line");
        let (status, seconds) = told.split_once(' ').expect("two values");
        assert_eq!(status, "200");
        Duration::from_secs_f64(seconds.parse().expect("a number"))
    };
    let mut times: Vec<_> = (0..20).map(time).collect();
    times.sort();
    times[times.len() / 2]
}

/// Connections that are opened as fast as the server takes them.
fn connect_many(count: usize, server: &Server) -> Vec<TcpStream> {
    let connect = |number| {
        let stream = TcpStream::connect(server.address);
        stream.unwrap_or_else(|error| panic!("connection {number}: {error}"))
    };
    let before = descriptors(server.pid());
    let streams = (0..count).map(connect).collect();
    wait_until("all are accepted", || descriptors(server.pid()) >= before + count - 1);
    streams
}

/// What drips into each connection, byte by byte.
const DRIPPED: &[u8] = b"GET / HTTP/1.1\r\nhost: test\r\nx-dripping: dripping\r\nx-more";

/// Sends byte `number` on each connection; leaves out those that the server has closed.
fn drip(streams: &mut Vec<TcpStream>, number: usize) {
    let byte = [DRIPPED[number % DRIPPED.len()]];
    streams.retain_mut(|stream| stream.write_all(&byte).is_ok());
}

#[test]
fn a_thousand_slow_clients_do_not_slow_down_others() {
    let _alone = alone();
    raise_file_limit();
    let scratch = Scratch::new();
    let site = site(&scratch);
    for options in [&[][..], &["--header-timeout=2"]] {
        let server = Server::with(&site, options);
        let mut slow = connect_many(1_000, &server);
        let (mut usual, start) = (Vec::new(), Instant::now());
        for second in 0..4 {
            drip(&mut slow, second);
            usual.push(usual_time(server.address));
            let next = start + Duration::from_secs(second as u64 + 1);
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        usual.sort();
        // The middle of the four: another program may take the machine for a second.
        assert!(usual[1] < Duration::from_millis(100), "{options:?}: {usual:?}");
        if options.is_empty() {
            assert_eq!(slow.len(), 1_000, "the default has patience with slow lines");
        } else {
            cut_in_the_end(&mut slow);
        }
    }
}

/// All connections are cut, however long they go on dripping.
fn cut_in_the_end(slow: &mut Vec<TcpStream>) {
    let mut number = 4;
    wait_until("all slow clients are cut", || {
        drip(slow, number);
        number += 1;
        std::thread::sleep(Duration::from_millis(200));
        slow.is_empty()
    });
}

/// How many connections, and how much memory each may take at most: it is about three quarters of
/// this after an answer, and a fifth before the first byte.
const IDLE: usize = 9_500;
const IDLE_BYTES: u64 = 40 << 10;

#[test]
fn ten_thousand_idle_connections_cost_little() {
    let _alone = alone();
    let count = IDLE.min(raise_file_limit() as usize - 500);
    let scratch = Scratch::new();
    let patient = ["--first-byte-timeout=600", "--idle-timeout=600"];
    let server = Server::with(site(&scratch), &patient);
    let empty = memory(server.pid());
    let mut streams = connect_many(count, &server);
    let silent = (memory(server.pid()) - empty) / count as u64;
    for (stream, name) in streams.iter_mut().zip(fixtures::crowd_names()) {
        let request = format!("GET /{name} HTTP/1.1\r\nhost: test\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a server");
    }
    wait_until("all are answered", || streams.iter().all(has_content));
    let idle = (memory(server.pid()) - empty) / count as u64;
    let usual = usual_time(server.address);
    let told = format!("{count} connections: {silent} bytes each while silent, {idle} when idle");
    let _ = writeln!(std::io::stderr(), "\n{told}; another page in {usual:?}");
    assert!(silent < IDLE_BYTES && idle < IDLE_BYTES, "{told}");
    check_idle(server.pid());
    drop(streams);
    wait_until("all are closed", || descriptors(server.pid()) < 100);
    assert_eq!(server.get("/").text(), fixtures::INDEX);
}

fn has_content(stream: &TcpStream) -> bool {
    stream.peek(&mut [0]).is_ok_and(|length| length > 0)
}

/// Connections that do nothing take next to no processor time.
fn check_idle(pid: Pid) {
    let before = processor_time(pid);
    std::thread::sleep(Duration::from_secs(2));
    let used = processor_time(pid) - before;
    assert!(used < Duration::from_millis(400), "{used:?} in two seconds of nothing");
}

#[test]
fn with_few_descriptors_idle_connections_give_way() {
    let run = tools::tool("prlimit").args(["--nofile=64:64", STREAMS, "--port", FREE_PORT]);
    let server = Server::from_run(run);
    let idle: Vec<_> = (0..60).map(|_| TcpStream::connect(server.address)).collect();
    for _ in 0..5 {
        assert_eq!(server.get("/").text(), "hello\n");
    }
    drop(idle);
    assert_eq!(server.get("/").text(), "hello\n");
    assert_eq!(server.log().lines().len(), 1, "{:#?}", server.log().lines());
    assert!(server.stop().success());
}

/// Whether a request is answered; where descriptors are scarce, its connection may have to give way.
fn is_served(server: &Server) -> bool {
    let mut client = Client::connect(server.address);
    let sent = client.try_send("GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    sent.is_ok() && client.rest().ends_with(b"hello\n")
}

const NO_MORE: &str = "can't accept connections, trying again";

#[test]
fn a_server_recovers_when_descriptors_come_back() {
    let server = Server::start(STREAMS);
    // As if the service had opened all that it may.
    let (pid, few) = (server.pid().to_string(), descriptors(server.pid()) + 8);
    let limit = format!("--nofile={few}:{few}");
    tools::tool("prlimit").args(["--pid", &pid, &limit]).ok();
    let quiet = "GET /quiet/3000 HTTP/1.1\r\nhost: test\r\n\r\n";
    let busy: Vec<_> = (0..40).map(|_| Client::sending(server.address, quiet)).collect();
    let told = server.event("that descriptors are used up", |event| event["message"] == NO_MORE);
    assert_eq!(told["level"], "warn", "{told}");
    let before = processor_time(server.pid());
    std::thread::sleep(Duration::from_secs(1));
    let used = processor_time(server.pid()) - before;
    assert!(used < Duration::from_millis(500), "{used:?} in a second of waiting");
    drop(busy);
    wait_until("it serves again", || is_served(&server));
    assert_eq!(server.log().events_of(NO_MORE).len(), 1, "{:#?}", server.log().lines());
    assert!(server.stop().success());
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let server = Server::with(STREAMS, &[]);
    assert_eq!(server.get("/").status, 200);
    let before = descriptors(server.pid());
    let requests = [
        "POST /length HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n12345",
        "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123",
        "GET /endless HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET / HTTP/1.1\r\nho",
        "",
    ];
    for request in requests.iter().cycle().take(10 * requests.len()) {
        drop(Client::sending(server.address, request));
        reset_on_close(Client::sending(server.address, request).stream());
    }
    wait_until("their descriptors are free", || descriptors(server.pid()) <= before);
    assert_eq!(server.log().lines().len(), 1, "{:#?}", server.log().lines());
    assert_eq!(server.get("/").status, 200);
    assert!(server.stop().success());
}

/// A client may close its sending side, and wait for the answer.
#[test]
fn a_client_that_has_said_all_is_answered() {
    let server = Server::with(STREAMS, &[]);
    for path in ["/", "/late/200", "/quiet/200", "/zeros/1000000"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
        let mut client = Client::sending(server.address, request);
        client.finish();
        assert_eq!(client.response().status, 200, "{path}");
    }
}

#[test]
fn connections_that_come_and_go_leave_no_memory_behind() {
    let _alone = alone();
    let server = Server::with(STREAMS, &[]);
    let churn = |count: usize| {
        for number in 0..count {
            let stream = TcpStream::connect(server.address).expect("a server");
            let request: &[u8] = [b"GET / HTTP/1.1\r\nhost: test\r\n\r\n", &b""[..]][number % 2];
            match (&stream).write_all(request).and_then(|()| stream.shutdown(Shutdown::Both)) {
                Err(error) if error.kind() != ErrorKind::NotConnected => panic!("{error}"),
                _ => {}
            }
        }
        wait_until("all are gone", || descriptors(server.pid()) < 40);
    };
    churn(2_000);
    // The allocator keeps the pages of the greatest crowd so far, so single rounds may add some. What
    // is never given back would be missing after every one.
    let rounds = (0..8).map(|_| {
        let before = memory(server.pid());
        churn(2_000);
        memory(server.pid()).saturating_sub(before)
    });
    let kept = rounds.take_while(|&more| more > 128 << 10).collect::<Vec<_>>();
    assert!(kept.len() < 8, "2,000 connections after 2,000 leave memory behind: {kept:?} bytes");
}
