//! A program that runs to its end, and what came of it.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No program of these tests runs longer than this, unless it hangs or waits for a compiler.
const LIMIT: Duration = Duration::from_secs(120);
const COMPILER_LIMIT: Duration = Duration::from_secs(1_800);

/// A program that is about to be run, with nothing of our variables in its environment.
#[derive(Debug)]
pub struct Run {
    command: Command,
    input: Vec<u8>,
    limit: Duration,
}

/// How a program ended, and all that it wrote.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code or the signal that ended it.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Run {
    /// Will run `program`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        let inherited = ["HOLDALL", "SOURCE_DATE_EPOCH", "CARGO", "CARGO_MANIFEST_DIR"];
        for name in inherited {
            command.env_remove(name);
        }
        Self { command, input: Vec::new(), limit: LIMIT }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// With no variable in the environment at all.
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// In this directory.
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// With this on standard input, which is empty otherwise.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// With time enough for a compiler, or for another cargo that holds the lock.
    pub fn compiling(mut self) -> Self {
        self.limit = COMPILER_LIMIT;
        self
    }

    /// Starts it and hands it over, its three streams as pipes or nothing.
    pub fn spawn(mut self) -> Child {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.start()
    }

    fn start(&mut self) -> Child {
        let begin = Instant::now();
        loop {
            match self.command.spawn() {
                Ok(child) => return child,
                // A child of another test, between fork and exec, has what this one wrote still open.
                Err(error)
                    if error.kind() == io::ErrorKind::ExecutableFileBusy
                        && begin.elapsed() < Duration::from_secs(5) =>
                {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => panic!("{:?}: {error}", self.command.get_program()),
            }
        }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it can't be started, or hangs.
    pub fn end(mut self) -> Ended {
        self.command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped());
        let mut child = self.start();
        let input = std::mem::take(&mut self.input);
        let mut stdin = child.stdin.take().expect("a pipe");
        // A program may well not read its input.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let status = wait(&mut child, self.limit);
        let stdout = stdout.join().expect("a reader");
        let stderr = stderr.join().expect("a reader");
        let stderr = String::from_utf8(stderr).expect("messages are UTF-8");
        let status = status.unwrap_or_else(|| panic!("{:?} hangs: {stderr}", self.command));
        Ended { status, stdout, stderr }
    }

    /// Runs it to its end, which has to be a success.
    pub fn ok(self) -> Ended {
        let shown = format!("{:?}", self.command);
        let ended = self.end();
        assert!(ended.status.success(), "{shown}: {}: {}", ended.status, ended.stderr);
        ended
    }

    /// Runs it to its end, which has to be a failure with exit code `code`, one line on standard
    /// error and nothing on standard output. Returns the line.
    pub fn fails(self, code: i32) -> String {
        let shown = format!("{:?}", self.command);
        let ended = self.end();
        assert_eq!(ended.code(), code, "{shown}: {}", ended.stderr);
        let stdout = String::from_utf8_lossy(&ended.stdout);
        assert!(stdout.is_empty(), "{shown} fails, but writes {stdout:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{shown}: not one line: {}", ended.stderr);
        ended.stderr.trim_end().to_owned()
    }
}

impl Ended {
    /// The exit code.
    ///
    /// # Panics
    /// If a signal ended it.
    pub fn code(&self) -> i32 {
        let code = self.status.code();
        code.unwrap_or_else(|| panic!("ended by signal {:?}: {}", self.signal(), self.stderr))
    }

    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// What it wrote to standard output, as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("text")
    }

    /// The lines of standard output.
    pub fn lines(&self) -> Vec<&str> {
        self.text().lines().collect()
    }

    /// What it wrote to standard output, as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

/// Waits for `child`; kills it when the time is over, and returns `None` then.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < limit {
        match child.try_wait().expect("a child of this process") {
            Some(status) => return Some(status),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    child.kill().expect("a child of this process");
    child.wait().expect("a child of this process");
    None
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).expect("a pipe");
        }
        bytes
    })
}
