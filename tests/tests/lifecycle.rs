//! From start to end: limits, users, signals, the first process of a container.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

use holdall_tests::background::wait_for_text;
use holdall_tests::process::wait_until;
use holdall_tests::{Background, Client, FREE_PORT, Run, Scratch, Server, h2, http, tools};
use rustix::process::{Pid, Signal, kill_process};

const WITNESS: &str = env!("CARGO_BIN_EXE_witness");
const PORT: &str = "--port=tcp:0:interface=127.0.0.1";
const ADMIN: &str = "--admin=tcp:0:interface=127.0.0.1";

/// A request whose answer does not fit into the buffers between server and client: it stays under
/// way for as long as the client likes.
fn begin_download(address: SocketAddr) -> Client {
    let mut client = Client::sending(address, "GET /megabytes?64 HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(client.only_head().status, 200);
    client
}

/// Reads the chunks that are left; returns how many bytes they have.
fn finish_download(client: &mut Client) -> usize {
    let mut length = 0;
    loop {
        let chunk = usize::from_str_radix(&client.line(), 16).unwrap();
        client.exactly(chunk + 2);
        length += chunk;
        if chunk == 0 {
            return length;
        }
    }
}

fn wait_until_draining(server: &Server) {
    wait_until("it is not ready", || {
        let answer = http::get(server.admin(), "/readyz");
        answer.status == 503 && answer.text().contains("draining")
    });
}

#[test]
fn requests_in_progress_are_finished() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::with(WITNESS, &[ADMIN, "--grace-period=10m"]);
        let mut client = begin_download(server.address);
        assert_eq!(http::get(server.admin(), "/readyz").status, 200);
        server.signal(signal);
        wait_until_draining(&server);
        wait_until("connections are refused", || TcpStream::connect(server.address).is_err());
        assert_eq!(http::get(server.admin(), "/livez").status, 200);
        assert_eq!(finish_download(&mut client), 64 << 20);
        assert_eq!(server.wait().code(), Some(0));
        server.event("it says so", |event| event["message"] == "draining");
    }
}

#[test]
fn the_grace_period_ends_what_does_not_end() {
    let mut server = Server::with(WITNESS, &["--grace-period=300ms"]);
    let mut client = begin_download(server.address);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    let event = server.event("it says so", |event| event["message"] == "cut");
    assert_eq!((&event["level"], &event["connections"]), (&"warn".into(), &1.into()));
    assert!(client.rest().len() < 64 << 20);
}

#[test]
fn a_second_signal_ends_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let mut server = Server::with(WITNESS, &[ADMIN, "--grace-period=10m"]);
        let _client = begin_download(server.address);
        server.signal(Signal::TERM);
        wait_until_draining(&server);
        server.signal(second);
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn idle_connections_hold_nothing_up() {
    let options = ["--grace-period=10m", "--idle-timeout=10m", "--first-byte-timeout=10m"];
    let mut server = Server::with(WITNESS, &options);
    let mut kept = Client::connect(server.address);
    assert_eq!(kept.get("/").status, 200);
    let mut silent = Client::connect(server.address);
    let mut http2 = Client::sending(server.address, h2::PREFACE);
    http2.send([0, 0, 0, h2::kind::SETTINGS, 0, 0, 0, 0, 0]);
    // The settings of the server: it has seen the beginning.
    assert_eq!(http2.exactly(9)[3], h2::kind::SETTINGS);
    assert_eq!(server.get("/").status, 200);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    for client in [&mut kept, &mut silent, &mut http2] {
        client.rest();
    }
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let prlimit = tools::tool("prlimit").arg("--nofile=100:1000").arg(WITNESS);
    let server = Server::from_run(prlimit.arg(PORT));
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<u64> = files.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers, [1000, 1000]);
}

/// The lines `Uid`, `Gid` and `Groups` of a process, each with its numbers.
fn identity(process: Pid) -> [Vec<u32>; 3] {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    ["Uid:", "Gid:", "Groups:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().map(|number| number.parse().unwrap()).collect()
    })
}

#[test]
fn it_becomes_another_user() {
    if !tools::root_for("may become somebody else") {
        return;
    }
    // Numbers of every Debian, and of every system that has the names at all.
    for (options, user, group) in [
        (&["--user=daemon"][..], 1, 1),
        (&["--user=12345"][..], 12345, 12345),
        (&["--user=12345", "--group=54321"][..], 12345, 54321),
        (&["--group=54321"][..], 0, 54321),
    ] {
        let server = Server::with(WITNESS, options);
        let expected = [vec![user; 4], vec![group; 4], vec![group]];
        assert_eq!(identity(server.pid()), expected, "{options:?}");
        assert_eq!(server.get("/").status, 200);
        assert!(server.stop().success());
    }
}

