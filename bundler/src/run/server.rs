//! The server that runs the draft: started, replaced, ended.

use super::RunError;
use super::notices::{Notice, Notices, VARIABLE};
use holdall_bundle::{EntryPointKind, ExitCode};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, test_kill_process_group,
};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Where a server listens in development, unless it is told otherwise.
const PORT: &str = "tcp:8080:interface=127.0.0.1";
/// How long a successor may take; a server gives up before.
const UPGRADE_LIMIT: Duration = Duration::from_secs(65);
/// How long a program may take to end before another one takes its place.
const END_LIMIT: Duration = Duration::from_secs(10);
/// How often is looked whether a process is gone.
const LOOK: Duration = Duration::from_millis(5);

/// What is run, and how.
#[derive(Debug)]
pub struct Server {
    file: PathBuf,
    arguments: Vec<OsString>,
    is_live: bool,
    notices: Notices,
    running: Option<Running>,
    has_served: bool,
    /// Where it serves, as it was told last.
    address: String,
}

/// The processes of a server: the first one, those that took over, and their helpers are a process
/// group of their own, so that none of them is left behind.
#[derive(Debug)]
struct Running {
    kind: EntryPointKind,
    first: Child,
    group: Pid,
    /// The process that serves; readable when it has ended.
    main: OwnedFd,
    main_pid: Pid,
    state: State,
    /// None of them is left: their numbers may be those of others by now.
    is_gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    Up,
    /// A successor is being started, until this moment.
    Upgrading(Instant),
}

/// What has come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It serves there.
    Serves(String),
    /// The server is the new one.
    Up,
    /// The new one does not start: the old one serves on.
    Refused,
    /// The very first one did not start.
    NeverUp(ExitCode),
    /// It is gone.
    Ended(End),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End(Option<ExitStatus>);

impl Server {
    /// Will run `file` with these arguments.
    pub fn new(
        file: &Path,
        directory: &Path,
        arguments: Vec<OsString>,
        is_live: bool,
    ) -> Result<Self, RunError> {
        let notices = Notices::open(directory).map_err(RunError::Temporary)?;
        Ok(Self {
            file: file.to_owned(),
            arguments,
            is_live,
            notices,
            running: None,
            has_served: false,
            address: String::new(),
        })
    }

    /// Starts the file; an `exec` entry point is taken to be up at once.
    pub fn start(&mut self, kind: EntryPointKind) -> Result<(), RunError> {
        let failed =
            RunError::system("run the bundle (TMPDIR must be a place to execute files in)");
        let first = self.command(kind).spawn().map_err(failed)?;
        let main_pid = Pid::from_child(&first);
        let main = pidfd(main_pid).map_err(RunError::system("watch a process"))?;
        let state = match kind {
            EntryPointKind::Exec => State::Up,
            _ => State::Starting,
        };
        self.running =
            Some(Running { kind, first, group: main_pid, main, main_pid, state, is_gone: false });
        self.has_served |= kind == EntryPointKind::Exec;
        Ok(())
    }

    fn command(&self, kind: EntryPointKind) -> Command {
        let mut command = Command::new(&self.file);
        command.args(&self.arguments).stdin(Stdio::null()).process_group(0);
        command.env_remove(VARIABLE).env_remove("WATCHDOG_USEC");
        if kind == EntryPointKind::Exec {
            return command;
        }
        command.env(VARIABLE, self.notices.path());
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !is_set("HOLDALL_PORT") && !is_set("PORT") {
            command.env("HOLDALL_PORT", PORT);
        }
        // What it has to tell of its life is told here, in fewer words.
        if !is_set("HOLDALL_LOG_LEVEL") {
            command.env("HOLDALL_LOG_LEVEL", "warn");
        }
        if self.is_live {
            command.env("HOLDALL_LIVE_RELOAD", "1");
        }
        command
    }

    /// Has the file, which is a new one, take over.
    pub fn replace(&mut self, kind: EntryPointKind) -> Result<(), RunError> {
        match &mut self.running {
            Some(running) if ![running.kind, kind].contains(&EntryPointKind::Exec) => {
                running.state = State::Upgrading(Instant::now() + UPGRADE_LIMIT);
                running.kind = kind;
                // If it has just ended, that is found out next.
                let _ = kill_process(running.main_pid, Signal::USR2);
                Ok(())
            }
            _ => {
                self.end(END_LIMIT, || false)?;
                self.start(kind)
            }
        }
    }

