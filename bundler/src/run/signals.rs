//! The signals that end `holdall run`, as something to wait for.

use super::RunError;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// SIGINT, SIGTERM and SIGHUP.
#[derive(Debug)]
pub struct Signals(UnixStream);

impl Signals {
    /// From here on they end nothing by themselves.
    pub fn watch() -> Result<Self, RunError> {
        let watch = || {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            for signal in [SIGHUP, SIGINT, SIGTERM] {
                pipe::register(signal, theirs.try_clone()?)?;
            }
            io::Result::Ok(Self(ours))
        };
        watch().map_err(RunError::system("wait for signals"))
    }

    /// Whether one has come since the last time.
    pub fn take(&self) -> bool {
        (&self.0).read(&mut [0; 64]).is_ok_and(|count| count > 0)
    }

    /// What can be read when one has come.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
