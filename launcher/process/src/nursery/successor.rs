//! A server that was started to take over, and how its start goes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;

/// What a new server writes on its pipe when it serves.
pub(crate) const READY_LINE: &[u8] = b"ready\n";

/// More than the longest line, which is 4096 bytes.
const PIECE: usize = 8192;

/// A new server, from the moment its file is executed.
#[derive(Debug)]
pub struct Successor {
    pid: Pid,
    pipe: OwnedFd,
}

/// How the start of a new server went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It serves.
    Ready,
    /// It does not start, for the reason it gives.
    Failed {
        /// The error, in one line.
        reason: String,
    },
    /// It has ended without a word; its standard error may say more.
    Ended,
}

impl Successor {
    pub(super) fn new(pid: Pid, pipe: OwnedFd) -> Self {
        Self { pid, pipe }
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    pub(super) fn process(&self) -> Pid {
        self.pid
    }

    /// The pipe that [`Outcome::parse`] understands: to be read to its end or its first newline.
    ///
    /// This is for callers that wait for many things; they may duplicate it. Others have
    /// [`wait_ready`](Self::wait_ready).
    pub fn ready_pipe(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Waits until the new server is ready, or fails; `None` if it does neither in time.
    ///
    /// # Errors
    /// What the kernel says when it is asked to wait or read.
    pub fn wait_ready(&self, timeout: Duration) -> io::Result<Option<Outcome>> {
        let deadline = Instant::now() + timeout;
        let mut text = Vec::new();
        while !text.contains(&b'\n') {
            let left = deadline.saturating_duration_since(Instant::now());
            if !self.wait_readable(left)? {
                return Ok(None);
            }
            let mut piece = [0; PIECE];
            match rustix::io::retry_on_intr(|| rustix::io::read(&self.pipe, &mut piece))? {
                0 => break,
                length => text.extend_from_slice(&piece[..length]),
            }
        }
        Ok(Some(Outcome::parse(&text)))
    }

    fn wait_readable(&self, timeout: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(timeout).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut pipe = [PollFd::new(&self.pipe, PollFlags::IN)];
        match poll(&mut pipe, Some(&timeout)) {
            // The caller looks at the clock, and comes again.
            Err(rustix::io::Errno::INTR) => Ok(true),
            polled => Ok(polled? > 0),
        }
    }
}

impl AsFd for Successor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready_pipe()
    }
}

impl Outcome {
    /// Understands what came on a [ready pipe](Successor::ready_pipe).
    ///
    /// ```
    /// use holdall_process::Outcome;
    ///
    /// assert_eq!(Outcome::parse(b"ready\n"), Outcome::Ready);
    /// assert_eq!(Outcome::parse(b""), Outcome::Ended);
    /// let reason = "port 80 is taken".to_owned();
    /// assert_eq!(Outcome::parse(b"port 80 is taken\n"), Outcome::Failed { reason });
    /// ```
    pub fn parse(text: &[u8]) -> Self {
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match line {
            b"" => Outcome::Ended,
            _ if text.starts_with(READY_LINE) => Outcome::Ready,
            _ => Outcome::Failed { reason: String::from_utf8_lossy(line).into_owned() },
        }
    }
}
