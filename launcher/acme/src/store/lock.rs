//! A lock between processes, held for as long as a file is read and written.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::{Store, StoreError, durable};

/// The lock (flock(2)); given back when it is dropped, and by the system when its process ends.
#[must_use]
pub(super) struct Lock {
    _file: File,
}

/// What is done under the lock takes milliseconds: who waits longer waits for a stopped process.
const PATIENCE: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(5);

impl Store {
    /// Where locks and leases are.
    pub(super) fn locks(&self) -> PathBuf {
        self.directory().join(".lock")
    }

    /// Waits for a moment in which no other process writes.
    pub(super) fn lock(&self) -> Result<Lock, StoreError> {
        // No name begins so: it is none of the leases.
        let path = self.locks().join(".publish");
        durable::directory(&self.locks()).map_err(StoreError::io("make", &self.locks()))?;
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(StoreError::io("open", &path))?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::Error(error)) => {
                    return Err(StoreError::io("lock", &path)(error));
                }
                Err(TryLockError::WouldBlock) if begin.elapsed() > PATIENCE => {
                    return Err(StoreError::Busy { path });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
    }
}
