//! One thread: what the calls of this package need, as they act on a single thread of the kernel's.

use std::fs;
use std::io;

/// The process is not as single-threaded as fork(2), setresuid(2) and Landlock need it to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThreadsError {
    /// Other threads would go on with what this one gives up.
    #[error("{count} threads run where only one may; start them after this")]
    Several {
        /// How many there are.
        count: usize,
    },
    /// There is no `/proc`, for example.
    #[error("/proc/self/task can't be read, so the threads can't be counted")]
    Unknown {
        /// What the kernel said.
        source: io::Error,
    },
}

/// Fails unless the calling thread is the only one.
pub(crate) fn require_one() -> Result<(), ThreadsError> {
    let tasks = fs::read_dir("/proc/self/task");
    let count = tasks.map_err(|source| ThreadsError::Unknown { source })?.count();
    if count == 1 { Ok(()) } else { Err(ThreadsError::Several { count }) }
}
