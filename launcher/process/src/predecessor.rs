//! The side of the new server in an upgrade: it tells the old one how its start went.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::FileType;

use crate::handed;
use crate::nursery::{Nursery, READY_LINE};

/// No line on the pipe is longer, so that each is written at once (`PIPE_BUF`, pipe(7)).
const MAX_LINE: usize = 4096;

/// The server that started this one, and goes on serving until it hears that this one is ready.
///
/// To be taken first of all, so that every error of the start can be told. When it is dropped
/// without a word, the old server knows that the start failed, but not why.
#[derive(Debug)]
pub struct Predecessor {
    pipe: File,
}

impl Predecessor {
    /// The old server, if this process was started by [`Nursery::spawn`].
    ///
    /// The environment stays as it is; the pipe is closed to programs that this one starts. A
    /// second call returns `None`.
    pub fn from_environment() -> Option<Self> {
        let pipe = handed::take(handed::READY)?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&pipe).ok()?.st_mode);
        kind.is_fifo().then(|| Self { pipe: pipe.into() })
    }

    /// Says that this server serves now: the old one will drain, and the process with PID 1, if
    /// there is one of ours, sends signals to this one from now on.
    ///
    /// # Errors
    /// What the kernel says. That the old server is gone already is none.
    pub fn ready(self, nursery: &Nursery) -> io::Result<()> {
        nursery.report_up()?;
        self.write(READY_LINE)
    }

    /// Says in one line why this server does not start; the old one logs it, and stays.
    ///
    /// # Errors
    /// As for [`ready`](Self::ready).
    pub fn failed(self, reason: &str) -> io::Result<()> {
        self.write(line_of(reason).as_bytes())
    }

    fn write(mut self, line: &[u8]) -> io::Result<()> {
        match self.pipe.write_all(line) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

/// The reason without line breaks, cut where it is too long.
fn line_of(reason: &str) -> String {
    let mut line = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    while line.len() >= MAX_LINE {
        line.pop();
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_that_is_written_at_once() {
        assert_eq!(line_of("no key\nin /srv\n"), "no key in /srv\n");
        let long = line_of(&"\u{e4}".repeat(5000));
        assert_eq!((long.len(), long.ends_with("\u{e4}\n")), (4095, true));
    }
}
