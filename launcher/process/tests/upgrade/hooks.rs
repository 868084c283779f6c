//! Hooks: programs that the nursery runs, beside a server and as PID 1.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use rustix::process::Signal;

use crate::fixture::{Process, Service, processes, signal, wait_for, who};

/// What each service here is started with.
const HOOK: &[&str] = &["hook=./hook"];

/// More than any hook here takes.
const LIMIT: &str = "60000";

/// Runs until there is a file `release`, or its directory is not there any more.
const HOLD: &str =
    "echo > running; while [ -e running ] && [ ! -e release ]; do sleep 0.02; done; echo > done";

pub fn arguments_environment_streams() {
    for service in both() {
        script(
            &service,
            r#"printf '%s\n' "$0" "$@" > arguments; env > environment; pwd > directory
            (ls -l /proc/$$/fd > descriptors); grep '^Sig[BI]' /proc/self/status > signals"#,
        );
        let arguments = ["present", "", "a b", "*", "$(x) \"'\\", "-n", "gr\u{fc}n"];
        assert_eq!(run(&service, LIMIT, &arguments), "done");
        let written = format!("./hook\n{}\n", arguments.join("\n"));
        assert_eq!(read(&service, "arguments"), written);
        assert_eq!(
            read(&service, "directory").trim_end(),
            service.directory.path().to_str().unwrap()
        );
        let environment = read(&service, "environment");
        let has = |variable: &str| environment.lines().any(|line| line.starts_with(variable));
        assert!(has("COLOUR=green") && !has("LISTEN_") && !has("HOLDALL_"), "{environment}");
        no_signal_is_ignored(&service);
        streams_are_ours(&service);
        no_trace_is_left(&service);
    }
}

/// Or blocked. The two above 31 are the C library's own, which posix_spawn(3) ignores.
fn no_signal_is_ignored(service: &Service) {
    let signals = read(service, "signals");
    let sets = signals.lines().map(|line| line.split_once(":\t").unwrap());
    let sets: Vec<_> = sets
        .map(|(name, set)| (name, u64::from_str_radix(set, 16).unwrap() & u64::from(u32::MAX >> 1)))
        .collect();
    assert_eq!(sets, [("SigBlk", 0), ("SigIgn", 0)]);
}

/// An empty input, the output where the errors go, and nothing else but the script.
fn streams_are_ours(service: &Service) {
    let listed = read(service, "descriptors");
    let open = listed.lines().filter_map(|line| {
        let (before, target) = line.split_once(" -> ")?;
        Some((before.rsplit_once(' ')?.1, target))
    });
    let open: BTreeMap<_, _> = open.filter(|(_, target)| !target.ends_with("/hook")).collect();
    assert_eq!(open.keys().collect::<Vec<_>>(), [&"0", &"1", &"2"], "{listed}");
    assert_eq!((open["0"], open["1"]), ("/dev/null", open["2"]));
}

pub fn a_failure_is_told() {
    for service in both() {
        script(&service, "exit 3");
        let failed = |how| {
            format!(
                "error: the hook \"./hook\" has failed with {how}; its standard error may say why"
            )
        };
        assert_eq!(run(&service, LIMIT, &[]), failed("exit status: 3"));
        script(&service, "kill -TERM $$");
        assert_eq!(run(&service, LIMIT, &[]), failed("signal: 15 (SIGTERM)"));
        no_trace_is_left(&service);
    }
}

