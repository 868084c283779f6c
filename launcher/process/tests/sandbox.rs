//! The sandbox, closed around real processes: what is out of reach, and what goes on working.

#[path = "child/process.rs"]
mod child;

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use child::Case;
use holdall_process::identity::Identity;
use holdall_process::sandbox::{Confinement, Sandbox, SandboxError};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{MemfdFlags, memfd_create};

/// A file that everybody may read.
const OUTSIDE: &str = "/etc/passwd";

fn main() {
    child::main(&[
        case("outside_is_closed", outside_is_closed),
        case("read_means_read", read_means_read),
        case("a_file_is_that_file", a_file_is_that_file),
        case("write_means_all_but_execute", write_means_all_but_execute),
        case("nothing_is_executed", nothing_is_executed),
        case("new_threads_are_inside", new_threads_are_inside),
        case("devices", devices),
        case("open_files_and_sockets_go_on", open_files_and_sockets_go_on),
        case("a_memfd_can_be_opened", a_memfd_can_be_opened),
        case("the_own_executable", the_own_executable),
        case("the_own_executable_without_a_name", the_own_executable_without_a_name),
        case("changes_are_told", changes_are_told),
        case("threads_and_processors", threads_and_processors),
        case("the_kernel_confirms_it", the_kernel_confirms_it),
        case("a_missing_path_is_named", a_missing_path_is_named),
        case("several_threads_are_refused", several_threads_are_refused),
        Case { is_possible: is_root, ..case("as_another_user", as_another_user) },
    ]);
}

fn case(name: &'static str, run: fn()) -> Case {
    Case { name, run, is_possible: || Sandbox::available().is_some() }
}

fn is_root() -> bool {
    Sandbox::available().is_some() && rustix::process::geteuid().is_root()
}

fn outside_is_closed() {
    fs::write("file", "x").unwrap();
    fs::create_dir("directory").unwrap();
    close(&[], &[]);
    denied(File::open(OUTSIDE));
    denied(fs::read_dir("/etc"));
    denied(fs::read("file"));
    denied(fs::write("file", "y"));
    denied(fs::write("new", "y"));
    denied(fs::remove_file("file"));
    denied(fs::remove_dir("directory"));
    denied(fs::create_dir("other"));
    denied(fs::rename("file", "renamed"));
    denied(UnixListener::bind("socket"));
    denied(File::open("/proc/self/maps"));
}

fn read_means_read() {
    fs::create_dir_all("certificates/deep").unwrap();
    fs::write("certificates/deep/key.pem", "a key").unwrap();
    symlink(OUTSIDE, "certificates/out").unwrap();
    close(&["certificates"], &[]);
    assert_eq!(fs::read_to_string("certificates/deep/key.pem").unwrap(), "a key");
    assert_eq!(fs::read_dir("certificates").unwrap().count(), 2);
    denied(fs::write("certificates/deep/key.pem", "none"));
    denied(fs::write("certificates/new", "none"));
    denied(fs::remove_file("certificates/deep/key.pem"));
    denied(fs::rename("certificates/deep/key.pem", "certificates/deep/renamed"));
    denied(File::open("certificates/out"));
}

fn a_file_is_that_file() {
    for name in ["read", "written", "neither"] {
        fs::write(name, name).unwrap();
    }
    close(&["read"], &["written"]);
    assert_eq!(fs::read_to_string("read").unwrap(), "read");
    denied(fs::write("read", "new"));
    fs::write("written", "new").unwrap();
    assert_eq!(fs::read_to_string("written").unwrap(), "new");
    denied(fs::read("neither"));
}

