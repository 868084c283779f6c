//! A program that serves until it is told to stop.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ExitStatus};
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
        let mut child = run.spawn();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (sender, log) = channel();
        std::thread::spawn(move || {
            let lines = stderr.lines().map_while(Result::ok);
            lines.take_while(|line| sender.send(line.clone()).is_ok()).for_each(drop);
        });
        let mut said = Vec::new();
        while let Ok(line) = log.recv_timeout(Duration::from_secs(60)) {
            if let Some((_, authority)) = line.split_once("serving on http://") {
                let address = authority.parse().expect("an address");
                return Self { child, address, log };
            }
            said.push(line);
        }
        let _ = child.kill();
        panic!("no server: {}", said.join("\n"));
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