pub fn what_can_not_be_executed() {
    for service in both() {
        let error = |source: &str| {
            let advice = "it must be there, with the right to be executed, and begin with #! and \
                          an interpreter if it is a script";
            format!("error: the hook \"./hook\" can't be executed; {advice}: {source}")
        };
        assert_eq!(run(&service, LIMIT, &[]), error("No such file or directory (os error 2)"));
        let path = service.directory.path().join("hook");
        fs::write(&path, "exit 0").unwrap();
        assert_eq!(run(&service, LIMIT, &[]), error("Permission denied (os error 13)"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(run(&service, LIMIT, &[]), error("Exec format error (os error 8)"));
        script(&service, "exit 0");
        assert_eq!(run(&service, LIMIT, &[]), "done");
        no_trace_is_left(&service);
    }
}

pub fn only_what_was_named_is_run() {
    for service in both() {
        script(&service, "echo > ran");
        for other in ["hook", "./../hook", "/bin/true"] {
            let error = format!(
                "error: the hook {other:?} was not named when this service or container was \
                 started; start it again"
            );
            assert_eq!(service.ask(&format!("hook {LIMIT}\t{other}")), error);
        }
        assert!(!exists(&service, "ran"));
    }
}

pub fn words_that_are_none() {
    let service = Service::start_with(HOOK);
    script(&service, "echo > ran");
    for bad in ["a\u{1b}[2Jb", "a\0b", &"x".repeat(1025)] {
        let error = format!("error: {bad:?} can't be passed to a hook; wanted ");
        assert!(run(&service, LIMIT, &[bad]).starts_with(&error));
    }
    assert!(run(&service, LIMIT, &["x"; 17]).starts_with("error: \"x\" can't be passed"));
    assert!(!exists(&service, "ran"));
    assert_eq!(run(&service, LIMIT, &[&*"x".repeat(1024); 16]), "done");
}

pub fn a_late_one_is_killed_with_its_group() {
    for service in both() {
        script(&service, "trap '' TERM; sleep 1000 & wait; sleep 1000");
        let error = "error: the hook \"./hook\" was killed because it was not done after 300ms";
        assert_eq!(run(&service, "300", &[]), error);
        no_trace_is_left(&service);
        // Time goes on from the start of each.
        assert_eq!(run(&service, "0", &[]), error.replace("300ms", "0ns"));
        no_trace_is_left(&service);
    }
}

pub fn several_run_at_once() {
    for service in both() {
        script(&service, "echo > here-$1; while [ ! -e here-$2 ]; do sleep 0.02; done");
        thread::scope(|scope| {
            let one = scope.spawn(|| run(&service, LIMIT, &["1", "2"]));
            let two = scope.spawn(|| run(&service, LIMIT, &["2", "1"]));
            assert_eq!((one.join().unwrap(), two.join().unwrap()), ("done".into(), "done".into()));
        });
        no_trace_is_left(&service);
    }
}

pub fn an_upgrade_goes_on_meanwhile() {
    for service in both() {
        script(&service, HOLD);
        while_it_holds(&service, LIMIT, || {
            assert_eq!(service.upgrade("broken"), "failed: no certificates in /srv");
            create(&service, "release");
            "done"
        });
        for name in ["running", "release", "done"] {
            fs::remove_file(path(&service, name)).unwrap();
        }
        // The old server hears no more of it, but it comes to its end.
        while_it_holds(&service, LIMIT, || {
            assert!(service.upgrade("2").starts_with("ready "));
            create(&service, "release");
            ""
        });
        wait_for("the end of the hook", || exists(&service, "done").then_some(()));
        no_trace_is_left(&service);
        assert_eq!((who(&service).1.as_str(), run(&service, LIMIT, &[]).as_str()), ("2", "done"));
    }
}

pub fn it_outlives_its_server() {
    for is_released in [true, false] {
        let service = Service::start_with(HOOK);
        script(&service, HOLD);
        while_it_holds(&service, if is_released { LIMIT } else { "1000" }, || {
            signal(who(&service).0, Signal::KILL);
            if is_released {
                service.settle(1);
                create(&service, "release");
            }
            ""
        });
        // The nursery waits for what it has started, and kills it when it is time.
        service.settle(0);
        none_runs(&service);
        assert_eq!(exists(&service, "done"), is_released);
    }
}

pub fn it_ends_with_the_first_process() {
    let mut service = Service::start_as_init_with(HOOK);
    script(&service, HOLD);
    let nursery = service.nursery().pid;
    while_it_holds(&service, LIMIT, || {
        signal(nursery, Signal::TERM);
        ""
    });
    assert_eq!(service.exit_code(), Some(128 + Signal::TERM.as_raw()));
    service.settle(0);
    none_runs(&service);
    assert!(!exists(&service, "done"));
}

pub fn a_lost_nursery_is_told() {
    let service = Service::start_with(HOOK);
    script(&service, HOLD);
    let gone = "error: the process that runs hooks has ended; restart the service: ";
    let nursery = service.nursery().pid;
    while_it_holds(&service, LIMIT, || {
        signal(nursery, Signal::KILL);
        "error: the process that runs hooks has ended; restart the service: unexpected end of file"
    });
    create(&service, "release");
    assert!(run(&service, LIMIT, &[]).starts_with(gone));
    none_runs(&service);
}

/// The server is nobody, in the sandbox; the hook is who the service was started by.
pub fn it_keeps_the_rights() {
    let service = Service::start_with(&["confined", HOOK[0]]);
    script(&service, "id -u > user");
    assert_eq!(run(&service, LIMIT, &[]), "done");
    let own = rustix::process::geteuid().as_raw().to_string();
    assert_eq!(read(&service, "user").trim_end(), own);
    // And it is killed by one that may.
    script(&service, "sleep 1000");
    assert!(run(&service, "300", &[]).contains("was killed"));
    no_trace_is_left(&service);
}

pub fn there_are_not_too_many() {
    let service = Service::start_as_init_with(HOOK);
    script(&service, "exec sleep 1000");
    thread::scope(|scope| {
        let held: Vec<_> = (0..64).map(|_| scope.spawn(|| run(&service, LIMIT, &[]))).collect();
        wait_for("64 hooks", || (hooks_of(&service) == 64).then_some(()));
        assert_eq!(
            run(&service, LIMIT, &[]),
            "error: no process can be started for a hook: \
             Resource temporarily unavailable (os error 11)",
        );
        processes_of(&service).into_iter().for_each(|pid| signal(pid, Signal::TERM));
        for hook in held {
            assert!(hook.join().unwrap().contains("signal: 15"));
        }
    });
    script(&service, "exit 0");
    assert_eq!(run(&service, LIMIT, &[]), "done");
    no_trace_is_left(&service);
}

/// A service with its nursery beside it, and one as PID 1.
fn both() -> impl Iterator<Item = Service> {
    let starts: [fn(&[&str]) -> Service; 2] = [Service::start_with, Service::start_as_init_with];
    starts.into_iter().map(|start| start(HOOK))
}

/// Has the service run the hook: how it says that this went.
fn run(service: &Service, limit_ms: &str, arguments: &[&str]) -> String {
    let words = [&[limit_ms, "./hook"], arguments].concat();
    service.ask(&format!("hook {}", words.join("\t")))
}

/// Does `meanwhile` while [`HOLD`] runs; it returns what is then to be said of the hook.
fn while_it_holds(service: &Service, limit_ms: &str, meanwhile: impl FnOnce() -> &'static str) {
    thread::scope(|scope| {
        let answer = scope.spawn(|| run(service, limit_ms, &[]));
        wait_for("the hook to run", || exists(service, "running").then_some(()));
        assert_eq!(meanwhile(), answer.join().unwrap());
    });
}

/// No hook, nothing that one has started, and nobody that was not waited for.
fn no_trace_is_left(service: &Service) {
    none_runs(service);
    wait_for("a server and a nursery, one the child of the other", || {
        let living = service.processes();
        let children = living.iter().flat_map(Process::children).count();
        (living.len() == 2 && children == 1).then_some(())
    });
}

/// One that was killed may take its time.
fn none_runs(service: &Service) {
    wait_for("the end of all hooks", || (hooks_of(service) == 0).then_some(()));
}

fn hooks_of(service: &Service) -> usize {
    processes_of(service).len()
}

/// All that run in the directory of the service, and are no part of it.
fn processes_of(service: &Service) -> Vec<i32> {
    let own: Vec<_> = service.processes().iter().map(|process| process.pid).collect();
    let all = processes().into_iter().filter(|process| process.name != "unshare");
    let others = all.map(|process| process.pid).filter(|pid| !own.contains(pid));
    let is_here = |pid: &i32| {
        let directory = fs::read_link(format!("/proc/{pid}/cwd"));
        directory.is_ok_and(|directory| directory == service.directory.path())
    };
    others.filter(is_here).collect()
}

/// Makes the hook this script.
fn script(service: &Service, text: &str) {
    let path = path(service, "hook");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn path(service: &Service, name: &str) -> std::path::PathBuf {
    service.directory.path().join(name)
}

fn exists(service: &Service, name: &str) -> bool {
    path(service, name).exists()
}

fn create(service: &Service, name: &str) {
    fs::write(path(service, name), "").unwrap();
}

fn read(service: &Service, name: &str) -> String {
    fs::read_to_string(path(service, name)).unwrap()
}
