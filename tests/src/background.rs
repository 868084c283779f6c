//! A program in the background, wherever it says what it says.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::process::wait_until;
use crate::run;

/// A program that runs; it is killed when this is dropped.
#[derive(Debug)]
pub struct Background {
    child: Child,
}

impl Background {
    /// Starts a program.
    ///
    /// # Panics
    /// If it can't be executed.
    pub fn start(command: &mut Command) -> Self {
        let child = command.spawn();
        Self { child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")) }
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child of this process");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it goes on for longer than half a minute.
    pub fn wait(&mut self) -> ExitStatus {
        run::wait(&mut self.child, Duration::from_secs(30)).expect("a program that ends")
    }
}

impl From<Child> for Background {
    fn from(child: Child) -> Self {
        Self { child }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a file says this; returns all that it says.
///
/// # Panics
/// If it does not within half a minute.
pub fn wait_for_text(file: &Path, text: &str) -> String {
    let mut content = String::new();
    let shown = file.display();
    wait_until(&format!("{text:?} in {shown}"), || {
        content = fs::read_to_string(file).unwrap_or_default();
        content.contains(text)
    });
    content
}

/// Waits until a file says where a server is; returns the address.
///
/// # Panics
/// If it does not within half a minute.
pub fn wait_for_address(log: &Path) -> SocketAddr {
    const SERVING: &str = "serving on http://";
    let mut address = None;
    wait_until(&format!("{SERVING:?} in {}", log.display()), || {
        let told = fs::read_to_string(log).unwrap_or_default();
        let rest = told.split_once(SERVING).map(|(_, rest)| rest);
        let ended = rest.and_then(|rest| rest.split_once(['"', '\r', '\n']));
        address = ended.and_then(|(address, _)| address.parse().ok());
        address.is_some()
    });
    address.expect("an address that was found")
}
