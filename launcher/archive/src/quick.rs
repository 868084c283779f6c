//! The quick way to a file: index and local header in a mapped bundle, both as they should be.
//!
//! It looks at four places: pilot, slot, local header, and whether the content was checked
//! before. It allocates nothing and makes no system call. Whatever is out of the ordinary (a name
//! that is not there, a directory, zip64, a stale index, damage) is left to the thorough way, which
//! knows what to say of it: see [`Archive::lookup`].

use crate::{
    Archive, Entry,
    entry::{EntryName, Located},
    index::Index,
    layout::Local,
};

/// The file `name`; `None` says nothing.
pub(crate) fn find<'a>(archive: &'a Archive, index: &Index, name: &str) -> Option<Entry<'a>> {
    let map = archive.source().map()?;
    let (number, slot) = index.find_in(map, name.as_bytes())?;
    let start = usize::try_from(slot.header_offset).ok()?;
    let (fixed, rest) = map.get(start..)?.split_first_chunk()?;
    let local_name = rest.get(..name.len())?;
    // Zip64 is left to the thorough way.
    let local = Local::parse(fixed).filter(|local| !local.is_zip64())?;
    let record = slot.describe(&local).filter(|record| !record.is_directory)?;
    let found = record.key_len() == name.len() && local_name == name.as_bytes();
    found.then(|| {
        Entry::new(archive, EntryName::Mapped(local_name), Located::indexed(number, &record))
    })
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
