//! What a server tells who has started it: sd_notify(3).

use rustix::process::Pid;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// The variable that says where to tell it.
pub const VARIABLE: &str = "NOTIFY_SOCKET";

/// What matters here of all that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It serves.
    Ready,
    /// Another process is the server from now on.
    MainPid(Pid),
    /// One line for people.
    Status(String),
}

/// Where it is told.
#[derive(Debug)]
pub struct Notices {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Notices {
    /// A socket in `directory`.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join("notify");
        let socket = UnixDatagram::bind(&path)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that was told since the last time.
    pub fn take(&self) -> Vec<Notice> {
        let mut buffer = [0; 4096];
        let mut notices = Vec::new();
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            notices.extend(text.lines().filter_map(notice));
        }
        notices
    }

    /// What can be read when something was told.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn notice(line: &str) -> Option<Notice> {
    match line.split_once('=')? {
        ("READY", "1") => Some(Notice::Ready),
        ("MAINPID", pid) => Pid::from_raw(pid.parse().ok()?).map(Notice::MainPid),
        ("STATUS", status) => Some(Notice::Status(status.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_taken_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let notices = Notices::open(directory.path()).unwrap();
        let socket = UnixDatagram::unbound().unwrap();
        for told in
            ["STATUS=serving on x=y", "FDSTORE=1\nFDNAME=a", "READY=1\nMAINPID=7", "MAINPID=x"]
        {
            socket.send_to(told.as_bytes(), notices.path()).unwrap();
        }
        let expected = [
            Notice::Status("serving on x=y".into()),
            Notice::Ready,
            Notice::MainPid(Pid::from_raw(7).unwrap()),
        ];
        assert_eq!(notices.take(), expected);
        assert_eq!(notices.take(), []);
    }
}
