//! Which entries were read in full and found intact: one bit each, shared between threads.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// Entries of one block.
const BLOCK_ENTRIES: u64 = 32 * 1024;
const BLOCK_WORDS: usize = BLOCK_ENTRIES as usize / 64;

type Block = Box<[AtomicU64]>;

/// The bits, in blocks that are made when their first entry was read: opening an archive of a million
/// entries zeroes no memory for them.
#[derive(Debug)]
pub(crate) struct Checked {
    blocks: Box<[OnceLock<Block>]>,
}

impl Checked {
    pub fn new(entries: u64) -> Self {
        Checked { blocks: (0..entries.div_ceil(BLOCK_ENTRIES)).map(|_| OnceLock::new()).collect() }
    }

    pub fn contains(&self, entry: u64) -> bool {
        let block = self.blocks.get((entry / BLOCK_ENTRIES) as usize).and_then(OnceLock::get);
        let word = block.and_then(|block| block.get(word_of(entry)));
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (entry % 64) & 1 == 1)
    }

    pub fn insert(&self, entry: u64) {
        let Some(block) = self.blocks.get((entry / BLOCK_ENTRIES) as usize) else { return };
        let new = || (0..BLOCK_WORDS).map(|_| AtomicU64::new(0)).collect();
        if let Some(word) = block.get_or_init(new).get(word_of(entry)) {
            word.fetch_or(1 << (entry % 64), Ordering::Relaxed);
        }
    }
}

/// The place of an entry's word in its block.
fn word_of(entry: u64) -> usize {
    (entry % BLOCK_ENTRIES / 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_has_a_bit_of_its_own() {
        let checked = Checked::new(3 * BLOCK_ENTRIES);
        let intact = [9, 63, 64, BLOCK_ENTRIES - 1, BLOCK_ENTRIES, 3 * BLOCK_ENTRIES - 1];
        intact.iter().for_each(|entry| checked.insert(*entry));
        let found = (0..4 * BLOCK_ENTRIES).filter(|entry| checked.contains(*entry));
        assert_eq!(found.collect::<Vec<u64>>(), intact);
        // Beyond the last block there is nothing to remember, and nothing to break.
        checked.insert(4 * BLOCK_ENTRIES);
        assert!(!checked.contains(4 * BLOCK_ENTRIES));
    }
}
