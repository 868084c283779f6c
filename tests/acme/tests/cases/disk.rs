//! Disks that are full, that can be read only, and that fail.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use holdall_acme_tests::{Answer, Fault, Settings, Shown, Site};
use holdall_tests::process::wait_until;
use holdall_tests::{Background, Server, tools};

use crate::expect::{FINALIZE, NAME, event, failure, tell_no_renewal_time, text, try_again};
use crate::mounted::Mounted;
use crate::served::Served;

/// An authority whose certificates are renewed after eight seconds.
fn site() -> Site {
    let site = Site::with(&Settings::living(16).variable("PEBBLE_WFE_NONCEREJECT", 0));
    tell_no_renewal_time(&site.proxy);
    site
}

/// Breaks the disk while the second certificate is issued, and mends it later: it is served from
/// memory all the while, and written at last. Nobody issues it again.
fn served_from_memory<T>(site: &Site, break_it: impl Fn(&Server) -> T, mend: impl FnOnce(T)) {
    site.proxy.add(Fault::always(FINALIZE, Answer::Late(Duration::from_secs(2))).after(1));
    let server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    let clients = Served::watch(site, &[NAME]);
    site.proxy.wait_for(FINALIZE, 2);
    let broken = break_it(&server);
    let told = event(&server, "certificate not written, it is served from memory");
    assert_eq!(text(&told, "level"), "error");
    let new = site.wait_for_another(NAME, Some(&old));
    // What else is removed makes room: then it is the new one already.
    let kept = Shown::in_pem(site.pem(NAME).as_bytes());
    assert!([&old, &new].contains(&&kept), "{kept:?}");
    mend(broken);
    event(&server, "certificate written at last");
    assert_eq!(Shown::in_pem(site.pem(NAME).as_bytes()), new);
    assert_eq!(site.shown(NAME).expect("a certificate"), new);
    assert_eq!(clients.end(), [old, new]);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (2, 2));
    let kept = site.directory().join(format!("{NAME}.order"));
    assert!(!kept.exists(), "the order is done");
    assert!(server.stop().success());
}

/// Writes until there is no room.
fn fill(file: &Path) {
    let mut file = File::create(file).expect("a name for a file");
    loop {
        match file.write_all(&[0; 512]) {
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            written => written.expect("room, or none"),
        }
    }
}

/// Makes files until there can be no more.
fn fill_with_files(directory: &Path) {
    fs::create_dir(directory).expect("a directory");
    for number in 0.. {
        match File::create(directory.join(number.to_string())) {
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            made => drop(made.expect("a file, or no more of them")),
        }
    }
}

#[test]
fn case_28_a_certificate_is_served_while_the_disk_is_full() {
    if !tools::root_for("can have a small disk") {
        return;
    }
    let site = site();
    let _disk = Mounted::memory(&site.directory(), "size=256k,mode=700");
    let filler = site.directory().join("filler");
    let mend = |()| fs::remove_file(&filler).expect("the file that fills it");
    served_from_memory(&site, |_| fill(&filler), mend);
}

#[test]
fn case_28_a_certificate_is_served_while_the_disk_has_no_room_for_more_files() {
    if !tools::root_for("can have a small disk") {
        return;
    }
    let site = site();
    let _disk = Mounted::memory(&site.directory(), "nr_inodes=64,mode=700");
    let filler = site.directory().join("filler");
    let mend = |()| fs::remove_dir_all(&filler).expect("the files that fill it");
    served_from_memory(&site, |_| fill_with_files(&filler), mend);
}

#[test]
fn case_28_a_certificate_is_served_while_the_disk_can_be_read_only() {
    if !tools::root_for("can have a disk that can be read only") {
        return;
    }
    let site = site();
    let disk = Mounted::memory(&site.directory(), "mode=700");
    served_from_memory(&site, |_| disk.change("ro"), |()| disk.change("rw"));
}

#[test]
fn case_28_a_certificate_is_served_while_the_directory_must_not_change() {
    if !tools::root_for("can forbid all changes") {
        return;
    }
    let site = site();
    let change = |flag| {
        tools::tool("chattr").arg(flag).arg(site.directory()).ok();
    };
    served_from_memory(&site, |_| change("+i"), |()| change("-i"));
}

#[test]
fn case_28_a_certificate_is_served_while_the_disk_fails() {
    if !tools::root_for("can make the system calls of a server fail") {
        return;
    }
    let site = site();
    let fail = |server: &Server| {
        let mut strace = Command::new(tools::path("strace"));
        strace.args(["--follow-forks", "--quiet=all", "--trace=fsync"]);
        strace.args(["--inject=fsync:error=EIO", "--output=/dev/null"]);
        strace.args(["--attach", &server.pid().to_string()]).stdin(Stdio::null());
        let strace = Background::start(&mut strace);
        wait_until("a server whose disk fails", || are_traced(server));
        strace
    };
    served_from_memory(&site, fail, |strace| {
        strace.signal(rustix::process::Signal::TERM);
        drop(strace);
    });
}

/// Whether all threads of a server are traced.
fn are_traced(server: &Server) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("a server that runs");
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        !status.contains("TracerPid:\t0\n")
    })
}

#[test]
fn case_28_nothing_is_ordered_that_could_not_be_kept() {
    if !tools::root_for("can have a small disk") {
        return;
    }
    let site = site();
    let _disk = Mounted::memory(&site.directory(), "size=256k,mode=700");
    let filler = site.directory().join("filler");
    site.ask_for(NAME);
    fill(&filler);
    let server = site.start(&[]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("No space left on device"), "{told}");
    assert_eq!(site.pebble.orders(), 0);
    fs::remove_file(&filler).expect("the file that fills it");
    try_again(&server);
    site.wait_for(NAME);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
}

#[test]
fn case_28_a_certificate_on_a_disk_that_can_be_read_only_is_served_from_the_start() {
    if !tools::root_for("can have a disk that can be read only") {
        return;
    }
    let site = Site::new();
    let disk = Mounted::memory(&site.directory(), "mode=700");
    let server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    assert!(server.stop().success());
    disk.change("ro");
    let _server = site.start(&[NAME]);
    assert_eq!(site.wait_for(NAME), old);
    site.browse(NAME);
    assert_eq!(site.pebble.orders(), 1);
}
