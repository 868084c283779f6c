//! How the nursery starts any program: a fork, and the reason if the other half can't execute it.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{OwnedFd, RawFd};

use rustix::io::fcntl_dupfd_cloexec;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use super::message::Reply;
use crate::system::{self, Side};

/// Why there is no new process.
#[derive(Debug)]
pub(super) enum NotStarted {
    /// The file can't be executed.
    Execute(io::Error),
    /// It did not come as far as that.
    Prepare(io::Error),
}

impl NotStarted {
    pub(super) fn to_reply(&self) -> Reply {
        let number = |error: &io::Error| error.raw_os_error().unwrap_or(libc::EIO);
        match self {
            NotStarted::Execute(error) => Reply::NotExecuted(number(error)),
            NotStarted::Prepare(error) => Reply::Refused(number(error)),
        }
    }
}

/// Forks, and waits until the new process executes a program by `execute`, or can't.
///
/// What `execute` places under numbers must be below `first_free`.
pub(super) fn start(
    first_free: RawFd,
    execute: impl FnOnce() -> io::Result<Infallible>,
) -> Result<Pid, NotStarted> {
    // Closes by itself when the program is executed; before, the number of an error can come.
    let (outcome, end) = pipe().map_err(NotStarted::Prepare)?;
    let outcome_end = fcntl_dupfd_cloexec(&end, first_free);
    let outcome_end = outcome_end.map_err(|error| NotStarted::Prepare(error.into()))?;
    // Or the pipe would not close by itself.
    drop(end);
    let forked = system::fork().map_err(|error| NotStarted::Prepare(io::Error::other(error)))?;
    match forked.map_err(NotStarted::Prepare)? {
        Side::Child => become_it(execute, outcome_end.into()),
        Side::Parent { child } => {
            drop(outcome_end);
            match read_error(outcome.into()) {
                None => Ok(child),
                Some(error) => Err(NotStarted::Execute(error)),
            }
        }
    }
}

/// The reading and the writing end, closed to programs.
pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

/// In the new process: executes the program, or says why not and ends.
fn become_it(execute: impl FnOnce() -> io::Result<Infallible>, mut outcome: File) -> ! {
    let error = match execute() {
        Ok(never) => match never {},
        Err(error) => error,
    };
    let number = error.raw_os_error().unwrap_or(libc::EIO);
    let _ = outcome.write_all(&number.to_ne_bytes());
    system::leave(127)
}

/// The error that the new process met; `None` if it executes the program.
fn read_error(mut outcome: File) -> Option<io::Error> {
    let mut number = [0; size_of::<i32>()];
    outcome.read_exact(&mut number).ok()?;
    Some(io::Error::from_raw_os_error(i32::from_ne_bytes(number)))
}
