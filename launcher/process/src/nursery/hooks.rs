//! The side of the nursery that runs hooks: which it may run, and which do run.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Instant;

use rustix::event::Timespec;
use rustix::process::{Pid, Signal, WaitStatus, kill_process_group, setsid};

use super::call::Call;
use super::launch::{self, NotStarted};
use super::message::{Ending, Reply};
use super::program::Program;
use crate::system::{self, FIRST_PASSED};

/// More at once are refused: a server that was taken over must not be able to fill the machine.
const MAX_RUNNING: usize = 64;

/// The hooks of a nursery.
#[derive(Debug)]
pub(super) struct Hooks {
    /// The paths, as they were given when everything was started.
    known: Vec<PathBuf>,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    /// The first process, which is the leader of a group of its own.
    pid: Pid,
    /// When it is killed; `None` if that is later than time goes.
    deadline: Option<Instant>,
    is_killed: bool,
    /// Where its end is told.
    ending: File,
}

impl Hooks {
    pub(super) fn new(known: Vec<PathBuf>) -> Self {
        Self { known, running: Vec::new() }
    }

    /// Starts a hook, and returns the pipe that its [`Ending`] comes from; or what to say instead.
    pub(super) fn start(&mut self, call: &Call, program: &Program) -> Result<OwnedFd, Reply> {
        if !self.known.iter().any(|known| known == call.hook()) {
            return Err(Reply::Unknown);
        }
        if self.running.len() >= MAX_RUNNING {
            return Err(Reply::Refused(libc::EAGAIN));
        }
        let (running, pipe) = Running::start(call, program).map_err(|error| error.to_reply())?;
        self.running.push(running);
        Ok(pipe)
    }

    /// How long until [`kill_late`](Self::kill_late) has something to do; `None` for ever.
    pub(super) fn patience(&self) -> Option<Timespec> {
        let waiting = self.running.iter().filter(|hook| !hook.is_killed);
        let first = waiting.filter_map(|hook| hook.deadline).min()?;
        first.saturating_duration_since(Instant::now()).try_into().ok()
    }

    /// Kills those whose time is over, with all that they have started.
    pub(super) fn kill_late(&mut self) {
        let now = Instant::now();
        let is_late = |hook: &Running| hook.deadline.is_some_and(|deadline| deadline <= now);
        for hook in self.running.iter_mut().filter(|hook| !hook.is_killed && is_late(hook)) {
            // Its leader was not waited for yet, so that no other group has this number.
            let _ = kill_process_group(hook.pid, Signal::KILL);
            hook.is_killed = true;
        }
    }

    /// Tells the end of a process to the one who waits for it. Others are none of our business.
    pub(super) fn reap(&mut self, pid: Pid, status: WaitStatus) {
        let Some(index) = self.running.iter().position(|hook| hook.pid == pid) else { return };
        let mut hook = self.running.swap_remove(index);
        let ending = if hook.is_killed { Ending::Late } else { Ending::Ended(status.as_raw()) };
        // The server may have ended, which is no reason for anything.
        let _ = hook.ending.write_all(ending.to_text().as_bytes());
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }
}

impl Running {
    fn start(call: &Call, program: &Program) -> Result<(Self, OwnedFd), NotStarted> {
        let (pipe, ending) = launch::pipe().map_err(NotStarted::Prepare)?;
        let empty = File::open("/dev/null").map_err(NotStarted::Prepare)?;
        let pid = launch::start(FIRST_PASSED, || execute(call, program, &empty))?;
        let deadline = Instant::now().checked_add(call.limit());
        Ok((Self { pid, deadline, is_killed: false, ending: ending.into() }, pipe))
    }
}

/// In the new process. Without a terminal it can't ask, and wait for an answer, at that either.
fn execute(call: &Call, program: &Program, empty: &File) -> io::Result<Infallible> {
    const INPUT: i32 = 0;
    const OUTPUT: i32 = 1;
    let words = call.words().map(CString::new).collect::<Result<Vec<_>, _>>()?;
    let environment = program.environment()?;
    setsid()?;
    system::place(empty, INPUT)?;
    system::place(io::stderr(), OUTPUT)?;
    system::reset_signals();
    Err(system::execute(call.hook(), &words, &environment))
}
