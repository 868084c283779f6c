//! Unix sockets in the file system: made without a gap, stale ones cleared, removed at the end.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{self, FileType, FlockOperation, Mode, OFlags};
use rustix::io::{self, Errno};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::open_error::OpenError;
use crate::unix::Unix;

/// How often, and how far apart, a locked directory is tried: 10 s in all.
const LOCK_ATTEMPTS: u32 = 1000;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The path of a socket that this process made; dropped, it removes the path.
///
/// It removes nothing that has taken the path since: the inode must be the same.
#[derive(Debug)]
pub struct SocketPath {
    path: PathBuf,
    identity: Option<Identity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl SocketPath {
    /// The socket that has the path now, if one has.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let identity = identity(path).ok()?;
        Some(Self { path: path.to_owned(), identity: Some(identity) })
    }

    /// Leaves the path as it is, to a process that the socket was passed to.
    pub fn leave(mut self) {
        self.identity = None;
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path).ok() == self.identity {
            // A path that can't be removed is found to be stale at the next start.
            let _ = fs::unlink(&self.path);
        }
    }
}

/// Makes a socket that listens, and in the file system its path.
pub(crate) fn make(unix: &Unix) -> Result<(OwnedFd, Option<SocketPath>), OpenError> {
    let failed = |error: Errno| OpenError::Unix { path: unix.path.clone(), source: error.into() };
    let socket = new_socket(SocketFlags::CLOEXEC).map_err(failed)?;
    let Some(name) = unix.abstract_name() else {
        let path = listen_on_path(unix, &socket)?;
        return Ok((socket, path));
    };
    let address = SocketAddrUnix::new_abstract_name(name).map_err(failed)?;
    let bound = net::bind(&socket, &address);
    bound.and_then(|()| net::listen(&socket, unix.backlog.get().into())).map_err(|error| {
        match error {
            Errno::ADDRINUSE => OpenError::UnixInUse { path: unix.path.clone() },
            other => failed(other),
        }
    })?;
    Ok((socket, None))
}

/// Takes the path. It listens last: before that nobody can connect, so that the permissions are
/// never looser than they should be. The lock lasts as long, since a socket that does not listen
/// yet looks just like a stale one.
fn listen_on_path(unix: &Unix, socket: &OwnedFd) -> Result<Option<SocketPath>, OpenError> {
    let failed = |error: Errno| OpenError::Unix { path: unix.path.clone(), source: error.into() };
    let address = SocketAddrUnix::new(&unix.path).map_err(failed)?;
    let _lock = if unix.lock { lock(directory(&unix.path))? } else { None };
    let mut bound = net::bind(socket, &address);
    if bound == Err(Errno::ADDRINUSE) {
        clear_stale(&unix.path, &address)?;
        bound = net::bind(socket, &address);
    }
    bound.map_err(failed)?;
    let path = SocketPath::of(&unix.path);
    fs::chmod(&unix.path, Mode::from_raw_mode(unix.mode)).map_err(failed)?;
    net::listen(socket, unix.backlog.get().into()).map_err(failed)?;
    Ok(path)
}

/// Removes a socket that nobody listens on any more, as a process leaves behind that was killed.
fn clear_stale(path: &Path, address: &SocketAddrUnix) -> Result<(), OpenError> {
    let failed = |error: Errno| OpenError::Unix { path: path.to_owned(), source: error.into() };
    match fs::lstat(path) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Socket => {}
        Ok(_) => return Err(OpenError::NotASocket { path: path.to_owned() }),
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    let client = new_socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK).map_err(failed)?;
    match net::connect(&client, address) {
        Err(Errno::CONNREFUSED) => match fs::unlink(path) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(failed(error)),
        },
        Err(Errno::NOENT) => Ok(()),
        // A full backlog is a sign of life, and so is a socket of another type.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => {
            Err(OpenError::UnixInUse { path: path.to_owned() })
        }
        Err(error) => Err(failed(error)),
    }
}

/// Locks a directory with flock(2), which leaves no file behind.
///
/// Who else has the lock is at the same few system calls, and soon ready. A directory that can't be
/// opened or locked, as on some network file systems, is used without.
fn lock(directory: &Path) -> Result<Option<OwnedFd>, OpenError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(descriptor) = fs::open(directory, flags, Mode::empty()) else {
        return Ok(None);
    };
    for _ in 0..LOCK_ATTEMPTS {
        match fs::flock(&descriptor, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(descriptor)),
            Err(Errno::WOULDBLOCK) => thread::sleep(LOCK_PAUSE),
            Err(_) => return Ok(None),
        }
    }
    Err(OpenError::Locked { directory: directory.to_owned() })
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn new_socket(flags: SocketFlags) -> io::Result<OwnedFd> {
    net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

fn identity(path: &Path) -> io::Result<Identity> {
    let stat = fs::lstat(path)?;
    Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
}
