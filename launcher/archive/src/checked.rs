//! Which entries were read in full and found intact: one bit each, shared between threads.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Checked {
    words: Box<[AtomicU64]>,
}

impl Checked {
    pub fn new(entries: u64) -> Self {
        Checked { words: (0..entries.div_ceil(64)).map(|_| AtomicU64::new(0)).collect() }
    }

    pub fn contains(&self, entry: u64) -> bool {
        let word = self.words.get((entry / 64) as usize);
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (entry % 64) & 1 == 1)
    }

    pub fn insert(&self, entry: u64) {
        if let Some(word) = self.words.get((entry / 64) as usize) {
            word.fetch_or(1 << (entry % 64), Ordering::Relaxed);
        }
    }
}
