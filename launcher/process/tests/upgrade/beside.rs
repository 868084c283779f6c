//! A server with a nursery beside it.

use std::io::Read;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::fixture::{Service, directory_with, signal, upgrade_twenty_times, who};

pub fn twenty_upgrades_in_a_row() {
    let service = Service::start();
    service.settle(2);
    upgrade_twenty_times(&service);
}

pub fn the_nursery_ends_with_its_server() {
    let mut service = Service::start();
    assert_eq!(service.nursery().name, "server nursery");
    assert_eq!(service.nursery().parent, who(&service).0);
    service.ask("exit 4");
    assert_eq!(service.exit_code(), Some(4));
    service.settle(0);
    // Nobody is left who would hold the other end.
    let mut rest = String::new();
    service.stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

pub fn signals_do_not_end_the_nursery() {
    let service = Service::start();
    let nursery = service.nursery();
    for name in [Signal::HUP, Signal::INT, Signal::TERM, Signal::USR1, Signal::USR2] {
        signal(nursery.pid, name);
    }
    assert!(service.upgrade("2").starts_with("ready "));
    assert_eq!(who(&service).1, "2");
}

pub fn a_lost_nursery_is_told() {
    let service = Service::start();
    let before = who(&service);
    signal(service.nursery().pid, Signal::KILL);
    let answer = service.upgrade("2");
    assert!(answer.starts_with("gone: the process for upgrades has ended; restart"), "{answer}");
    assert_eq!(who(&service), before);
}

pub fn several_threads_are_refused() {
    let directory = directory_with("server");
    let mut command = Command::new("./server");
    let command = command.args(["serve", "threads"]).current_dir(&directory);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "the process for upgrades can't be started: \
         2 threads run where only one may; start them after this\n",
    );
    assert_eq!(output.status.code(), Some(1));
}

/// As another user, in the sandbox. The nursery keeps the rights: each server begins with all, and
/// can be killed.
pub fn without_rights() {
    let service = Service::start_with(&["confined"]);
    for version in ["2", "3"] {
        assert!(service.upgrade(version).starts_with("ready "));
        service.settle(2);
    }
    std::fs::write(service.directory.path().join("hang"), "").unwrap();
    assert!(service.upgrade("hang").starts_with("late "));
    service.settle(2);
    assert_eq!(who(&service).1, "3");
}
