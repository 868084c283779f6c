//! The service manager: sockets that it passes and keeps, and what it is told.

use std::fs::{self, File};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use holdall_tests::background::{wait_for_address, wait_for_text};
use holdall_tests::generations::{Packer, Sweep, replace};
use holdall_tests::process::wait_until;
use holdall_tests::{
    Background, Client, FREE_PORT, Generations, Run, Scratch, Server, http, tools,
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::Signal;

const WITNESS: &str = env!("CARGO_BIN_EXE_witness");

/// What the service manager is at the other end of `NOTIFY_SOCKET`: sd_notify(3).
struct Manager {
    socket: UnixDatagram,
    path: String,
}

/// One notification: lines `NAME=value`, and the descriptors that came with it.
#[derive(Debug)]
struct Told {
    text: String,
    descriptors: Vec<OwnedFd>,
}

impl Manager {
    fn new(scratch: &Scratch) -> Self {
        let path = scratch.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { socket, path: path.to_str().unwrap().to_owned() }
    }

    /// A start of the program that tells this manager how it goes.
    fn run(&self, program: impl AsRef<std::ffi::OsStr>) -> Run {
        Run::new(program).env("NOTIFY_SOCKET", &self.path).args(["--port", FREE_PORT])
    }

    fn next(&self) -> Told {
        let mut bytes = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let buffers = &mut [IoSliceMut::new(&mut bytes)];
        let received = recvmsg(&self.socket, buffers, &mut control, RecvFlags::CMSG_CLOEXEC);
        let length = received.expect("a notification within half a minute").bytes;
        let rights = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(rights) => Some(rights),
            _ => None,
        });
        let descriptors = rights.flatten().collect();
        Told { text: String::from_utf8(bytes[..length].to_vec()).unwrap(), descriptors }
    }

    /// Waits for a notification with this line; returns it, and what came before.
    fn wait_for(&self, line: &str) -> (Told, Vec<Told>) {
        let mut before = Vec::new();
        loop {
            let told = self.next();
            if told.text.lines().any(|each| each == line) {
                return (told, before);
            }
            before.push(told);
            assert!(before.len() < 1000, "no {line}");
        }
    }
}

