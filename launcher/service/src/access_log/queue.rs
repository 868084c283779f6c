//! The lines between the requests that make them and the thread that writes them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdall_log::Lines;

/// As many bytes are written without waiting for more.
const BATCH: usize = 8 * 1024;

/// The most bytes that wait: the writer may have to wait for a processor that requests keep busy.
const MOST: usize = 4 * 1024 * 1024;

/// What the buffers keep after a rush.
const KEPT: usize = 8 * BATCH;

/// The longest that a line waits for others.
const DELAY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// What is being written; holding it keeps the order of the lines.
    writing: Mutex<Vec<u8>>,
    lines: Lines,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    lost: u64,
    is_ended: bool,
}

impl Queue {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            writing: Mutex::default(),
            lines,
        }
    }

    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = lock(&self.waiting);
        let before = waiting.bytes.len();
        let after = before + line.len();
        if after > MOST {
            waiting.lost += 1;
            return;
        }
        waiting.bytes.extend_from_slice(line);
        drop(waiting);
        if before == 0 || (before < BATCH && after >= BATCH) {
            self.changed.notify_one();
        }
    }

    /// Writes until the [end](Self::end).
    pub(super) fn run(&self) {
        let mut is_ended = false;
        while !is_ended {
            is_ended = self.wait();
            self.drain();
        }
    }

    pub(super) fn end(&self) {
        lock(&self.waiting).is_ended = true;
        self.changed.notify_one();
    }

    /// Writes what waits, and returns after it and all before it was written.
    pub(super) fn drain(&self) {
        let mut writing = lock(&self.writing);
        let mut waiting = lock(&self.waiting);
        std::mem::swap(&mut waiting.bytes, &mut *writing);
        let lost = std::mem::take(&mut waiting.lost);
        drop(waiting);
        self.lines.write(&writing);
        writing.clear();
        writing.shrink_to(KEPT);
        drop(writing);
        let lost = lost + self.lines.take_lost();
        if lost > 0 {
            tracing::warn!(lines = lost, "lines of the access log were lost");
        }
    }

    /// Waits until it is worth while to write; tells whether it was for the last time.
    fn wait(&self) -> bool {
        let idle = |waiting: &mut Waiting| waiting.bytes.is_empty() && !waiting.is_ended;
        let few = |waiting: &mut Waiting| waiting.bytes.len() < BATCH && !waiting.is_ended;
        let waiting = self.changed.wait_while(lock(&self.waiting), idle);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let waiting = self.changed.wait_timeout_while(waiting, DELAY, few);
        waiting.unwrap_or_else(PoisonError::into_inner).0.is_ended
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is half done where a holder of the lock could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