fn write_means_all_but_execute() {
    fs::create_dir_all("state/deep").unwrap();
    fs::copy("/bin/true", "state/program").unwrap();
    assert!(Command::new("state/program").status().unwrap().success());
    close(&[], &["state"]);
    fs::write("state/file", "long").unwrap();
    fs::write("state/file", "new").unwrap();
    OpenOptions::new().write(true).open("state/file").unwrap().set_len(1).unwrap();
    fs::rename("state/file", "state/deep/renamed").unwrap();
    assert_eq!(fs::read_to_string("state/deep/renamed").unwrap(), "n");
    symlink("deep", "state/link").unwrap();
    fs::hard_link("state/deep/renamed", "state/linked").unwrap();
    fs::create_dir("state/made").unwrap();
    let listener = UnixListener::bind("state/socket").unwrap();
    UnixStream::connect("state/socket").unwrap();
    listener.accept().unwrap();
    for name in ["link", "linked", "socket", "deep/renamed"] {
        fs::remove_file(Path::new("state").join(name)).unwrap();
    }
    fs::remove_dir("state/made").unwrap();
    denied(Command::new("state/program").status());
    denied(fs::rename("state/program", "program"));
}

fn nothing_is_executed() {
    assert!(Command::new("/bin/true").status().unwrap().success());
    close(&["/bin", "/usr", "/lib"], &["/proc/self/exe"]);
    fs::read("/bin/true").expect("reading is allowed");
    denied(Command::new("/bin/true").status());
    denied(Command::new("/proc/self/exe").status());
}

