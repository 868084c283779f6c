//! What others see of the manager while it works.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Name, State, Status};

/// The state of all names, and whether the engine is alive.
#[derive(Debug)]
pub(crate) struct Shared {
    statuses: Mutex<BTreeMap<Name, Status>>,
    restarts: AtomicU32,
    began: Instant,
    /// Milliseconds since `began`.
    beat: AtomicU64,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            statuses: Mutex::default(),
            restarts: AtomicU32::new(0),
            began: Instant::now(),
            beat: AtomicU64::new(0),
        }
    }
}

impl Shared {
    pub fn statuses(&self) -> Vec<Status> {
        self.lock().values().cloned().collect()
    }

    pub fn set(&self, name: &Name, status: Status) {
        self.lock().insert(name.clone(), status);
    }

    /// Moves a name on, and tells the log.
    pub fn transition(&self, name: &Name, to: State, authority: &str) {
        let mut statuses = self.lock();
        let Some(status) = statuses.get_mut(name) else { return };
        let from = std::mem::replace(&mut status.state, to);
        let attempt = status.attempts + 1;
        if from != to {
            tracing::info!(domain = %name, %from, %to, authority, attempt, "certificate");
        }
    }

    pub fn remove(&self, name: &Name) {
        self.lock().remove(name);
    }

    pub fn restarts(&self) -> u32 {
        self.restarts.load(Relaxed)
    }

    pub fn restarted(&self) {
        self.restarts.fetch_add(1, Relaxed);
    }

    /// The engine is alive.
    pub fn beat(&self) {
        let beat = self.began.elapsed().as_millis();
        self.beat.store(u64::try_from(beat).unwrap_or(u64::MAX), Relaxed);
    }

    /// How long ago the engine was seen alive.
    pub fn silence(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.beat.load(Relaxed)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Status>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
