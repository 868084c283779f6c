//! Any bytes as a bundle: opened, listed, read and verified; no panic, no more memory than content.
#![no_main]

use std::{fs::File, io::Write};

use holdall_archive::{Archive, Entry, Error, Lookup};
use libfuzzer_sys::fuzz_target;

/// More listed entries than a file of the fuzzer's size can have headers for.
const ENTRIES_MAX: usize = 100_000;

fuzz_target!(|bytes: &[u8]| {
    open(bytes);
    let mut sealed = bytes.to_vec();
    if seal(&mut sealed).is_some() {
        open(&sealed);
    }
});

fn open(bytes: &[u8]) {
    let file = rustix::fs::memfd_create("fuzz", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(file);
    file.write_all(bytes).unwrap();
    if let Ok(archive) = Archive::from_file(file, "fuzz".into()) {
        read(&archive);
    }
}

/// Puts the checksums of the index right, which no mutation would hit: hostile, not damaged.
fn seal(bytes: &mut [u8]) -> Option<()> {
    let end = bytes.len().checked_sub(22)?;
    let directory = usize::try_from(number(bytes, end + 16, 4)?).ok()?;
    let footer = directory.checked_sub(128)?;
    if bytes.get(footer..footer + 8)? != b"holdall\x01" {
        return None;
    }
    let covered = usize::try_from(number(bytes, footer + 80, 8)?).ok()?;
    let header = directory.checked_add(covered)?;
    let crc32 = crc32fast::hash(bytes.get(directory..header)?);
    put(bytes, footer + 76, crc32)?;
    let crc32 = crc32fast::hash(bytes.get(footer..footer + 124)?);
    put(bytes, footer + 124, crc32)?;
    let index = usize::try_from(number(bytes, footer + 40, 8)?).ok()?;
    let crc32 = crc32fast::hash(bytes.get(index..directory)?);
    put(bytes, header.checked_add(16)?, crc32)
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(length)?)?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn put(bytes: &mut [u8], at: usize, value: u32) -> Option<()> {
    bytes.get_mut(at..at.checked_add(4)?)?.copy_from_slice(&value.to_le_bytes());
    Some(())
}

fn read(archive: &Archive) {
    let _ = archive.index_state();
    let _ = walk(archive);
    let _ = archive.children("");
    for name in ["data", "data/a.txt", "absent", "data/absent"] {
        if let Ok(Lookup::File(entry)) = archive.lookup(name) {
            both_ways(&entry);
        }
    }
    let _ = archive.verify(&mut |_| ());
}

fn walk(archive: &Archive) -> Result<(), Error> {
    let mut count = 0;
    for entry in archive.entries_under("")? {
        let entry = entry?;
        both_ways(&entry);
        let _ = (entry.media_type(), entry.digest());
        count += 1;
        assert!(count < ENTRIES_MAX, "a walk ends");
        if let Some((directory, _)) = entry.name().rsplit_once('/') {
            let _ = archive.children(directory);
        }
    }
    Ok(())
}

/// Content comes in full and checked, at once as in pieces, or not at all.
fn both_ways(entry: &Entry<'_>) {
    let mut pieces = Vec::new();
    let in_pieces = entry
        .reader()
        .and_then(|mut reader| reader.read_to_end_with(&mut |piece| pieces.extend(piece)));
    match entry.bytes() {
        Ok(content) => {
            assert_eq!(content.len() as u64, entry.size());
            assert!(in_pieces.is_ok() && *content == *pieces);
        }
        Err(_) => assert!(in_pieces.is_err()),
    }
}