fn new_threads_are_inside() {
    close(&[], &[]);
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(|| denied(File::open(OUTSIDE)))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn devices() {
    close(&[], &[]);
    let mut null = OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    null.write_all(b"gone").unwrap();
    assert_eq!(null.read(&mut [0; 8]).unwrap(), 0);
    File::open("/dev/urandom").unwrap().read_exact(&mut [0; 8]).unwrap();
    denied(File::open("/dev/zero"));
}

fn open_files_and_sockets_go_on() {
    let mut read = File::open(OUTSIDE).unwrap();
    let mut written = File::options().create(true).append(true).open("log").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    close(&[], &[]);
    let mut text = String::new();
    read.read_to_string(&mut text).unwrap();
    assert!(text.contains(':'));
    written.write_all(b"a line\n").unwrap();
    written.set_len(2).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(b"!").unwrap();
    listener.accept().unwrap().0.read_exact(&mut [0]).unwrap();
    TcpListener::bind("127.0.0.1:0").expect("the network is not restricted");
}

fn a_memfd_can_be_opened() {
    let mut before = File::from(memfd_create("before", MemfdFlags::CLOEXEC).unwrap());
    before.write_all(b"before").unwrap();
    let path = format!("/proc/self/fd/{}", before.as_raw_fd());
    close(&[&path], &[]);
    assert_eq!(fs::read_to_string(path).unwrap(), "before");
    let mut after = File::from(memfd_create("after", MemfdFlags::CLOEXEC).unwrap());
    after.write_all(b"after").unwrap();
    let path = format!("/proc/self/fd/{}", after.as_raw_fd());
    assert_eq!(fs::read_to_string(path).unwrap(), "after");
}

fn the_own_executable() {
    let path = env::current_exe().unwrap();
    close(&[], &[]);
    is_own_executable(File::open("/proc/self/exe").unwrap());
    is_own_executable(File::open(&path).unwrap());
    denied(fs::read_dir(path.parent().unwrap()));
}

/// An upgrade has put another file in its place, for example.
fn the_own_executable_without_a_name() {
    let copy = Path::new("copy");
    if env::current_exe().unwrap().file_name() != copy.file_name() {
        fs::copy("/proc/self/exe", copy).unwrap();
        assert!(Command::new("./copy").status().unwrap().success());
        return;
    }
    fs::remove_file(copy).unwrap();
    close(&[], &[]);
    is_own_executable(File::open("/proc/self/exe").unwrap());
}

fn changes_are_told() {
    fs::create_dir("certificates").unwrap();
    // A process outside, which writes when it is told to.
    let script = "read line; echo \"$line\" > certificates/new.pem";
    let mut outside = Command::new("/bin/sh");
    let mut outside = outside.args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap();
    close(&["certificates"], &[]);
    let watch = inotify::init(CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&watch, "certificates", WatchFlags::CLOSE_WRITE).unwrap();
    outside.stdin.take().unwrap().write_all(b"a certificate\n").unwrap();
    let mut buffer = [std::mem::MaybeUninit::uninit(); 512];
    let mut events = inotify::Reader::new(&watch, &mut buffer);
    let event = events.next().unwrap();
    assert_eq!(event.file_name().unwrap().to_str(), Ok("new.pem"));
    assert_eq!(fs::read_to_string("certificates/new.pem").unwrap(), "a certificate\n");
    assert!(outside.wait().unwrap().success());
}

fn threads_and_processors() {
    let allowed = thread::available_parallelism().unwrap();
    close(&[], &[]);
    // The quota of a control group can't be read any more; the processors can.
    assert!(thread::available_parallelism().unwrap() >= allowed);
    let (sender, receiver) = mpsc::channel();
    for number in 0..16_u64 {
        let sender = sender.clone();
        let work = move || sender.send(vec![number; 100_000].iter().sum::<u64>()).unwrap();
        thread::Builder::new().name(format!("worker-{number}")).spawn(work).unwrap();
    }
    drop(sender);
    assert_eq!(receiver.iter().sum::<u64>(), 120 * 100_000);
}

fn the_kernel_confirms_it() {
    let abi = Sandbox::available().unwrap();
    assert!(!rustix::thread::no_new_privs().unwrap(), "asking must change nothing");
    assert_eq!(close(&[], &[]), Confinement::Landlock { abi });
    assert!(rustix::thread::no_new_privs().unwrap());
    assert_eq!(Confinement::Landlock { abi: 7 }.to_string(), "Landlock ABI 7");
    assert!(Confinement::Unavailable.to_string().starts_with("none ("));
}

fn a_missing_path_is_named() {
    let missing = PathBuf::from("certificates/missing");
    let read = Sandbox { read: vec![missing.clone()], write: Vec::new() };
    let write = Sandbox { read: Vec::new(), write: vec![missing.clone()] };
    for sandbox in [read, write] {
        let error = sandbox.close().unwrap_err();
        let text = error.to_string();
        assert_eq!(text, "certificates/missing can't be allowed in the sandbox");
        let SandboxError::Path { path, source } = error else { panic!("{error:?}") };
        assert_eq!((path, source.kind()), (missing.clone(), ErrorKind::NotFound));
    }
    File::open(OUTSIDE).expect("nothing is in force");
}

fn several_threads_are_refused() {
    let (end, ended) = mpsc::channel::<()>();
    let other = thread::spawn(move || ended.recv().unwrap_err());
    let error = Sandbox::default().close().unwrap_err();
    assert!(matches!(error, SandboxError::Threads(_)), "{error:?}");
    File::open(OUTSIDE).expect("nothing is in force");
    drop(end);
    other.join().unwrap();
}

fn as_another_user() {
    let memfd = File::from(memfd_create("plug-in", MemfdFlags::CLOEXEC).unwrap());
    Identity::find(Some("54321"), None).unwrap().assume().unwrap();
    assert!(matches!(close(&[], &[]), Confinement::Landlock { .. }));
    denied(File::open(OUTSIDE));
    is_own_executable(File::open("/proc/self/exe").unwrap());
    File::open(format!("/proc/self/fd/{}", memfd.as_raw_fd())).unwrap();
}

fn close(read: &[&str], write: &[&str]) -> Confinement {
    let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect();
    File::open(OUTSIDE).expect("not yet closed");
    Sandbox { read: paths(read), write: paths(write) }.close().unwrap()
}

#[track_caller]
fn denied<T>(result: io::Result<T>) {
    assert_eq!(result.err().map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
}

fn is_own_executable(file: File) {
    // SAFETY: nothing writes to the executable of a running process: the kernel refuses it.
    let map = unsafe { memmap2::Mmap::map(&file) }.unwrap();
    assert_eq!(&map[..4], b"\x7fELF");
    assert_eq!(map.len() as u64, file.metadata().unwrap().len());
}
