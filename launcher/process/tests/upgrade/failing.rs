//! Successors that do not start: the old server goes on, and knows why.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::fixture::{Service, who};

pub fn the_reason_is_told() {
    let service = Service::start();
    let before = who(&service);
    assert_eq!(service.upgrade("broken"), "failed: no certificates in /srv");
    assert_eq!(who(&service), before);
    no_trace_is_left(&service);
}

pub fn an_end_without_a_word_is_told() {
    let service = Service::start();
    assert_eq!(service.upgrade("silent"), "ended");
    no_trace_is_left(&service);
}

pub fn a_hanging_successor_is_killed() {
    let service = Service::start();
    let flag = service.directory.path().join("hang");
    fs::write(&flag, "").unwrap();
    assert!(service.upgrade("hang").starts_with("late "));
    fs::remove_file(flag).unwrap();
    no_trace_is_left(&service);
}

/// The new one is gone, and the next upgrade is as good as any.
fn no_trace_is_left(service: &Service) {
    service.settle(2);
    let nursery = service.nursery();
    assert!(service.upgrade("2").starts_with("ready "));
    assert_ne!(service.settle(2)[0].pid, nursery.pid);
    assert_eq!(who(service).1, "2");
}

pub fn what_can_not_be_executed() {
    let service = Service::start();
    let before = who(&service);
    let path = service.directory.path().join("server");
    let executable = fs::read(&path).unwrap();
    let error = |source: &str| {
        let advice = "can't be executed; put the new executable there with one rename";
        format!("error: {path:?} {advice}: {source}")
    };
    fs::remove_file(&path).unwrap();
    assert_eq!(service.ask("upgrade 1"), error("No such file or directory (os error 2)"));
    fs::write(&path, "no program").unwrap();
    assert_eq!(service.ask("upgrade 1"), error("Permission denied (os error 13)"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(service.ask("upgrade 1"), error("Exec format error (os error 8)"));
    let writer = fs::OpenOptions::new().append(true).open(&path).unwrap();
    assert_eq!(service.ask("upgrade 1"), error("Text file busy (os error 26)"));
    drop(writer);
    assert_eq!(who(&service), before);
    fs::write(&path, executable).unwrap();
    assert!(service.ask("upgrade 1").starts_with("ready "));
}

pub fn names_that_are_none() {
    let service = Service::start();
    let answer = service.ask("upgrade a:b");
    assert!(answer.starts_with("error: \"a:b\" can't name a socket"), "{answer}");
    assert!(service.ask("upgrade tcp.80").starts_with("ready "));
}
