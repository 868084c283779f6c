//! sd_notify(3) between real processes: this program is the service manager and the service.

use std::env;
use std::io::{IoSliceMut, PipeReader, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{self, Command};
use std::{fs, io, iter};

use holdall_process::identity::Identity;
use holdall_process::notify::Notify;
use holdall_process::sandbox::Sandbox;
use libtest_mimic::{Arguments, Trial};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::time::ClockId;
use tempfile::TempDir;

/// What the service is to do; unset in the manager.
const ROLE: &str = "HOLDALL_TEST_ROLE";

const TESTS: &[(&str, fn())] = &[
    ("all_states", all_states),
    ("an_abstract_address", an_abstract_address),
    ("reloading_tells_the_time", reloading_tells_the_time),
    ("a_stored_descriptor_arrives", a_stored_descriptor_arrives),
    ("the_watchdog_is_for_one_process", the_watchdog_is_for_one_process),
    ("rights_given_up_do_not_matter", rights_given_up_do_not_matter),
    ("no_manager_is_no_error", no_manager_is_no_error),
    ("a_manager_that_does_not_read", a_manager_that_does_not_read),
];

fn main() {
    if let Ok(role) = env::var(ROLE) {
        return serve(&role, &Notify::from_environment());
    }
    let trials = TESTS.iter().map(|&(name, test)| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

/// The service.
fn serve(role: &str, notify: &Notify) {
    match role {
        "states" => {
            notify.ready();
            notify.status("serving\non two lines");
            notify.watchdog();
            notify.main_pid(17);
            notify.remove("tcp.80");
            notify.stopping();
        }
        "reloading" => notify.reloading(),
        "storing" => {
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(b"kept").unwrap();
            notify.store("tcp.80", reader.as_fd());
        }
        "watchdog" => notify.status(&format!("{:?}", notify.watchdog_interval())),
        "confined" => {
            // Nobody can find it any more.
            fs::remove_file(env::var("NOTIFY_SOCKET").unwrap()).unwrap();
            if rustix::process::geteuid().is_root() {
                Identity::find(Some("65534"), None).unwrap().assume().unwrap();
            }
            Sandbox::default().close().unwrap();
            notify.ready();
        }
        other => panic!("{other}"),
    }
}

/// The manager: what it hears on, and how the service finds it.
struct Manager {
    socket: UnixDatagram,
    address: String,
    _directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, address: path.to_str().unwrap().to_owned(), _directory: directory }
    }

    fn command(&self, role: &str) -> Command {
        let mut command = service(role);
        command.env("NOTIFY_SOCKET", &self.address);
        command
    }

    /// What a service says until its end.
    fn hear(&self, role: &str) -> Vec<String> {
        self.hear_from(&mut self.command(role))
    }

    fn hear_from(&self, command: &mut Command) -> Vec<String> {
        assert!(command.status().unwrap().success());
        self.socket.set_nonblocking(true).unwrap();
        iter::from_fn(|| {
            let mut text = [0; 1024];
            let length = self.socket.recv(&mut text).ok()?;
            Some(String::from_utf8(text[..length].to_vec()).unwrap())
        })
        .collect()
    }
}

fn service(role: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        command.env_remove(variable);
    }
    command.env(ROLE, role);
    command
}

const STATES: [&str; 6] = [
    "READY=1",
    "STATUS=serving on two lines",
    "WATCHDOG=1",
    "MAINPID=17",
    "FDSTOREREMOVE=1\nFDNAME=tcp.80",
    "STOPPING=1",
];

fn all_states() {
    assert_eq!(Manager::new().hear("states"), STATES);
}

fn an_abstract_address() {
    let name = format!("holdall-notify-{}", process::id());
    let socket = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&socket).unwrap();
    let manager = Manager { socket, address: format!("@{name}"), ..Manager::new() };
    assert_eq!(manager.hear("states"), STATES);
}

/// systemd compares it with the time of its own request.
fn reloading_tells_the_time() {
    let now = || {
        let now = rustix::time::clock_gettime(ClockId::Monotonic);
        now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
    };
    let before = now();
    let heard = Manager::new().hear("reloading");
    let told = heard[0].strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!((before..=now()).contains(&told.parse().unwrap()), "{before} {told}");
}

fn a_stored_descriptor_arrives() {
    let manager = Manager::new();
    assert!(manager.command("storing").status().unwrap().success());
    let mut text = [0; 1024];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let text_buffer = &mut [IoSliceMut::new(&mut text)];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = recvmsg(&manager.socket, text_buffer, &mut control, flags).unwrap();
    assert_eq!(&text[..received.bytes], b"FDSTORE=1\nFDPOLL=0\nFDNAME=tcp.80");
    let passed: Vec<OwnedFd> = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(rights) => Some(rights),
            _ => None,
        })
        .flatten()
        .collect();
    let [pipe] = <[OwnedFd; 1]>::try_from(passed).unwrap();
    let mut kept = String::new();
    PipeReader::from(pipe).read_to_string(&mut kept).unwrap();
    assert_eq!(kept, "kept");
}

fn the_watchdog_is_for_one_process() {
    let manager = Manager::new();
    let interval = |variables: &[(&str, &str)]| {
        let mut command = manager.command("watchdog");
        let heard = manager.hear_from(command.envs(variables.iter().copied()));
        heard[0].strip_prefix("STATUS=").unwrap().to_owned()
    };
    let time = ("WATCHDOG_USEC", "3000000");
    assert_eq!(interval(&[time]), "Some(1.5s)");
    assert_eq!(interval(&[time, ("WATCHDOG_PID", "1")]), "None");
    assert_eq!(interval(&[("WATCHDOG_USEC", "0")]), "None");
    assert_eq!(interval(&[("WATCHDOG_USEC", "soon")]), "None");
    assert_eq!(interval(&[]), "None");
    // The shell has the number that the service will have.
    let mut shell = Command::new("sh");
    let exec = "export WATCHDOG_PID=$$; exec \"$0\"";
    let shell = shell.args(["-c", exec]).arg(env::current_exe().unwrap());
    let shell = shell.env(ROLE, "watchdog").env("NOTIFY_SOCKET", &manager.address);
    let heard = manager.hear_from(shell.env(time.0, time.1));
    assert_eq!(heard, ["STATUS=Some(1.5s)"]);
}

fn rights_given_up_do_not_matter() {
    assert_eq!(Manager::new().hear("confined"), ["READY=1"]);
}

fn no_manager_is_no_error() {
    assert!(service("states").status().unwrap().success());
    let mut command = service("states");
    let status = command.env("NOTIFY_SOCKET", "/there/is/none").status();
    assert!(status.unwrap().success());
}

/// Its queue is full, and the service goes on after a while.
fn a_manager_that_does_not_read() {
    let manager = Manager::new();
    let other = UnixDatagram::unbound().unwrap();
    other.set_nonblocking(true).unwrap();
    let full = loop {
        if let Err(error) = other.send_to(b"STATUS=", &manager.address) {
            break error;
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    assert!(manager.hear("watchdog").iter().all(|message| message == "STATUS="));
}
