//! Descriptors that are passed to a process: a real one, started by a shell that sets them up.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::OnceLock;

use holdall_endpoint::{Endpoint, quote};
use tempfile::TempDir;

/// The example `listen`, with two descriptors at 3 and 4.
struct Started {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

/// Variables for a process that knows its own number as `$$`, as the shell's exec keeps it.
fn variables(count: usize, names: &str) -> String {
    format!("LISTEN_PID=$$ LISTEN_FDS={count} LISTEN_FDNAMES='{names}'")
}

impl Started {
    /// `before` is what the shell sets for the process.
    fn new(
        first: impl Into<OwnedFd>,
        second: impl Into<OwnedFd>,
        before: &str,
        ports: &[&str],
    ) -> Self {
        let script = format!(r#"exec 3<&0 4<&1 </dev/null >/dev/null; {before} exec "$0" "$@""#);
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .arg(listen())
            .args(ports)
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDNAMES")
            .stdin(first.into())
            .stdout(second.into())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        Self { child, stderr }
    }

    /// What it says before it waits for connections.
    fn lines(&mut self) -> Vec<String> {
        let lines = self.stderr.by_ref().lines().map(|line| line.expect("text"));
        lines.take_while(|line| line != "ready").collect()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the example, since `cargo test --test passed` alone does not.
fn listen() -> &'static PathBuf {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.args(["build", "--quiet", "--example", "listen", "--message-format", "json"]);
        let output = cargo.output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).expect("UTF-8");
        let (_, rest) = messages.rsplit_once("\"executable\":\"").expect("an executable");
        PathBuf::from(rest.split('"').next().expect("its path"))
    })
}

fn tcp() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    (listener, authority)
}

fn read(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// What the process says that is started with two TCP sockets.
fn said(before: &str, ports: &[&str]) -> Vec<String> {
    Started::new(tcp().0, tcp().0, before, ports).lines()
}

#[test]
fn by_name_and_by_index_in_any_order() {
    let ((web, web_authority), (admin, admin_authority)) = (tcp(), tcp());
    let before = variables(2, "web:admin");
    let mut started = Started::new(web, admin, &before, &["systemd:1", "tls:path=d:systemd:web"]);
    let expected =
        [format!("systemd.1 http://{admin_authority}"), format!("web https://{web_authority}")];
    assert_eq!(started.lines(), expected);
    assert_eq!(read(TcpStream::connect(admin_authority).unwrap()), "systemd.1");
    assert_eq!(read(TcpStream::connect(web_authority).unwrap()), "web");
    assert!(started.child.wait().unwrap().success());
}

#[test]
fn a_unix_socket_of_the_service_manager_is_not_removed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let socket = UnixListener::bind(&path).unwrap();
    let ports = ["systemd:domain=UNIX:name=unknown"];
    let mut started = Started::new(socket, tcp().0, "LISTEN_PID=$$ LISTEN_FDS=2", &ports);
    assert_eq!(
        started.lines(),
        [format!("unknown unix:{}", path.display()), "unused unknown".into()]
    );
    assert_eq!(read(UnixStream::connect(&path).unwrap()), "unknown");
    assert!(started.child.wait().unwrap().success());
    assert!(path.exists());
}

#[test]
fn sockets_that_are_wanted_are_taken_over_instead_of_made() {
    let ((first, first_authority), (second, second_authority)) = (tcp(), tcp());
    // Both have the same name, and are taken in order.
    let mut started = Started::new(first, second, &variables(2, "tcp.0:tcp.0"), &["0", "tcp:0"]);
    assert_eq!(
        started.lines(),
        [format!("tcp.0 http://{first_authority}"), format!("tcp.0 http://{second_authority}")]
    );
    assert_eq!(read(TcpStream::connect(first_authority).unwrap()), "tcp.0");
    assert_eq!(read(TcpStream::connect(second_authority).unwrap()), "tcp.0");
}

#[test]
fn a_listener_is_found_by_its_own_name_and_its_path_removed_by_the_successor() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a:b");
    let endpoint = format!("unix:{}", quote(path.to_str().unwrap()));
    let mut listener = endpoint.parse::<Endpoint>().unwrap().bind().unwrap();
    let tcp = "tcp:0:interface=127.0.0.1";
    let other = tcp.parse::<Endpoint>().unwrap().bind().unwrap();
    let names = format!("{}:{}", listener.name(), other.name());
    let passed = [&listener, &other].map(|listener| {
        listener.descriptor().expect("a socket").try_clone_to_owned().expect("a descriptor")
    });
    listener.take_path().expect("it has one").leave();
    let authority = other.authority();
    drop((listener, other));
    let [first, second] = passed;
    let mut started = Started::new(first, second, &variables(2, &names), &[tcp, &endpoint]);
    assert_eq!(started.lines().len(), 2);
    assert_eq!(read(TcpStream::connect(authority).unwrap()), "tcp.0.127.0.0.1");
    read(UnixStream::connect(&path).unwrap());
    assert!(started.child.wait().unwrap().success());
    assert!(!path.exists());
}

