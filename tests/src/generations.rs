//! A server through its upgrades: its file is replaced, the process that serves becomes another.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::{Log, Run, Scratch, Server, tools};

/// What an old server says when another serves in its place.
const HANDED_OVER: &str = "handed over to the new process";
/// What it says when none does.
const NOT_UPGRADED: &str = "not upgraded, serving on";

/// Longer than a server waits for the next.
const PATIENCE: Duration = Duration::from_secs(70);

/// A server whose file is in a directory of its own; nothing of it is left when this is dropped.
#[derive(Debug)]
pub struct Generations {
    server: Server,
    left: Sweep,
    current: Pid,
    /// The first process of a container, which passes signals on.
    init: Option<Pid>,
    /// How many upgrades have succeeded and failed.
    ended: (usize, usize),
}

impl Generations {
    /// Starts what `run` says, with an executable in `scratch`.
    pub fn start(scratch: &Scratch, run: Run) -> Self {
        let server = Server::from_run(run);
        let current = server.pid();
        Self { server, left: Sweep::of(scratch), current, init: None, ended: (0, 0) }
    }

    /// Starts what `run` says as the first process of a namespace of processes.
    pub fn start_as_init(scratch: &Scratch, run: Run) -> Self {
        let mut this = Self::start(scratch, run);
        let unshare = this.current;
        let children = format!("/proc/{unshare}/task/{unshare}/children");
        let children = fs::read_to_string(children).expect("a process of ours");
        let child = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
        this.init = child.and_then(Pid::from_raw);
        this
    }

    /// The first one; the log is that of all.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// What all of them write to standard error.
    pub fn log(&self) -> &Log {
        self.server.log()
    }

    /// The process that serves now, by its own number.
    pub fn current(&self) -> Pid {
        self.current
    }

    /// The process that an operator sends signals to.
    pub fn signalled(&self) -> Pid {
        self.init.unwrap_or(self.current)
    }

    /// Asks the current server for an upgrade, and waits until another serves.
    ///
    /// # Panics
    /// If there is none, with all that was said.
    pub fn upgrade(&mut self) -> Pid {
        self.signal(Signal::USR2);
        self.outcome().unwrap_or_else(|error| panic!("{error}\n{}", self.told()))
    }

    /// Asks the current server for an upgrade, which has to fail; returns why it did.
    ///
    /// # Panics
    /// If there is one.
    pub fn fail_to_upgrade(&mut self) -> String {
        self.signal(Signal::USR2);
        let outcome = self.outcome();
        outcome.err().unwrap_or_else(|| panic!("it was upgraded\n{}", self.told()))
    }

    /// Waits for the end of an upgrade: the process that serves now, or why there is no new one.
    ///
    /// # Errors
    /// The reason that the log gives.
    pub fn outcome(&mut self) -> Result<Pid, String> {
        let (done, failed) = self.ended;
        let log = self.server.log();
        let has_ended = crate::process::wait_within(PATIENCE, || {
            log.events_of(HANDED_OVER).len() > done || log.events_of(NOT_UPGRADED).len() > failed
        });
        assert!(has_ended, "no end of an upgrade\n{}", self.told());
        if let Some(event) = log.events_of(HANDED_OVER).get(done) {
            let pid = event["pid"].as_i64().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
            self.current = pid.unwrap_or_else(|| panic!("no process in {event}"));
            self.ended.0 += 1;
            return Ok(self.current);
        }
        self.ended.1 += 1;
        Err(log.events_of(NOT_UPGRADED)[failed]["error"].as_str().unwrap_or_default().to_owned())
    }

    /// Sends a signal as an operator does.
    pub fn signal(&self, signal: Signal) {
        let sent = kill_process(self.signalled(), signal);
        sent.unwrap_or_else(|error| panic!("{error}\n{}", self.told()));
    }

    /// Waits until no process is left.
    pub fn wait_until_gone(&self) {
        crate::process::wait_until("all processes end", || self.processes().is_empty());
    }

    /// All processes that run an executable of the directory, replaced ones too.
    pub fn processes(&self) -> Vec<Pid> {
        self.left.processes()
    }

    fn told(&self) -> String {
        self.log().lines().join("\n")
    }
}

/// The processes that run an executable of a test's directory; dropped, it kills them.
#[derive(Debug)]
pub struct Sweep {
    directory: PathBuf,
}

impl Sweep {
    /// Those of `scratch`, whose processes end before it is removed.
    pub fn of(scratch: &Scratch) -> Self {
        Self { directory: scratch.dir().to_owned() }
    }

    /// All that run; one that has ended runs none.
    pub fn processes(&self) -> Vec<Pid> {
        let entries = fs::read_dir("/proc").expect("a /proc").flatten();
        let runs = entries.filter(|entry| {
            let executable = fs::read_link(entry.path().join("exe"));
            executable.is_ok_and(|executable| executable.starts_with(&self.directory))
        });
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        runs.filter_map(number).filter_map(Pid::from_raw).collect()
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        for process in self.processes() {
            // It may have ended meanwhile.
            let _ = kill_process(process, Signal::KILL);
        }
    }
}

/// Puts a file in place of another by one rename, as an operator should.
pub fn replace(file: &Path, next: &Path) {
    let beside = file.with_extension("new");
    // A link is enough: it is the name that changes.
    fs::hard_link(next, &beside).or_else(|_| fs::copy(next, &beside).map(drop)).expect("a file");
    fs::rename(&beside, file).expect("a file of ours");
}

/// Packs the program `witness`, without what only a debugger reads.
#[derive(Debug)]
pub struct Packer<'a> {
    scratch: &'a Scratch,
    program: PathBuf,
}

impl<'a> Packer<'a> {
    /// Will pack `program` in `scratch`.
    pub fn new(scratch: &'a Scratch, program: impl AsRef<OsStr>) -> Self {
        let stripped = scratch.path("build/program");
        fs::create_dir_all(scratch.path("build")).expect("a directory of ours");
        tools::tool("strip").arg("-o").arg(&stripped).arg(program).ok();
        Self { scratch, program: stripped }
    }

    /// A bundle in the file `output`, whose resources `version` and `start` are these.
    pub fn pack(&self, output: &str, version: &str, start: &str) -> PathBuf {
        let folder = format!("resources-{output}");
        self.scratch.write(Path::new(&folder).join("version"), version);
        self.scratch.write(Path::new(&folder).join("start"), start);
        let run = self.scratch.bundler(output).arg(folder).arg("--path").arg(&self.program);
        run.args(["--entry-point", "linked", "--name", "witness"]).ok();
        self.scratch.path(output)
    }
}
