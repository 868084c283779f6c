//! An open target, and what is done when it does not take a line.
//!
//! A write may fail or be cut short, and the server goes on: the rest of a line is tried again
//! while the target only wants time, and a line that stays torn is ended before the next one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::{LogError, Target};

/// The longest that a line waits for a reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a pipe takes in one piece once it is writable (`PIPE_BUF`, pipe(7)).
const PIPE_PIECE: usize = 4_096;

#[derive(Debug)]
pub(crate) struct Output {
    handle: Handle,
    /// A regular file takes any length at once, or fails at once.
    is_file: bool,
    /// The last line was cut short.
    is_torn: bool,
    /// The reader was given its time, and did not use it.
    is_stuck: bool,
    /// The last piece was written.
    is_well: bool,
    lost: u64,
}

#[derive(Debug)]
enum Handle {
    Stdout(io::Stdout),
    Stderr(io::Stderr),
    File(File),
}

impl Output {
    pub(crate) fn open(target: &Target) -> Result<Self, LogError> {
        let (handle, is_file) = match target {
            Target::Stdout => (Handle::Stdout(io::stdout()), is_regular(io::stdout().as_fd())),
            Target::Stderr => (Handle::Stderr(io::stderr()), is_regular(io::stderr().as_fd())),
            Target::File(path) => {
                let error = |source| LogError::Open { path: path.clone(), source };
                let file = append(path).map_err(error)?;
                let is_file = is_regular(file.as_fd());
                (Handle::File(file), is_file)
            }
        };
        Ok(Self { handle, is_file, is_torn: false, is_stuck: false, is_well: true, lost: 0 })
    }

    pub(crate) fn replace(&mut self, fresh: Self) {
        let lost = self.lost;
        *self = Self { lost, ..fresh };
    }

    pub(crate) fn write(&mut self, lines: &[u8]) {
        if self.is_file {
            return self.write_piece(lines);
        }
        let mut rest = lines;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(piece_length(rest));
            self.write_piece(piece);
            rest = after;
        }
    }

    pub(crate) fn take_lost(&mut self) -> u64 {
        if self.is_well { std::mem::take(&mut self.lost) } else { 0 }
    }

    fn write_piece(&mut self, piece: &[u8]) {
        if self.is_torn {
            self.is_torn = self.deliver(b"\n") == 0;
        }
        let written = if self.is_torn { 0 } else { self.deliver(piece) };
        let (done, rest) = piece.split_at(written);
        self.is_well = rest.is_empty();
        self.is_torn |= !rest.is_empty() && !done.is_empty() && !done.ends_with(b"\n");
        self.lost += rest.iter().filter(|byte| **byte == b'\n').count() as u64;
    }

    /// Writes as much as can be written in time; returns how much that was.
    fn deliver(&mut self, bytes: &[u8]) -> usize {
        let patience = if self.is_stuck { Duration::ZERO } else { PATIENCE };
        let deadline = Instant::now() + patience;
        let mut written = 0;
        while written < bytes.len() {
            if !self.is_file && !self.is_writable(deadline) {
                self.is_stuck = true;
                return written;
            }
            match rustix::io::write(&self.handle, &bytes[written..]) {
                Ok(0) => return written,
                Ok(length) => written += length,
                Err(Errno::INTR) => {}
                // Another writer was faster than this one after both were told of the room.
                Err(Errno::AGAIN) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                // EPIPE, ENOSPC, EIO, EBADF …: nobody is there to be told.
                Err(_) => return written,
            }
        }
        self.is_stuck = false;
        written
    }

    /// Waits for room, also where the target would block: a reader may have stopped.
    fn is_writable(&self, deadline: Instant) -> bool {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or_default();
            let mut wanted = [PollFd::new(&self.handle, PollFlags::OUT)];
            match poll(&mut wanted, Some(&left)) {
                Ok(0) => return false,
                Err(Errno::INTR) => {}
                // Errors too: the write will tell which one it is.
                _ => return true,
            }
        }
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stdout(stdout) => stdout.as_fd(),
            Self::Stderr(stderr) => stderr.as_fd(),
            Self::File(file) => file.as_fd(),
        }
    }
}

fn append(path: &std::path::Path) -> io::Result<File> {
    // A FIFO that nobody reads must not hold up the start.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(path)
}

fn is_regular(descriptor: BorrowedFd<'_>) -> bool {
    let status = rustix::fs::fstat(descriptor);
    status.is_ok_and(|status| rustix::fs::FileType::from_raw_mode(status.st_mode).is_file())
}

/// As many whole lines as a pipe takes at once, or a part of the first where that is longer.
fn piece_length(lines: &[u8]) -> usize {
    if lines.len() <= PIPE_PIECE {
        return lines.len();
    }
    let end = lines[..PIPE_PIECE].iter().rposition(|byte| *byte == b'\n');
    end.map_or(PIPE_PIECE, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_end_with_a_line_where_they_can() {
        let mut lines = vec![b'a'; 3_000];
        lines.push(b'\n');
        assert_eq!(piece_length(&lines), 3_001);
        lines.extend_from_within(..);
        assert_eq!(piece_length(&lines), 3_001);
        assert_eq!(piece_length(&[b'a'; 5_000]), PIPE_PIECE);
    }
}
