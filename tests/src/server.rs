//! A program that serves until it is told to stop.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::http::{self, Response};
use crate::log::Log;
use crate::run::{self, Run};

/// An endpoint on a free port of this host.
pub const FREE_PORT: &str = "tcp:0:interface=127.0.0.1";

const SERVING: &str = "serving on ";
const ADMIN: &str = "admin on ";

/// A server that is up; it is killed at the end, if it still runs.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where its first endpoint listens; port 0 where that is none of TCP.
    pub address: SocketAddr,
    log: Log,
    output: Log,
}

impl Server {
    /// Starts a bundle on a free port, and waits until it says where it serves.
    pub fn start(program: impl AsRef<std::ffi::OsStr>) -> Self {
        Self::with(program, &[])
    }

    /// The same with more options.
    pub fn with(program: impl AsRef<std::ffi::OsStr>, options: &[&str]) -> Self {
        Self::from_run(Run::new(program).args(["--port", FREE_PORT]).args(options))
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
        let log = Log::follow(child.stderr.take().expect("a pipe"));
        let output = Log::follow(child.stdout.take().expect("a pipe"));
        let first = log.wait(|told| {
            told.show_up_to(SERVING);
            told.after(SERVING).into_iter().next()
        });
        if let Some(url) = first {
            let address = address(&url).unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
            return Ok(Self { child, address, log, output });
        }
        // It may have ended already.
        let _ = child.kill();
        child.wait().expect("a child of this process");
        Err(log.lines().join("\n"))
    }

    /// GETs a path.
    pub fn get(&self, path: &str) -> Response {
        http::get(self.address, path)
    }

    /// Where the first `count` endpoints are, once they are all open: `http://127.0.0.1:8080`,
    /// `https://…`, `unix:/path`.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn urls(&self, count: usize) -> Vec<String> {
        let urls = self.log.wait(|told| {
            let urls = told.after(SERVING);
            (urls.len() >= count).then_some(urls)
        });
        urls.unwrap_or_else(|| panic!("not {count} endpoints: {}", self.log.lines().join("\n")))
    }

    /// Where the admin endpoint is, as an URL.
    ///
    /// # Panics
    /// If there is none.
    pub fn admin_url(&self) -> String {
        let url = self.log.wait(|told| told.after(ADMIN).into_iter().next());
        url.unwrap_or_else(|| panic!("no admin endpoint: {}", self.log.lines().join("\n")))
    }

    /// The address of the admin endpoint on TCP.
    ///
    /// # Panics
    /// If there is none.
    pub fn admin(&self) -> SocketAddr {
        let url = self.admin_url();
        address(&url).unwrap_or_else(|| panic!("{url} is not on TCP"))
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child of this process");
    }

    /// What it writes to standard error.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What it writes to standard output.
    pub fn output(&self) -> &Log {
        &self.output
    }

    /// The next line that it writes to standard error after its first address, in its text form;
    /// `None` if there is none within ten seconds.
    pub fn line(&self) -> Option<String> {
        self.log.next()
    }

    /// Waits for an event of which this is true.
    ///
    /// # Panics
    /// If it does not come within a minute.
    pub fn event(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        self.log.event(what, is_it)
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

/// The address in an URL of http or https.
fn address(url: &str) -> Option<SocketAddr> {
    let (_, authority) = url.split_once("://")?;
    let authority = authority.split(['/', ' ']).next()?;
    authority.parse().ok()
}
