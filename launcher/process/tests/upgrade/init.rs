//! A server under a nursery with PID 1, as in a container.

use std::fs;

use rustix::process::Signal;

use crate::fixture::{Service, signal, upgrade_twenty_times, wait_for, who};

pub fn twenty_upgrades_in_a_row() {
    let service = Service::start_as_init();
    let nursery = service.nursery().pid;
    assert_eq!(who(&service).0, 2, "the server is the second process");
    upgrade_twenty_times(&service);
    assert_eq!(service.nursery().pid, nursery, "one nursery for all");
}

pub fn the_exit_code_is_that_of_the_server() {
    let mut service = Service::start_as_init();
    service.ask("exit 42");
    assert_eq!(service.exit_code(), Some(42));
    let mut service = Service::start_as_init();
    // The first ends with 0 after this.
    assert!(service.upgrade("2").starts_with("ready "));
    service.ask("exit 43");
    assert_eq!(service.exit_code(), Some(43));
}

pub fn signals_reach_the_server() {
    let signals = [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP, Signal::USR1];
    for sent in signals.into_iter().chain([Signal::USR2]) {
        let mut service = Service::start_as_init();
        signal(service.nursery().pid, sent);
        assert_eq!(service.exit_code(), Some(128 + sent.as_raw()), "{sent:?}");
        service.settle(0);
    }
}

/// One that still starts is not meant by signals for the service, but by those that end it.
pub fn signals_reach_the_one_that_is_ready() {
    let mut service = Service::start_as_init();
    let nursery = service.nursery().pid;
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| service.upgrade("hang"));
        service.settle(3);
        signal(nursery, Signal::USR1);
        assert_eq!(answer.join().unwrap(), "", "the server has ended");
    });
    service.settle(2);
    signal(nursery, Signal::TERM);
    // It served, and the other one never did.
    assert_eq!(service.exit_code(), Some(128 + Signal::USR1.as_raw()));
}

pub fn failing_successors() {
    let service = Service::start_as_init();
    let before = who(&service);
    assert_eq!(service.upgrade("broken"), "failed: no certificates in /srv");
    assert_eq!(service.upgrade("silent"), "ended");
    let flag = service.directory.path().join("hang");
    fs::write(&flag, "").unwrap();
    assert!(service.upgrade("hang").starts_with("late "));
    fs::remove_file(flag).unwrap();
    fs::remove_file(service.directory.path().join("server")).unwrap();
    assert!(service.ask("upgrade 1").contains("No such file"));
    service.settle(2);
    assert_eq!(who(&service), before);
    assert!(service.upgrade("2").starts_with("ready "));
    assert_eq!(who(&service).1, "2");
}

pub fn orphans_are_waited_for() {
    let service = Service::start_as_init();
    let nursery = service.nursery();
    for _ in 0..10 {
        assert_eq!(service.ask("orphan"), "exit status: 0");
    }
    wait_for("the end of all orphans", || (nursery.children().len() == 1).then_some(()));
}
