//! Unix sockets: stale, live, somebody else's, and gone at the end.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use holdall_endpoint::{Address, Endpoint, Listener, OpenError, OpenErrorKind, OpenSocket, quote};
use tempfile::TempDir;

fn open(path: &Path, arguments: &str) -> Result<Listener, OpenError> {
    let text = format!("unix:{}{arguments}", quote(path.to_str().unwrap()));
    text.parse::<Endpoint>().expect("a good endpoint").bind()
}

#[test]
fn it_accepts_and_is_gone_when_dropped() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a:b.sock");
    let listener = open(&path, "").unwrap();
    assert_eq!(listener.address(), &Address::Unix(path.clone()));
    assert_eq!(listener.url(), format!("unix:{}", path.display()));
    let client = UnixStream::connect(&path).unwrap();
    let OpenSocket::Unix(socket, guard) = listener.into_socket() else { panic!("a Unix socket") };
    socket.accept().unwrap();
    drop((client, socket));
    assert!(path.exists(), "the guard removes it, not the socket");
    drop(guard);
    assert!(!path.exists());
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "nothing else was left");
}

#[test]
fn permissions_are_those_asked_for() {
    let directory = TempDir::new().unwrap();
    for (index, (argument, mode)) in
        [("", 0o660), (":mode=666", 0o666), (":mode=600", 0o600), (":mode=0:lockfile=0", 0)]
            .into_iter()
            .enumerate()
    {
        let path = directory.path().join(index.to_string());
        let _listener = open(&path, argument).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
    }
}

#[test]
fn a_stale_socket_is_replaced() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    // The standard library leaves the path behind, as a process does that is killed.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _listener = open(&path, "").unwrap();
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_live_socket_is_in_use() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let live = UnixListener::bind(&path).unwrap();
    let error = open(&path, "").unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::InUse);
    let message = format!(
        "can't listen on {}: another program does; stop it or take another path",
        path.display()
    );
    assert_eq!(error.to_string(), message);
    live.accept().expect("the connection that asked");
    UnixStream::connect(&path).expect("it lives on");

    let datagrams = directory.path().join("d");
    let _socket = UnixDatagram::bind(&datagrams).unwrap();
    assert_eq!(open(&datagrams, "").unwrap_err().kind(), OpenErrorKind::InUse);
}

#[test]
fn a_live_socket_with_a_full_backlog_is_in_use() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let _live = open(&path, ":backlog=1").unwrap();
    let mut clients = Vec::new();
    let error = loop {
        match open(&path, "").map_err(|error| error.kind()) {
            Ok(_) => panic!("two sockets have one path"),
            Err(kind) => assert_eq!(kind, OpenErrorKind::InUse),
        }
        let client = rustix::net::socket_with(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::STREAM,
            rustix::net::SocketFlags::NONBLOCK,
            None,
        );
        let client = client.unwrap();
        let address = rustix::net::SocketAddrUnix::new(&path).unwrap();
        match rustix::net::connect(&client, &address) {
            Ok(()) => clients.push(client),
            Err(error) => break error,
        }
    };
    assert_eq!(error, rustix::io::Errno::AGAIN);
    assert_eq!(open(&path, "").unwrap_err().kind(), OpenErrorKind::InUse);
}

#[test]
fn what_is_not_a_socket_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "precious").unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    for path in [&file, &link, &directory.path().to_owned()] {
        let error = open(path, "").unwrap_err();
        assert_eq!(error.kind(), OpenErrorKind::NotASocket, "{error}");
    }
    assert_eq!(fs::read_to_string(&link).unwrap(), "precious");
}

#[test]
fn a_path_that_another_has_taken_is_not_removed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let listener = open(&path, "").unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    fs::rename(&path, directory.path().join("old")).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    assert_ne!(fs::metadata(&path).unwrap().ino(), inode);
    drop(listener);
    UnixStream::connect(&path).expect("the other one is there");
}