    /// Ends it as Ctrl-C does; `again` tells whether that was asked for once more.
    pub fn stop(&mut self, again: impl FnMut() -> bool) -> Result<(), RunError> {
        self.end(Duration::MAX, again)
    }

    /// Ends all of its processes, by force when the time is over.
    fn end(&mut self, limit: Duration, mut again: impl FnMut() -> bool) -> Result<(), RunError> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        let start = Instant::now();
        running.signal(Signal::TERM);
        while !running.has_ended() && start.elapsed() < limit {
            if again() {
                running.signal(Signal::TERM);
            }
            let fd = PollFd::new(&running.main, PollFlags::IN);
            let look = rustix::event::Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
            let _ = poll(&mut [fd], Some(&look));
        }
        running.sweep();
        Ok(())
    }

    /// All that has happened since the last time.
    pub fn events(&mut self) -> Result<Vec<Event>, RunError> {
        let mut events = Vec::new();
        for notice in self.notices.take() {
            self.hear(notice, &mut events);
        }
        let Some(running) = &mut self.running else { return Ok(events) };
        if let State::Upgrading(limit) = running.state
            && limit <= Instant::now()
        {
            running.state = State::Up;
            events.push(Event::Refused);
        }
        if running.has_ended()
            && let Some(mut running) = self.running.take()
        {
            running.sweep();
            events.push(self.ended(&mut running));
        }
        Ok(events)
    }

    fn hear(&mut self, notice: Notice, events: &mut Vec<Event>) {
        let Some(running) = &mut self.running else { return };
        match notice {
            Notice::Status(status) => {
                if let Some(address) = status.strip_prefix("serving on ") {
                    if self.address != address {
                        address.clone_into(&mut self.address);
                        events.push(Event::Serves(address.to_owned()));
                    }
                } else if status.starts_with("not upgraded") {
                    running.state = State::Up;
                    events.push(Event::Refused);
                }
            }
            Notice::Ready if running.state == State::Starting => {
                running.state = State::Up;
                self.has_served = true;
                events.push(Event::Up);
            }
            Notice::Ready => {}
            Notice::MainPid(pid) => {
                running.state = State::Up;
                // If it is gone already, the old one is about to be, which ends this.
                if let Ok(main) = pidfd(pid) {
                    (running.main, running.main_pid) = (main, pid);
                }
                events.push(Event::Up);
            }
        }
    }

    fn ended(&self, running: &mut Running) -> Event {
        let status = match running.main_pid == running.group {
            true => running.first.try_wait().ok().flatten(),
            // The child of another process, which alone has learnt it.
            false => None,
        };
        if self.has_served {
            return Event::Ended(End(status));
        }
        let code = status.and_then(|status| status.code());
        let known = ExitCode::ALL.iter().find(|(known, _)| code == Some(known.code().into()));
        Event::NeverUp(known.map_or(ExitCode::Other, |(code, _)| *code))
    }

    /// Whether it is on its way from one state to another.
    pub fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.state != State::Up)
    }

    /// When to look again at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        match self.running.as_ref()?.state {
            State::Upgrading(limit) => Some(limit),
            _ => None,
        }
    }

    /// What can be read when something has happened.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let main = self.running.as_ref().map(|running| running.main.as_fd());
        [self.notices.descriptor()].into_iter().chain(main)
    }
}

impl Running {
    fn signal(&self, signal: Signal) {
        // They may all be gone.
        let _ = kill_process_group(self.group, signal);
    }

    fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(&self.main, PollFlags::IN)];
        poll(&mut fds, Some(&Default::default())).is_ok_and(|count| count > 0)
    }

    /// Leaves nothing behind: helpers end with their server, and what does not is killed.
    fn sweep(&mut self) {
        const HELPERS: Duration = Duration::from_secs(1);
        let start = Instant::now();
        let mut is_killed = false;
        // The first process is a member of the group until it was waited for.
        while self.first.try_wait().is_ok_and(|status| status.is_none())
            || test_kill_process_group(self.group).is_ok()
        {
            if start.elapsed() > HELPERS && !is_killed {
                self.signal(Signal::KILL);
                is_killed = true;
            }
            if start.elapsed() > 2 * HELPERS {
                break;
            }
            std::thread::sleep(LOOK);
        }
        self.is_gone = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_gone {
            self.signal(Signal::KILL);
            self.sweep();
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(status) => status.fmt(f),
            None => f.write_str("an unknown status"),
        }
    }
}

fn pidfd(pid: Pid) -> io::Result<OwnedFd> {
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}