#[test]
fn descriptors_by_number() {
    let ((first, first_authority), (second, second_authority)) = (tcp(), tcp());
    let mut started = Started::new(first, second, "", &["fd:4", "fd:3"]);
    assert_eq!(
        started.lines(),
        [format!("fd.4 http://{second_authority}"), format!("fd.3 http://{first_authority}")]
    );
    // Those that are counted by LISTEN_FDS have numbers, too, and may have the name.
    assert!(said(&variables(2, "a:b"), &["fd:3"])[0].starts_with("fd.3 "));
    assert!(said(&variables(2, "fd.9:b"), &["fd:9"])[0].starts_with("fd.9 "));
}

#[test]
fn what_was_passed_is_said_when_something_else_is_wanted() {
    let two = variables(2, "web:admin");
    let passed = "2 descriptors were passed: web, admin";
    let cases = [
        (two.as_str(), "systemd:http", format!("error: can't open systemd:http: {passed}")),
        (&two, "systemd:2", format!("error: can't open systemd:2: {passed}")),
        (
            &variables(1, "web"),
            "systemd:1",
            "error: can't open systemd:1: 1 descriptor was passed: web".to_owned(),
        ),
        (
            "",
            "systemd:web",
            concat!(
                "error: can't open systemd:web: no descriptors were passed (LISTEN_FDS is not ",
                "set); a .socket unit or systemd-socket-activate passes them"
            )
            .to_owned(),
        ),
        (
            "LISTEN_PID=$$ LISTEN_FDS=0",
            "systemd:0",
            "error: can't open systemd:0: no descriptors were passed (LISTEN_FDS is 0)".to_owned(),
        ),
    ];
    for (before, port, message) in cases {
        assert_eq!(said(before, &[port]), [message]);
    }
    let twice = said(&two, &["systemd:web", "systemd:web"]);
    assert_eq!(twice, [format!("error: can't open systemd:web: {passed}")]);
}

#[test]
fn descriptors_for_another_process_are_not_taken() {
    let lines = said("LISTEN_PID=1 LISTEN_FDS=2", &["systemd:0"]);
    let start = concat!(
        "error: can't open systemd:0: the descriptors of LISTEN_FDS are for process 1 ",
        "(LISTEN_PID), and this is "
    );
    assert!(lines[0].starts_with(start), "{lines:?}");
    // What else is there is opened as if nothing had been passed.
    assert!(said("LISTEN_PID=1 LISTEN_FDS=2", &["tcp:0"])[0].starts_with("tcp.0 http://"));
}

#[test]
fn variables_that_make_no_sense() {
    let cases = [
        ("LISTEN_PID=$$ LISTEN_FDS=two", r#"error: LISTEN_FDS is "two", wanted a number"#),
        ("LISTEN_PID=- LISTEN_FDS=2", r#"error: LISTEN_PID is "-", wanted a number"#),
        (
            "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=a:b:c",
            "error: LISTEN_FDNAMES has 3 names for the 2 descriptors of LISTEN_FDS",
        ),
        (
            "LISTEN_PID=$$ LISTEN_FDS=4294967295",
            concat!(
                "error: descriptor 5, of the 4294967295 of LISTEN_FDS, can't be taken: it is not ",
                "open; the program that starts this one must leave it open"
            ),
        ),
    ];
    for (before, message) in cases {
        assert_eq!(said(before, &["tcp:0"]), [message]);
    }
}

#[test]
fn descriptors_that_are_no_listening_sockets() {
    let (listener, authority) = tcp();
    let said = |descriptor: OwnedFd, before: &str, port: &str| {
        let lines = Started::new(descriptor, tcp().0, before, &[port]).lines();
        lines.concat()
    };
    let file = std::fs::File::open("/dev/null").unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(&authority).unwrap();
    for (descriptor, reason) in [
        (OwnedFd::from(file), "it is not a socket"),
        (
            datagrams.into(),
            "it is not a stream socket; ListenStream= makes one, ListenDatagram= does not",
        ),
        (
            connected.into(),
            "it does not listen; a service manager must pass the socket itself (Accept=no)",
        ),
    ] {
        let copy = descriptor.try_clone().unwrap();
        assert_eq!(
            said(copy, "", "fd:3"),
            format!("error: can't accept connections on descriptor 3: {reason}")
        );
        assert_eq!(
            said(descriptor, &variables(1, "web"), "systemd:web"),
            format!("error: can't accept connections on descriptor 3 (web): {reason}")
        );
    }
    let family = "it is of the family INET, wanted";
    let tcp = || listener.try_clone().unwrap().into();
    for (name, port, wanted) in
        [("unix./run/x", "unix:/run/x", "UNIX"), ("web", "systemd:domain=INET6:name=web", "INET6")]
    {
        assert_eq!(
            said(tcp(), &variables(1, name), port),
            format!("error: can't accept connections on descriptor 3 ({name}): {family} {wanted}")
        );
    }
    let closed = "error: can't accept connections on descriptor 99: it is not open";
    assert!(said(tcp(), "", "fd:99").starts_with(closed));
}

#[test]
fn a_descriptor_is_taken_once() {
    let lines = said("", &["fd:3", "fd:3"]);
    let reason = "this process has it for something else; each descriptor can be taken once";
    assert_eq!(lines, [format!("error: can't accept connections on descriptor 3: {reason}")]);
}

#[test]
fn stdio_answers_there() {
    let output = Command::new(listen()).arg("stdio:").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "stdio");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "stdio stdio:\nready\n");
}
