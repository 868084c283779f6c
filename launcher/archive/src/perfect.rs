//! A perfect hash: every name of the index has a slot of its own, so a lookup looks at one record.
//!
//! Hash and displace: the names fall into buckets of about four; each bucket has a *pilot*, a
//! number that the builder searched for, with which all its names land in free slots.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Names in a bucket, on average: more make a smaller table and a longer search.
const BUCKET_SIZE: u64 = 4;
/// One slot in this many is left free: the last buckets find theirs faster.
const SLACK: u64 = 64;

/// How many seeds are tried; the first all but always suits.
const SEEDS: u64 = 32;

/// The size of the tables, and the seed that makes the hashes of all names differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub seed: u64,
    pub slots: u64,
    pub buckets: u64,
}

impl Shape {
    fn new(names: u64, seed: u64) -> Self {
        Shape { seed, slots: names + names / SLACK, buckets: names.div_ceil(BUCKET_SIZE) }
    }

    pub fn hash(&self, key: &[u8]) -> u64 {
        xxh3_64_with_seed(key, self.seed)
    }

    /// The bucket of a hash, below `buckets`.
    pub fn bucket(&self, hash: u64) -> u64 {
        scale(hash, self.buckets)
    }

    /// The slot of a hash under its bucket's pilot, below `slots`.
    pub fn slot(&self, hash: u64, pilot: u16) -> u64 {
        let mixed = (hash ^ u64::from(pilot).wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xff51_afd7_ed55_8ccd);
        scale((mixed ^ mixed >> 32).wrapping_mul(0xc4ce_b9fe_1a85_ec53), self.slots)
    }
}

/// Maps a hash evenly to `0..range`.
fn scale(hash: u64, range: u64) -> u64 {
    ((u128::from(hash) * u128::from(range)) >> 64) as u64
}

/// The tables for a set of distinct keys.
#[derive(Debug)]
pub(crate) struct Perfect {
    pub shape: Shape,
    pub pilots: Vec<u16>,
    /// The slot of each key, in the order of the keys.
    pub slots: Vec<u64>,
}

impl Perfect {
    /// Searches the pilots; the same keys give the same tables.
    ///
    /// `None` if no seed suits: only keys that were crafted to collide, or equal ones, get there.
    pub fn build<'k>(keys: impl ExactSizeIterator<Item = &'k [u8]> + Clone) -> Option<Perfect> {
        let count = keys.len() as u64;
        // A seed fails if two hashes are equal or a bucket finds no pilot; another will do.
        (0..SEEDS).find_map(|seed| {
            let shape = Shape::new(count, seed);
            let hashes: Vec<u64> = keys.clone().map(|key| shape.hash(key)).collect();
            let pilots = search(&shape, &hashes)?;
            let slot = |hash: &u64| shape.slot(*hash, pilots[shape.bucket(*hash) as usize]);
            let slots = hashes.iter().map(slot).collect();
            Some(Perfect { shape, pilots, slots })
        })
    }
}

/// A pilot for every bucket, the fullest first; `None` if one has none.
fn search(shape: &Shape, hashes: &[u64]) -> Option<Vec<u16>> {
    let buckets = group(shape, hashes);
    let mut order: Vec<usize> = (0..buckets.len()).collect();
    order.sort_by_key(|&bucket| std::cmp::Reverse(buckets[bucket].len()));
    let mut taken = vec![false; shape.slots as usize];
    let mut pilots = vec![0; shape.buckets as usize];
    let mut slots = Vec::new();
    for bucket in order {
        pilots[bucket] = (0..=u16::MAX).find(|&pilot| {
            slots.clear();
            slots.extend(buckets[bucket].iter().map(|&hash| shape.slot(hash, pilot) as usize));
            slots.sort_unstable();
            slots.windows(2).all(|pair| pair[0] != pair[1])
                && slots.iter().all(|&slot| !taken[slot])
        })?;
        for &hash in &buckets[bucket] {
            taken[shape.slot(hash, pilots[bucket]) as usize] = true;
        }
    }
    Some(pilots)
}

fn group(shape: &Shape, hashes: &[u64]) -> Vec<Vec<u64>> {
    let mut buckets = vec![Vec::new(); shape.buckets as usize];
    for &hash in hashes {
        buckets[shape.bucket(hash) as usize].push(hash);
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_slot_of_its_own() {
        for count in [0, 1, 2, 3, 31, 32, 1000, 20_000] {
            let keys: Vec<String> = (0..count).map(|n| format!("data/{n}.html")).collect();
            let perfect = Perfect::build(keys.iter().map(|key| key.as_bytes())).unwrap();
            let mut slots = perfect.slots.clone();
            slots.sort_unstable();
            slots.dedup();
            assert_eq!(slots.len(), count);
            assert!(slots.last().is_none_or(|&slot| slot < perfect.shape.slots));
        }
    }

    #[test]
    fn keys_that_collide_under_every_seed_end_the_search() {
        assert!(Perfect::build([&b"same"[..], b"same"].into_iter()).is_none());
    }
}
