//! Leases: which process orders for a name. For 60 seconds each, so that none outlives its holder
//! for long; a late holder does no harm, as [`Store::save`] finds another certificate then.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, durable, order};
use crate::Name;
use crate::setback::chain;

mod process;

use process::Process;

/// What came of asking for a lease.
#[derive(Debug)]
pub(crate) enum Leased {
    Ours(Lease),
    Held(Holder),
}

/// Who has a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub host: String,
    pub pid: u32,
    pub until: Timestamp,
}

/// The right to order for a name; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Store,
    path: PathBuf,
    entry: Entry,
}

/// What stands in `.lock/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    process: Process,
    /// One more each time that another takes it.
    epoch: u64,
    expires: Timestamp,
}

/// How long a lease is good for without being renewed.
const TERM: SignedDuration = SignedDuration::from_secs(60);

/// How far the clocks of two machines may be apart, and how long one may have waited for the lock
/// since it looked at its own.
const SKEW: SignedDuration = SignedDuration::from_secs(10);

impl Store {
    /// Takes the lease of a name for 60 seconds, unless another has it. One that has expired, is
    /// damaged, or could only have been made by a wrong clock counts for nothing, nor does that
    /// of a process of this machine that has ended.
    pub fn lease(&self, name: &Name, now: Timestamp) -> Result<Leased, StoreError> {
        let path = self.locks().join(name.as_str());
        let _lock = self.lock()?;
        let old = read(&path);
        if let Some(old) = old.as_ref().filter(|old| old.holds(now)) {
            return Ok(Leased::Held(old.holder()));
        }
        let epoch = old.map_or(0, |old| old.epoch).wrapping_add(1);
        let entry = Entry { process: Process::this(), epoch, expires: end(now) };
        write(&path, &entry)?;
        Ok(Leased::Ours(Lease { store: self.clone(), path, entry }))
    }
}

impl Lease {
    /// Has it for another 60 seconds, or tells who took it over meanwhile.
    pub fn renew(&mut self, now: Timestamp) -> Result<Option<Holder>, StoreError> {
        let _lock = self.store.lock()?;
        if let Some(other) = read(&self.path).filter(|entry| !self.is(entry)) {
            return Ok(Some(other.holder()));
        }
        self.entry.expires = end(now);
        write(&self.path, &self.entry).map(|()| None)
    }

    fn release(&self) -> Result<(), StoreError> {
        let _lock = self.store.lock()?;
        match read(&self.path).is_some_and(|entry| self.is(&entry)) {
            true => durable::remove(&self.path).map_err(StoreError::io("remove", &self.path)),
            false => Ok(()),
        }
    }

    fn is(&self, entry: &Entry) -> bool {
        entry.epoch == self.entry.epoch && entry.process == self.entry.process
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            let path = self.path.display();
            tracing::debug!(%path, error = chain(&error), "lease not given back, it expires");
        }
    }
}

impl Entry {
    fn holds(&self, now: Timestamp) -> bool {
        let latest = end(now).saturating_add(SKEW).unwrap_or(Timestamp::MAX);
        now < self.expires && self.expires <= latest && !self.process.has_ended()
    }

    fn holder(&self) -> Holder {
        let Process { host, pid, .. } = self.process.clone();
        Holder { host, pid, until: self.expires }
    }
}

/// Damage is no lease.
fn read(path: &std::path::Path) -> Option<Entry> {
    order::read(path).ok().flatten()
}

fn write(path: &std::path::Path, entry: &Entry) -> Result<(), StoreError> {
    let json = serde_json::to_vec(entry).map_err(std::io::Error::from);
    json.and_then(|json| durable::write(path, &json)).map_err(StoreError::io("write", path))
}

fn end(now: Timestamp) -> Timestamp {
    now.saturating_add(TERM).unwrap_or(Timestamp::MAX)
}