#[test]
fn a_user_that_can_not_be_is_told() {
    if !tools::root_for("may become somebody else") {
        return;
    }
    let scratch = Scratch::new();
    let program = scratch.path("witness");
    fs::copy(WITNESS, &program).unwrap();
    let line = tools::as_nobody(&program).args([PORT, "--user=0"]).fails(77);
    assert!(line.contains("user 0"), "{line}");
    let line = Run::new(&program).args([PORT, "--user=no-such-user"]).fails(78);
    assert!(line.contains("no-such-user"), "{line}");
    let line = Run::new(&program).args([PORT, "--group=no-such-group"]).fails(78);
    assert!(line.contains("no-such-group"), "{line}");
}

/// A server that is the first process of its namespace; `unshare` ends as it does.
struct Container {
    server: Server,
    init: Pid,
}

impl Container {
    fn start() -> Self {
        let unshare = tools::tool("unshare").args(["--pid", "--fork", "--mount-proc"]);
        let unshare = if tools::is_root() { unshare } else { unshare.arg("--map-root-user") };
        let unshare = unshare.args(["--kill-child", WITNESS, PORT]);
        let server = Server::from_run(unshare);
        let init = children(server.pid())[0];
        Self { server, init }
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.init, signal).unwrap();
    }
}

fn children(process: Pid) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

#[test]
fn the_first_process_of_a_container_passes_signals_on() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut container = Container::start();
        container.signal(Signal::HUP);
        let reloaded = "certificates and log file read again";
        container.server.event(reloaded, |event| event["message"] == reloaded);
        assert_eq!(container.server.get("/").status, 200);
        container.signal(signal);
        assert_eq!(container.server.wait().code(), Some(0));
        container.server.event("it drained", |event| event["message"] == "draining");
    }
}

#[test]
fn the_first_process_of_a_container_reaps_orphans() {
    let scratch = Scratch::new();
    let script = format!("#!/bin/sh\n(sleep 0.3; touch {}/done) &\n", scratch.dir().display());
    let script = scratch.write_program("orphan", script);
    let container = Container::start();
    let before = children(container.init);
    assert_eq!(before.len(), 1, "the server");
    let answer = container.server.get(&format!("/execute?{}", script.display()));
    assert_eq!(answer.text(), "done");
    wait_until("the orphan has done its work", || scratch.path("done").exists());
    wait_until("it is waited for", || children(container.init) == before);
    assert!(children(before[0]).is_empty());
}

#[test]
fn the_first_process_of_a_container_ends_as_its_server() {
    let mut container = Container::start();
    let server = children(container.init)[0];
    kill_process(server, Signal::KILL).unwrap();
    assert_eq!(container.server.wait().code(), Some(128 + 9));
}

#[test]
fn a_check_opens_nothing() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp:{}:interface=127.0.0.1", taken.local_addr().unwrap().port());
    let socket = format!("unix:{}", scratch.path("socket").display());
    let run = Run::new(WITNESS).args(["--check", "--port", &taken, "--port", &socket]);
    let run = run.arg("--log-file").arg(scratch.path("log")).arg("--grace-period=5m");
    let told = run.ok();
    for words in [&taken, &socket, "after 300s at most", "--grace-period=5m"] {
        assert!(told.text().contains(words), "no {words:?} in {}", told.text());
    }
    assert_eq!((told.stderr.as_str(), scratch.names("").len()), ("", 0));
}

fn on_socket(path: &Path) -> Server {
    Server::from_run(Run::new(WITNESS).arg(format!("--port=unix:{}", path.display())))
}

#[test]
fn the_path_of_a_socket_comes_and_goes() {
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let mut server = on_socket(&path);
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(!path.exists(), "it is removed");

    let mut killed = on_socket(&path);
    killed.signal(Signal::KILL);
    killed.wait();
    assert!(path.exists(), "nobody could remove it");
    let mut server = on_socket(&path);
    let line = Run::new(WITNESS).arg(format!("--port=unix:{}", path.display())).fails(69);
    assert!(line.contains("another program does"), "{line}");
    let mut client = UnixStream::connect(&path).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n").unwrap();
    server.signal(Signal::TERM);
    wait_until("the path is gone", || !path.exists());
    client.write_all(b"\r\n").unwrap();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_log_file_that_can_not_be_reopened_stays() {
    let scratch = Scratch::new();
    let (log, moved) = (scratch.path("log"), scratch.path("log.1"));
    let mut command = std::process::Command::new(WITNESS);
    command.args(["--port", FREE_PORT, "--log-file"]).arg(&log);
    let server = Background::start(command.stderr(Stdio::null()));
    wait_for_text(&log, "serving on");
    fs::rename(&log, &moved).unwrap();
    fs::create_dir(&log).unwrap();
    server.signal(Signal::HUP);
    let told = wait_for_text(&moved, "certificates and log file read again");
    let is_told = |line: &&str| line.contains("log file not reopened, the old one stays");
    assert_eq!(told.lines().filter(is_told).count(), 1, "{told}");
    fs::remove_dir(&log).unwrap();
    server.signal(Signal::HUP);
    wait_for_text(&log, "certificates and log file read again");
}
