//! A watcher costs nothing while nothing changes, and ends when it is dropped.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use holdall_certificates::{Certificates, Source};

/// The only test of its program: the threads of others would be in the way.
#[test]
fn an_idle_watcher_does_not_wake_up() {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["example.com".into()]).unwrap();
    let path = directory.path().join("example.com.pem");
    fs::write(&path, made.signing_key.serialize_pem() + &made.cert.pem()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let certificates = Certificates::load(Source::Directory(directory.path().into())).unwrap();

    let watcher = certificates.watch().unwrap();
    let begin = Instant::now();
    while !watchers().first().is_some_and(|task| is_polling(task)) {
        assert!(begin.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(10));
    }
    let before = wake_ups(&watchers()[0]);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(wake_ups(&watchers()[0]), before);

    drop(watcher);
    assert!(watchers().is_empty());
}

/// The threads with the watcher's name.
fn watchers() -> Vec<PathBuf> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let name = |task: &PathBuf| fs::read_to_string(task.join("comm")).unwrap_or_default();
    tasks.filter(|task| name(task) == "certificates\n").collect()
}

/// Asleep after its first look, which leaves a minute until the next.
fn is_polling(task: &std::path::Path) -> bool {
    let text = fs::read_to_string(task.join("wchan")).unwrap_or_default();
    let status = fs::read_to_string(task.join("status")).unwrap();
    text.contains("poll") || (text == "0" && status.contains("State:\tS"))
}

fn wake_ups(task: &std::path::Path) -> u64 {
    let status = fs::read_to_string(task.join("status")).unwrap();
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    count.trim().parse().unwrap()
}
