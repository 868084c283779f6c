//! Which process of which machine, and whether it still runs.

use std::fs;

use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// A process, such that no other one, earlier or later, is mistaken for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// The name of the machine.
    pub host: String,
    pub pid: u32,
    /// Since when the machine runs, and whose process numbers these are: containers have their
    /// own. Nothing where /proc does not tell.
    place: Option<String>,
    /// When it began, in ticks since the machine did.
    started: Option<u64>,
}

impl Process {
    /// This one.
    pub fn this() -> Self {
        let pid = std::process::id();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self { host, pid, place: place(), started: Stat::of(pid).map(|stat| stat.started) }
    }

    /// Whether it is known to run no more: it must be of this machine, and of this container.
    pub fn has_ended(&self) -> bool {
        if self.place.is_none() || self.place != place() {
            return false;
        }
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let is_there =
            pid.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
        let is_another = |stat: Stat| Some(stat.started) != self.started || stat.is_dead;
        !is_there || Stat::of(self.pid).is_some_and(is_another)
    }
}

/// What the system tells of a process (proc_pid_stat(5)).
struct Stat {
    started: u64,
    /// It has ended, and its parent does not know yet.
    is_dead: bool,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is a name in brackets, with any characters in it.
        let mut fields = text.rsplit_once(") ")?.1.split(' ');
        let is_dead = matches!(fields.next()?, "Z" | "X");
        let started = fields.nth(18)?.parse().ok()?;
        Some(Self { started, is_dead })
    }
}

fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim_end(), namespace.display()))
}
