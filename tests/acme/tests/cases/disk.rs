//! Disks that are full, that can be read only, and that fail.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use holdall_acme_tests::{Answer, Fault, Gate, Settings, Shown, Site, has_new_pebble};
use holdall_tests::process::{wait_until, wait_within};
use holdall_tests::{Background, Server, tools};

use crate::expect::{FINALIZE, NAME, RENEWAL, event, failure, text, try_again};
use crate::mounted::Mounted;
use crate::renewal::window;
use crate::served::Served;

/// An authority that wants the first certificate to be renewed at once.
fn site() -> Site {
    let site = Site::with(&Settings::default().variable("PEBBLE_WFE_NONCEREJECT", 0));
    site.proxy.add(Fault::once(RENEWAL, window(-7200, -3600)));
    site
}

/// Breaks the disk while the second certificate is issued, and mends it later: it is served from
/// memory all the while, and written at last. Nobody issues it again.
fn served_from_memory<T>(site: &Site, break_it: impl Fn(&Server) -> T, mend: impl FnOnce(T)) {
    let gate = Gate::default();
    site.proxy.add(Fault::always(FINALIZE, Answer::Held(gate.clone())).after(1));
    let server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    let clients = Served::watch(site, &[NAME]);
    site.proxy.wait_for(FINALIZE, 2);
    let broken = break_it(&server);
    gate.open();
    let told = event(&server, "certificate not written, it is served from memory");
    assert_eq!(text(&told, "level"), "error");
    let new = site.wait_for_another(NAME, Some(&old));
    // Old or new, never between; new only where the server found room that it freed itself.
    let held = Shown::in_pem(site.pem(NAME).as_bytes());
    let is_written = || !server.log().events_of("certificate written at last").is_empty();
    assert!(held == old || (held == new && wait_within(Duration::from_secs(9), is_written)));
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

/// A disk that is full, and stays so: what the server frees is taken at once.
struct Full {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Full {
    fn keep(filler: &Path, fill: fn(&Path)) -> Self {
        fill(filler);
        let (is_over, filler) = (Arc::new(AtomicBool::new(false)), filler.to_owned());
        let told = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                fill(&filler);
                thread::sleep(Duration::from_millis(1));
            }
        });
        Self { is_over, thread: Some(thread) }
    }
}

impl Drop for Full {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()), "what keeps the disk full has ended");
    }
}

/// Writes until there is no room.
fn fill(file: &Path) {
    let file = File::options().append(true).create(true).open(file);
    let mut file = file.expect("a name for a file");
    loop {
        match file.write_all(&[0; 512]) {
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            written => written.expect("room, or none"),
        }
    }
}

/// Makes files until there can be no more.
fn fill_with_files(directory: &Path) {
    fs::create_dir_all(directory).expect("a directory");
    for number in 0.. {
        match File::create_new(directory.join(number.to_string())) {
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => drop(made.expect("a file, or no more of them")),
        }
    }
}

#[test]
fn case_28_a_certificate_is_served_while_the_disk_is_full() {
    if !has_new_pebble() || !tools::root_for("can have a small disk") {
        return;
    }
    let site = site();
    let _disk = Mounted::memory(&site.directory(), "size=256k,mode=700");
    let filler = site.directory().join("filler");
    let mend = |full: Full| {
        drop(full);
        fs::remove_file(&filler).expect("the file that fills it");
    };
    served_from_memory(&site, |_| Full::keep(&filler, fill), mend);
}

#[test]
fn case_28_a_certificate_is_served_while_the_disk_has_no_room_for_more_files() {
    if !has_new_pebble() || !tools::root_for("can have a small disk") {
        return;
    }
    let site = site();
    let _disk = Mounted::memory(&site.directory(), "nr_inodes=64,mode=700");
    let filler = site.directory().join("filler");
    let mend = |full: Full| {
        drop(full);
        fs::remove_dir_all(&filler).expect("the files that fill it");
    };
    served_from_memory(&site, |_| Full::keep(&filler, fill_with_files), mend);
}

#[test]
fn case_28_a_certificate_is_served_while_the_disk_can_be_read_only() {
    if !has_new_pebble() || !tools::root_for("can have a disk that can be read only") {
        return;
    }
    let site = site();
    let disk = Mounted::memory(&site.directory(), "mode=700");
    served_from_memory(&site, |_| disk.change("ro"), |()| disk.change("rw"));
}

#[test]
fn case_28_a_certificate_is_served_while_the_directory_must_not_change() {
    if !has_new_pebble() || !tools::root_for("can forbid all changes") {
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
    if !has_new_pebble() || !tools::root_for("can make the system calls of a server fail") {
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
    let site = Site::with(&Settings::default().variable("PEBBLE_WFE_NONCEREJECT", 0));
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
