//! A program that serves until it is told to stop.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::http::{self, Response};
use crate::run::{self, Run};

/// An endpoint on a free port of this host.
pub const FREE_PORT: &str = "tcp:0:interface=127.0.0.1";

/// A server that is up; it is killed at the end, if it still runs.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    log: Receiver<String>,
}

impl Server {
    /// Starts a bundle on a free port, and waits until it says where it serves.
    pub fn start(program: impl AsRef<std::ffi::OsStr>) -> Self {
        Self::from_run(Run::new(program).args(["--port", FREE_PORT]))
    }

    /// Starts what `run` says, and waits until it says where it serves.
    ///
    /// # Panics
    /// If it ends before, with all that it said.
    pub fn from_run(run: Run) -> Self {
        Self::try_from_run(run).unwrap_or_else(|said| panic!("no server: {said}"))
    }

    /// The same; where it ends instead, returns what it said.
    ///
    /// # Errors
    /// The lines that it wrote to standard error.
    pub fn try_from_run(run: Run) -> Result<Self, String> {
        let mut child = run.spawn();
        let log = follow(child.stderr.take().expect("a pipe"));
        let mut said = Vec::new();
        while let Ok(line) = log.recv_timeout(Duration::from_secs(60)) {
            if let Some((_, authority)) = line.split_once("serving on http://") {
                let address = authority.parse().expect("an address");
                return Ok(Self { child, address, log });
            }
            said.push(line);
        }
        // It may have ended already.
        let _ = child.kill();
        child.wait().expect("a child of this process");
        Err(said.join("\n"))
    }

    /// GETs a path.
    pub fn get(&self, path: &str) -> Response {
        http::get(self.address, path)
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child of this process");
    }

    /// The next line that it writes to standard error; `None` if there is none within ten seconds.
    pub fn line(&self) -> Option<String> {
        self.log.recv_timeout(Duration::from_secs(10)).ok()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it goes on for longer than half a minute.
    pub fn wait(&mut self) -> ExitStatus {
        run::wait(&mut self.child, Duration::from_secs(30)).expect("a server that ends")
    }

    /// Tells it to stop, and waits for its end.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe, as they come.
fn follow(pipe: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(pipe).lines().map_while(Result::ok);
        // To the end even if nobody listens, so that the server never waits for a reader.
        lines.for_each(|line| drop(sender.send(line)));
    });
    receiver
}
