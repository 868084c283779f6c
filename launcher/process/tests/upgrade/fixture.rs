//! A service under test: its directory, its processes, and a line to its server.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::server::MARK;

/// Long enough for any machine: nothing waits this long unless it is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Held while a program is written: a process that is forked meanwhile would have the file open for
/// writing, and the program could not be executed.
static WRITING: Mutex<()> = Mutex::new(());

/// A running service. All of its processes are killed when it is dropped.
pub struct Service {
    pub directory: TempDir,
    pub child: Child,
    pub stdout: BufReader<ChildStdout>,
    pub port: u16,
}

/// A process, as proc_pid_stat(5) shows it.
#[derive(Debug)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub name: String,
    pub is_zombie: bool,
}

impl Service {
    /// Version 1, started by `./server`.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(options: &[&str]) -> Self {
        let directory = directory_with("server");
        let mut command = Command::new("./server");
        command.arg0("a-name").env("COLOUR", "green").env("WATCHDOG_PID", "1");
        Self::run(directory, command.arg("serve").args(options))
    }

    /// The same as the first process of a container.
    pub fn start_as_init() -> Self {
        Self::start_as_init_with(&[])
    }

    pub fn start_as_init_with(options: &[&str]) -> Self {
        let directory = directory_with("server");
        // Whoever runs the tests may ignore signals, as nohup(1) does.
        let mut command = Command::new("env");
        command.env("COLOUR", "green");
        command.args([
            "--default-signal",
            "unshare",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
        ]);
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        Self::run(directory, command.args(["./server", "serve"]).args(options))
    }

    pub fn run(directory: TempDir, command: &mut Command) -> Self {
        let command = command.current_dir(&directory).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = {
            let _none_is_written = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
            command.spawn().unwrap()
        };
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let port = line.trim_end().strip_prefix("port ").map(|port| port.parse().unwrap());
        let port = port.unwrap_or_else(|| panic!("no server, but {line:?}"));
        Self { directory, child, stdout, port }
    }

    /// What the server that gets the connection answers.
    pub fn ask(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        writeln!(stream, "{line}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    /// Installs another version, and has the server upgrade to it.
    pub fn upgrade(&self, version: &str) -> String {
        install(&self.directory.path().join("server"), version);
        self.ask("upgrade 1")
    }

    /// The processes that execute a file of this service.
    pub fn processes(&self) -> Vec<Process> {
        let directory = self.directory.path();
        let is_ours = |process: &Process| {
            let executable = fs::read_link(format!("/proc/{}/exe", process.pid));
            executable.is_ok_and(|path| path.starts_with(directory))
        };
        processes().into_iter().filter(is_ours).collect()
    }

    /// Waits until the service has so many processes, and returns them.
    pub fn settle(&self, count: usize) -> Vec<Process> {
        wait_for(&format!("{count} processes"), || {
            let processes = self.processes();
            (processes.len() == count).then_some(processes)
        })
    }

    /// Its nursery, which gives itself a name when the server may run already.
    pub fn nursery(&self) -> Process {
        let is_nursery = |process: &Process| process.name.ends_with(" nursery");
        wait_for("the nursery", || self.processes().into_iter().find(is_nursery))
    }

    /// Waits for the end of the first process: its exit code.
    pub fn exit_code(&mut self) -> Option<i32> {
        wait_for("the end", || self.child.try_wait().unwrap()).code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        while let processes = self.processes()
            && !processes.is_empty()
        {
            processes.iter().for_each(|process| signal(process.pid, Signal::KILL));
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.wait();
    }
}

/// A fresh directory with version 1 at `path` in it.
pub fn directory_with(path: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    // Also for a server that is nobody.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    install(&directory.path().join(path), "1");
    directory
}

/// Puts this program there as the version, with one rename.
pub fn install(path: &Path, version: &str) {
    static PROGRAM: OnceLock<Vec<u8>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| fs::read("/proc/self/exe").unwrap());
    let new = PathBuf::from(format!("{}.new", path.display()));
    let writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    fs::write(&new, [program, MARK, version.as_bytes()].concat()).unwrap();
    drop(writing);
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&new, path).unwrap();
}

pub fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter_map(|name| Process::of(name.parse().ok()?)).collect()
}

impl Process {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (before, after) = stat.rsplit_once(") ")?;
        let mut fields = after.split(' ');
        let is_zombie = fields.next()? == "Z";
        let parent = fields.next()?.parse().ok()?;
        let name = before.split_once('(')?.1.to_owned();
        Some(Self { pid, parent, name, is_zombie })
    }

    pub fn children(&self) -> Vec<Process> {
        processes().into_iter().filter(|process| process.parent == self.pid).collect()
    }

    fn count_descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }
}

pub fn signal(pid: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

pub fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "still waiting for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Upgrades twenty times. Each time, all that is left are a server and a nursery without a dead
/// child, with no more open than they need.
pub fn upgrade_twenty_times(service: &Service) {
    // The standard streams, the signals and the socket to the server; the standard streams, the
    // socket that was passed and its copy in use, and the socket to the nursery.
    const OPEN: [usize; 2] = [3 + 2, 3 + 3];
    let mut pids = BTreeSet::new();
    for version in 2..=21 {
        let ready = service.upgrade(&version.to_string());
        let (pid, served) = who(service);
        assert_eq!((ready, served), (format!("ready {pid}"), version.to_string()));
        assert!(pids.insert(pid), "{pid} again");
        wait_for("two processes without a trace of others", || {
            let living = service.processes();
            let mut open: Vec<_> = living.iter().map(Process::count_descriptors).collect();
            open.sort();
            let has_zombie = living.iter().flat_map(Process::children).any(|child| child.is_zombie);
            (open == OPEN && !has_zombie).then_some(())
        });
    }
}

/// The number and the version of the server.
pub fn who(service: &Service) -> (i32, String) {
    let answer = service.ask("who");
    let (pid, version) = answer.split_once(' ').unwrap();
    (pid.parse().unwrap(), version.to_owned())
}
