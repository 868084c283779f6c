//! One processor for the server and another for its load: neither slows the other down.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two processors.
#[derive(Debug)]
pub struct Cores {
    all: CpuSet,
    server: CpuSet,
    load: CpuSet,
}

impl Cores {
    /// The first and the last that this process may use.
    pub fn of_process() -> Result<Self> {
        let all = sched_getaffinity(None)?;
        let mut numbers = (0..CpuSet::MAX_CPU).filter(|number| all.is_set(*number));
        let server = numbers.next().context("there is no processor")?;
        let load = numbers.next_back().context("a server and its load need a processor each")?;
        Ok(Self { all, server: only(server), load: only(load) })
    }

    /// Runs what starts a server: processes stay where the thread was that started them.
    pub fn for_server<T>(&self, start: impl FnOnce() -> T) -> Result<T> {
        self.on(&self.server, start)
    }

    /// Runs what starts a load generator.
    pub fn for_load<T>(&self, start: impl FnOnce() -> T) -> Result<T> {
        self.on(&self.load, start)
    }

    fn on<T>(&self, core: &CpuSet, start: impl FnOnce() -> T) -> Result<T> {
        sched_setaffinity(None, core).context("can't choose a processor")?;
        let started = start();
        sched_setaffinity(None, &self.all)?;
        Ok(started)
    }
}

fn only(number: usize) -> CpuSet {
    let mut core = CpuSet::new();
    core.set(number);
    core
}