impl Told {
    fn value(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Microseconds of the clock that systemd compares with.
fn monotonic() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

#[test]
fn the_manager_is_told_how_it_goes() {
    let scratch = Scratch::new();
    let manager = Manager::new(&scratch);
    let server = Server::from_run(manager.run(WITNESS));
    let (ready, before) = manager.wait_for("READY=1");
    assert_eq!(ready.text, "READY=1");
    let status = before.iter().find_map(|told| told.value("STATUS"));
    assert!(status.is_some_and(|status| status.contains(&server.address.to_string())));

    let earlier = monotonic();
    server.signal(Signal::HUP);
    let (reloading, _) = manager.wait_for("RELOADING=1");
    let time: i64 = reloading.value("MONOTONIC_USEC").unwrap().parse().unwrap();
    assert!((earlier..=monotonic()).contains(&time), "{time}");
    let (_, before) = manager.wait_for("READY=1");
    assert!(before.iter().all(|told| told.value("STOPPING").is_none()));

    assert!(server.stop().success());
    manager.wait_for("STOPPING=1");
}

#[test]
fn the_watchdog_hears_of_it_in_time() {
    const TIME: Duration = Duration::from_secs(2);
    let scratch = Scratch::new();
    let manager = Manager::new(&scratch);
    let _server = Server::from_run(manager.run(WITNESS).env("WATCHDOG_USEC", "2000000"));
    manager.wait_for("READY=1");
    for _ in 0..3 {
        let start = Instant::now();
        manager.wait_for("WATCHDOG=1");
        assert!(start.elapsed() < TIME, "{:?}", start.elapsed());
    }
}

/// A start with the number of the process in a variable, as the manager makes it.
fn with_own_pid(variable: &str) -> Run {
    tools::tool("sh").args(["-c", &format!("{variable}=$$ exec \"$@\""), "sh"])
}

#[test]
fn an_upgrade_makes_another_the_main_process() {
    let scratch = Scratch::new();
    let manager = Manager::new(&scratch);
    let packer = Packer::new(&scratch, WITNESS);
    let (file, next) = (packer.pack("server", "1", ""), packer.pack("next", "2", ""));
    let run = with_own_pid("WATCHDOG_PID").env("WATCHDOG_USEC", "1000000");
    let run = run.arg(&file).args(["--port", FREE_PORT]).env("NOTIFY_SOCKET", &manager.path);
    let mut server = Generations::start(&scratch, run);
    let old = server.current();
    manager.wait_for("WATCHDOG=1");
    replace(&file, &next);
    let new = server.upgrade();
    let (_, before) = manager.wait_for(&format!("MAINPID={new}"));
    assert!(before.iter().any(|told| told.text == "READY=1"), "{before:?}");
    wait_until("the old process is gone", || !server.processes().contains(&old));
    // What the old one said last is in the queue; the new one is not done in that time.
    for _ in 0..5 {
        let (_, before) = manager.wait_for("WATCHDOG=1");
        assert!(before.iter().all(|told| told.value("STOPPING").is_none()), "{before:?}");
    }
    let address = server.server().address;
    wait_until("the new process answers", || identity(address) == format!("{new} 2"));
    server.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
}

/// A start with a socket passed as the manager passes it: descriptor 3 and three variables.
/// Standard error is the file `log`.
fn activated(scratch: &Scratch, socket: OwnedFd, name: &str, arguments: &[&str]) -> Background {
    const SCRIPT: &str = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "sh"]).args(arguments).env("LISTEN_FDNAMES", name);
    let log = File::create(scratch.path("log")).unwrap();
    Background::start(command.stdin(Stdio::from(socket)).stdout(Stdio::null()).stderr(log))
}

#[test]
fn a_restart_takes_the_socket_that_was_kept() {
    let scratch = Scratch::new();
    let manager = Manager::new(&scratch);
    let server = Server::from_run(manager.run(WITNESS));
    let (stored, _) = manager.wait_for("FDSTORE=1");
    let name = stored.value("FDNAME").unwrap().to_owned();
    assert_eq!((&*name, stored.descriptors.len()), ("tcp.0.127.0.0.1", 1));
    let address = server.address;
    let [socket] = stored.descriptors.try_into().unwrap();
    let socket = TcpListener::from(socket);
    assert_eq!(socket.local_addr().unwrap(), address);

    server.signal(Signal::KILL);
    drop(server);
    // Nobody serves, but somebody listens.
    let mut waiting = Client::sending(address, "GET / HTTP/1.1\r\nhost: test\r\n\r\n");
    let arguments = [WITNESS, "--port", FREE_PORT];
    let mut next = activated(&scratch, socket.into(), &name, &arguments);
    // A new socket would have another port.
    assert_eq!(wait_for_address(&scratch.path("log")), address);
    let answer = waiting.response();
    assert_eq!(answer.text().trim(), next.pid().to_string());
    next.signal(Signal::TERM);
    assert_eq!(next.wait().code(), Some(0));
    assert!(TcpStream::connect(address).is_err(), "nobody keeps it any more");
}

#[test]
fn a_passed_socket_is_found_by_name_and_number_and_passed_on() {
    for port in ["systemd:web", "systemd:0", "systemd:domain=INET:index=0", "fd:3"] {
        let scratch = Scratch::new();
        let program = scratch.path("witness");
        fs::copy(WITNESS, &program).unwrap();
        let _sweep = Sweep::of(&scratch);
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let arguments = [program.to_str().unwrap(), "--port", port];
        let mut server = activated(&scratch, socket.into(), "web", &arguments);
        assert_eq!(wait_for_address(&scratch.path("log")), address, "{port}");
        let first = identity(address);
        assert_eq!(first, server.pid().to_string());
        server.signal(Signal::USR2);
        wait_for_text(&scratch.path("log"), "handed over to the new process");
        wait_until("another process answers", || identity(address) != first);
        assert_eq!(server.wait().code(), Some(0));
    }
}

