//! The quick way to a file: index and local header in a mapped bundle, both as they should be.
//!
//! It looks at four places: pilot, record, local header, and whether the content was checked
//! before. It allocates nothing and makes no system call. Whatever is out of the ordinary (a name
//! that is not there, a directory, zip64, a stale index, damage) is left to the thorough way, which
//! knows what to say of it: see [`Archive::lookup`].

use crate::{
    Archive, Entry,
    entry::{EntryName, Located},
    index::{Index, Record},
    layout::{LOCAL_LEN, LOCAL_SIGNATURE, SENTINEL32, get16, get32},
};

/// The file `name`; `None` says nothing.
pub(crate) fn find<'a>(archive: &'a Archive, index: &Index, name: &str) -> Option<Entry<'a>> {
    let map = archive.source().map()?;
    let (slot, record) = index.find_in(map, name.as_bytes())?;
    let start = usize::try_from(record.header_offset).ok()?;
    let header = map.get(start..)?.get(..LOCAL_LEN + name.len())?;
    let (header, local_name) = header.split_at(LOCAL_LEN);
    let found = is_file(&record) && agrees(header, &record) && local_name == name.as_bytes();
    found.then(|| {
        Entry::new(archive, EntryName::Mapped(local_name), Located::indexed(slot, &record))
    })
}

/// Zip64 and empty sizes aside, which the thorough way knows.
fn is_file(record: &Record) -> bool {
    !record.is_directory
        && record.size.max(record.compressed_size) < SENTINEL32.into()
        && record.is_possible()
}

/// Whether the local header says what the index says of it (invariant 4 of the layout).
fn agrees(header: &[u8], record: &Record) -> bool {
    get32(header, 0) == LOCAL_SIGNATURE
        && get16(header, 8) == record.method.number()
        && get32(header, 14) == record.crc32
        && get32(header, 18) == record.compressed_size as u32
        && get32(header, 22) == record.size as u32
        && get16(header, 26) == record.name_len
        && get16(header, 28) == record.extra_len
}

#[cfg(test)]
mod tests {
    use std::{fs::File, path::Path};

    use super::*;
    use crate::{DosTime, Name, Packed, Writer, source::Source};

    const NAMES: [&str; 4] = ["data/a", "data/größe", "data/other", "top"];

    fn write(path: &Path) -> Vec<u8> {
        let file = File::create(path).unwrap();
        let mut writer = Writer::new(file, path, &[], DosTime::EARLIEST).unwrap();
        for name in &NAMES[..3] {
            let packed = Packed::stored(format!("content of {name}").into_bytes());
            writer.add(Name::new(name).unwrap(), 0o644, "text/plain", &packed).unwrap();
        }
        writer.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    /// What comes of a name: its content, nothing, or an error.
    fn outcome(archive: &Archive, name: &str) -> Result<Option<Vec<u8>>, ()> {
        let Some(entry) = archive.find(name).map_err(drop)? else { return Ok(None) };
        assert_eq!(entry.name(), name);
        Ok(Some(entry.bytes().map_err(drop)?.into_owned()))
    }

    #[test]
    fn both_ways_come_to_the_same_with_any_byte_damaged() {
        let directory = tempfile::tempdir().unwrap();
        let intact = write(&directory.path().join("intact"));
        for at in 0..intact.len() {
            let path = directory.path().join("damaged");
            let mut bytes = intact.clone();
            bytes[at] ^= 0x15;
            std::fs::write(&path, &bytes).unwrap();
            let Ok(thorough) = Archive::open(&path) else { continue };
            // Nobody writes to the file while it is mapped.
            let source = Source::running(File::open(&path).unwrap(), path.clone()).unwrap();
            let quick = Archive::new(source).unwrap();
            for name in NAMES {
                assert_eq!(outcome(&quick, name), outcome(&thorough, name), "byte {at}, {name}");
            }
            drop(quick);
            std::fs::remove_file(&path).unwrap();
        }
    }
}
