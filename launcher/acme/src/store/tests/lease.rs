//! Who orders for a name, when processes end, stop, or have a wrong clock.

use std::io::BufRead;
use std::path::Path;
use std::process::{Child, Stdio};

use jiff::SignedDuration;

use super::super::{Lease, Leased};
use super::*;

const HOLDER: &str = "HOLDALL_TEST_HOLDER";

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn ours(leased: Leased) -> Lease {
    match leased {
        Leased::Ours(lease) => lease,
        Leased::Held(holder) => panic!("{holder:?} has it"),
    }
}

fn is_held(leased: &Leased) -> bool {
    matches!(leased, Leased::Held(_))
}

#[test]
fn one_has_it_at_a_time() {
    let site = Site::new();
    let other = Store::open(site.store.directory()).unwrap();
    let mut lease = ours(site.store.lease(&name(), now()).unwrap());
    match other.lease(&name(), later(59)).unwrap() {
        Leased::Held(holder) => {
            assert_eq!((holder.pid, holder.until), (std::process::id(), later(60)));
        }
        Leased::Ours(_) => panic!("two have it"),
    }
    // Its clock is late, or it was made to wait since it looked at it.
    assert!(is_held(&other.lease(&name(), later(-5)).unwrap()));
    drop(ours(other.lease(&named("b.example"), now()).unwrap()));
    assert_eq!(lease.renew(later(50)).unwrap(), None);
    assert!(is_held(&other.lease(&name(), later(109)).unwrap()));
    drop(lease);
    drop(ours(other.lease(&name(), later(51)).unwrap()));
    let left = fs::read_dir(site.path(".lock")).unwrap().count();
    assert_eq!(left, 1, "only the lock itself");
}

#[test]
fn who_slept_over_its_end_finds_another_holder() {
    let site = Site::new();
    let mut first = ours(site.store.lease(&name(), now()).unwrap());
    let mut second = ours(site.store.lease(&name(), later(60)).unwrap());
    assert_eq!(first.renew(later(61)).unwrap().unwrap().until, later(120));
    drop(first);
    assert_eq!(second.renew(later(62)).unwrap(), None);
    assert!(is_held(&site.store.lease(&name(), later(63)).unwrap()));
}

#[test]
fn damage_and_wrong_clocks_are_taken_over() {
    let site = Site::new();
    let lease = ours(site.store.lease(&name(), now()).unwrap());
    let path = site.path(".lock/a.example");
    let whole = fs::read(&path).unwrap();
    let cuts = (0..whole.len() - 1).map(|cut| whole[..cut].to_vec());
    let more = [vec![0; whole.len()], b"{}".to_vec(), b"[".repeat(100_000)];
    for damage in cuts.chain(more) {
        fs::write(&path, damage).unwrap();
        drop(ours(site.store.lease(&name(), now()).unwrap()));
    }
    // Written by a clock that is ahead, read by one that is right.
    std::mem::forget(ours(site.store.lease(&name(), later(3600)).unwrap()));
    drop(ours(site.store.lease(&name(), now()).unwrap()));
    fs::write(&path, &whole).unwrap();
    assert!(is_held(&site.store.lease(&name(), later(1)).unwrap()));
    drop(ours(site.store.lease(&name(), later(60)).unwrap()));
    drop(lease);
}

/// Holds the lease until its input ends, when another process runs it.
#[test]
fn holder() {
    let Some(directory) = std::env::var_os(HOLDER) else { return };
    let store = Store::open(Path::new(&directory)).unwrap();
    let _lease = ours(store.lease(&name(), now()).unwrap());
    println!("\nheld");
    io::stdin().read_line(&mut String::new()).unwrap();
}

fn spawn_holder(site: &Site) -> Child {
    let mut command = child("store::tests::lease::holder", HOLDER, site.store.directory());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = io::BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    child
}

#[test]
fn a_process_that_is_killed_has_it_no_longer() {
    let site = Site::new();
    let mut child = spawn_holder(&site);
    match site.store.lease(&name(), later(1)).unwrap() {
        Leased::Held(holder) => assert_eq!(holder.pid, child.id()),
        Leased::Ours(_) => panic!("two processes have it"),
    }
    child.kill().unwrap();
    // Dead, whether or not its parent knows.
    let begin = std::time::Instant::now();
    while is_held(&site.store.lease(&name(), later(1)).unwrap()) {
        assert!(begin.elapsed() < Duration::from_secs(30));
    }
    child.wait().unwrap();
    drop(ours(site.store.lease(&name(), later(1)).unwrap()));
}

#[test]
fn a_process_that_ends_gives_it_back() {
    let site = Site::new();
    let mut child = spawn_holder(&site);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(!site.path(".lock/a.example").exists());
}

#[test]
fn a_process_of_another_machine_or_container_is_waited_for() {
    let site = Site::new();
    let lease = ours(site.store.lease(&name(), now()).unwrap());
    let path = site.path(".lock/a.example");
    let entry: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let changed = |field: &str, value: serde_json::Value| {
        let mut entry = entry.clone();
        entry[field] = value;
        fs::write(&path, entry.to_string()).unwrap();
        is_held(&site.store.lease(&name(), later(1)).unwrap())
    };
    assert!(!changed("pid", 0x3fff_fff0.into()), "there is no such process");
    assert!(!changed("started", 1.into()), "the number is of another process by now");
    let mut elsewhere = entry.clone();
    elsewhere["pid"] = 0x3fff_fff0.into();
    for place in [serde_json::Value::Null, "another boot pid:[1]".into()] {
        elsewhere["place"] = place;
        fs::write(&path, elsewhere.to_string()).unwrap();
        assert!(is_held(&site.store.lease(&name(), later(59)).unwrap()));
    }
    drop(ours(site.store.lease(&name(), later(60)).unwrap()));
    drop(lease);
}