fn identity(address: SocketAddr) -> String {
    http::get(address, "/").text().trim().to_owned()
}

#[test]
fn systemd_socket_activate_starts_it_at_the_first_connection() {
    for port in ["systemd:web", "systemd:0"] {
        let scratch = Scratch::new();
        let socket = scratch.path("socket");
        let log = scratch.path("log");
        let mut activate = Command::new("systemd-socket-activate");
        activate.arg("--listen").arg(&socket).args(["--fdname=web", WITNESS, "--port", port]);
        let mut server = Background::start(activate.stderr(File::create(&log).unwrap()));
        wait_for_text(&log, "Listening on");
        let curl = tools::tool("curl").args(["-sSf", "--unix-socket"]);
        let answer = curl.arg(&socket).arg("http://web/").ok();
        assert_eq!(answer.text().trim(), server.pid().to_string());
        server.signal(Signal::TERM);
        assert_eq!(server.wait().code(), Some(0));
        assert!(socket.exists(), "the path is not ours");
    }
}

#[test]
fn what_was_not_passed_is_told() {
    let with = |variables: &[(&str, &str)], port: &str| {
        let run = with_own_pid("LISTEN_PID").args([WITNESS, "--port", port]);
        variables.iter().fold(run, |run, (name, value)| run.env(name, value)).fails(69)
    };
    let line = Run::new(WITNESS).args(["--port", "systemd:web"]).fails(69);
    assert!(line.contains("systemd:web") && line.contains("LISTEN_FDS is not set"), "{line}");
    let other = Run::new(WITNESS).args(["--port", "systemd:0"]);
    let line = other.env("LISTEN_PID", "1").env("LISTEN_FDS", "1").fails(69);
    assert!(line.contains("for process 1 (LISTEN_PID)"), "{line}");
    let line = with(&[("LISTEN_FDS", "0")], "systemd:0");
    assert!(line.contains("LISTEN_FDS is 0"), "{line}");
    let line = with(&[("LISTEN_FDS", "1")], "systemd:0");
    assert!(line.contains("descriptor 3, of the 1 of LISTEN_FDS"), "{line}");
    let line = with(&[("LISTEN_FDS", "many")], "systemd:0");
    assert!(line.contains("LISTEN_FDS is \"many\", wanted a number"), "{line}");
}

#[test]
fn a_passed_descriptor_that_is_no_such_socket_is_told() {
    let scratch = Scratch::new();
    let log = scratch.path("log");
    let socket = || OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    let connected = OwnedFd::from(UnixDatagram::unbound().unwrap());
    let file = OwnedFd::from(File::open("/dev/null").unwrap());
    for (descriptor, port, reason) in [
        (socket(), "systemd:other", "1 descriptor was passed: web"),
        (socket(), "systemd:1", "1 descriptor was passed: web"),
        (socket(), "systemd:domain=UNIX:name=web", "UNIX"),
        (connected, "systemd:web", "web"),
        (file, "systemd:web", "descriptor 3"),
    ] {
        let mut server = activated(&scratch, descriptor, "web", &[WITNESS, "--port", port]);
        assert_eq!(server.wait().code(), Some(69), "{port}");
        let told = fs::read_to_string(&log).unwrap();
        assert!(told.lines().count() == 1 && told.contains(reason), "{port}: {told}");
    }
    let _server = activated(&scratch, socket(), "web", &[WITNESS, "--port", FREE_PORT]);
    let told = wait_for_text(&log, "descriptors that no endpoint asks for");
    assert!(told.contains("\"names\":\"web\""), "{told}");
}
