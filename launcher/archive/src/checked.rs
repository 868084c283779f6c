//! Which entries were read in full and found intact: one bit each, shared between threads.

use std::sync::atomic::{AtomicU8, Ordering};

#[derive(Debug)]
pub(crate) struct Checked {
    bytes: Box<[AtomicU8]>,
}

impl Checked {
    /// Takes memory that the system hands out as zeros: with a million entries, opening touches none
    /// of its pages.
    pub fn new(entries: u64) -> Self {
        let zeros = vec![0_u8; entries.div_ceil(8) as usize].into_boxed_slice();
        // SAFETY: an `AtomicU8` has the size, alignment and bit validity of `u8` (its
        // documentation), and the pointer comes from a box that is given up here.
        let bytes = unsafe { Box::from_raw(Box::into_raw(zeros) as *mut [AtomicU8]) };
        Checked { bytes }
    }

    pub fn contains(&self, entry: u64) -> bool {
        let byte = self.bytes.get((entry / 8) as usize);
        byte.is_some_and(|byte| byte.load(Ordering::Relaxed) >> (entry % 8) & 1 == 1)
    }

    pub fn insert(&self, entry: u64) {
        if let Some(byte) = self.bytes.get((entry / 8) as usize) {
            byte.fetch_or(1 << (entry % 8), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_has_a_bit_of_its_own() {
        let checked = Checked::new(20);
        checked.insert(9);
        checked.insert(19);
        let intact: Vec<u64> = (0..24).filter(|entry| checked.contains(*entry)).collect();
        assert_eq!(intact, [9, 19]);
        // Beyond the last byte there is nothing to remember, and nothing to break.
        checked.insert(1000);
        assert!(!checked.contains(1000));
    }
}
