//! What a successor gets, and what it does not.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::fixture::{Service, directory_with, install, who};

pub fn arguments_environment_directory() {
    let service = Service::start();
    // A second time, as variables must not pile up.
    for version in ["2", "3"] {
        assert!(service.upgrade(version).starts_with("ready "));
    }
    let described = service.ask("describe");
    let pid = who(&service).0;
    let directory = service.directory.path().canonicalize().unwrap();
    for line in [
        "arguments a-name serve".to_owned(),
        format!("directory {}", directory.display()),
        "COLOUR=green".to_owned(),
        format!("LISTEN_PID={pid}"),
        "LISTEN_FDS=1".to_owned(),
        "LISTEN_FDNAMES=tcp.0".to_owned(),
        format!("WATCHDOG_PID={pid}"),
    ] {
        assert!(described.lines().any(|found| found == line), "no {line} in\n{described}");
    }
}

pub fn signals_and_descriptors() {
    const USR1: u64 = 1 << (10 - 1);
    let mut command = Command::new("sh");
    let command = command.args(["-c", "trap '' USR1; exec 9</dev/null ./server serve"]);
    let service = Service::run(directory_with("server"), command);
    assert_eq!(described(&service, "fd 9"), ["fd 9 /dev/null"]);
    assert_eq!(signals(&service, "SigIgn") & USR1, USR1);
    assert!(service.upgrade("2").starts_with("ready "));
    assert_eq!(signals(&service, "SigIgn") & USR1, 0);
    assert_eq!(signals(&service, "SigBlk"), 0);
    // The standard streams; what was passed, and a second descriptor of it; the socket to the
    // nursery, the one to us, and the directory that is being read.
    let open = described(&service, "fd");
    assert_eq!(open.len(), 3 + 2 + 3, "{open:#?}");
    assert_eq!(described(&service, "fd 9"), [""; 0]);
}

/// A set of signals in /proc/PID/status.
fn signals(service: &Service, set: &str) -> u64 {
    let line = &described(service, set)[0];
    u64::from_str_radix(line.split_once(": ").unwrap().1, 16).unwrap()
}

fn described(service: &Service, what: &str) -> Vec<String> {
    let described = service.ask("describe");
    described.lines().filter(|line| line.starts_with(what)).map(str::to_owned).collect()
}

/// More than the kernel takes at once.
pub fn many_sockets() {
    let service = Service::start();
    assert!(service.ask("upgrade 300").starts_with("ready "));
    assert_eq!(described(&service, "LISTEN_FDS"), ["LISTEN_FDS=300"]);
    let names: Vec<_> = (0..300).map(|number| format!("tcp.{number}")).collect();
    assert_eq!(
        described(&service, "LISTEN_FDNAMES"),
        [format!("LISTEN_FDNAMES={}", names.join(":"))],
    );
    let sockets = described(&service, "fd").into_iter().filter(|line| line.contains("socket:"));
    // The three hundred, the one in use, and the one to the nursery and to us.
    assert_eq!(sockets.count(), 303);
}

/// A release that is a directory behind a link.
pub fn a_symbolic_link_is_followed_anew() {
    let directory = directory_with("server");
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("one")).unwrap();
    fs::create_dir(path("two")).unwrap();
    install(&path("one/server"), "1");
    install(&path("two/server"), "2");
    symlink("one", path("current")).unwrap();
    symlink("two", path("next")).unwrap();
    let service = Service::run(directory, Command::new("current/server").arg("serve"));
    let path = |name: &str| service.directory.path().join(name);
    fs::rename(path("next"), path("current")).unwrap();
    assert!(service.ask("upgrade 1").starts_with("ready "));
    assert_eq!(who(&service).1, "2");
}