#[test]
fn a_path_that_is_left_stays() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let mut listener = open(&path, "").unwrap();
    listener.take_path().expect("it has one").leave();
    assert!(listener.take_path().is_none());
    drop(listener);
    assert!(path.exists());
}

#[test]
fn abstract_names_have_no_file() {
    let name = format!("@holdall-test-{}", std::process::id());
    let listener = open(Path::new(&name), "").unwrap();
    assert_eq!(listener.url(), format!("unix:{name}"));
    assert_eq!(listener.name(), format!("unix.{name}"));
    assert!(!Path::new(&name).exists());
    assert_eq!(open(Path::new(&name), "").unwrap_err().kind(), OpenErrorKind::InUse);
    drop(listener);
    open(Path::new(&name), "").expect("free again");
}

#[test]
fn names_have_no_colon_and_are_ascii() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    assert_eq!(open(&path, "").unwrap().name(), format!("unix.{}", path.display()));
    for file in ["a:b", "é", "a\nb"] {
        let listener = open(&directory.path().join(file), "").unwrap();
        let hexadecimal: String = file.bytes().map(|byte| format!("{byte:02x}")).collect();
        let name = listener.name();
        assert!(name.starts_with("unix-hex.2f") && name.ends_with(&hexadecimal), "{name}");
        assert!(name.len() <= 255);
    }
}

#[test]
fn the_longest_path_opens() {
    let directory = TempDir::new().unwrap();
    let rest = 107 - directory.path().as_os_str().len() - 1;
    let path = directory.path().join("é".repeat(rest / 2) + &"x".repeat(rest % 2));
    assert_eq!(path.as_os_str().len(), 107);
    let listener = open(&path, "").unwrap();
    assert!(listener.name().len() <= 255);
    assert_eq!(listener.address(), &Address::Unix(path.clone()));
}

#[test]
fn errors_say_what_to_do() {
    let directory = TempDir::new().unwrap();
    let error = open(&directory.path().join("none/s"), "").unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::NotFound);
    let hint =
        format!("(there is no directory {}/none; make it first)", directory.path().display());
    assert!(error.to_string().ends_with(&hint), "{error}");
    File::create(directory.path().join("file")).unwrap();
    let error = open(&directory.path().join("file/s"), "").unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::NotFound);
    // Nobody, not even root, makes files in /proc.
    let error = open(Path::new("/proc/s"), "").unwrap_err();
    assert!(
        matches!(error.kind(), OpenErrorKind::NotFound | OpenErrorKind::NotPermitted),
        "{error}"
    );
}

#[test]
fn of_many_that_start_at_once_on_a_stale_socket_one_gets_it() {
    let directory = TempDir::new().unwrap();
    for round in 0..20 {
        let path = directory.path().join(round.to_string());
        drop(UnixListener::bind(&path).unwrap());
        let opened: Vec<_> = thread::scope(|scope| {
            let starters: Vec<_> = (0..8).map(|_| scope.spawn(|| open(&path, ""))).collect();
            starters.into_iter().map(|starter| starter.join().unwrap()).collect()
        });
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
        for error in opened.iter().filter_map(|opened| opened.as_ref().err()) {
            assert_eq!(error.kind(), OpenErrorKind::InUse, "{error}");
        }
        UnixStream::connect(&path).expect("the one that got it listens");
    }
}

#[test]
fn a_locked_directory_is_waited_for_unless_told_not_to() -> io::Result<()> {
    let directory = TempDir::new()?;
    let lock = File::open(directory.path())?;
    lock.lock()?;
    open(&directory.path().join("without"), ":lockfile=0").expect("no lock is asked for");
    let waiting = thread::scope(|scope| {
        let waiting = scope.spawn(|| open(&directory.path().join("s"), ""));
        lock.unlock().unwrap();
        waiting.join().unwrap()
    });
    waiting.expect("it has waited for the lock");
    Ok(())
}
