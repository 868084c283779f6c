//! The quick way to a file: index and local header in a mapped bundle, both as they should be.
//!
//! It looks at four places: pilot, record, local header, and whether the content was checked
//! before. It allocates nothing and makes no system call. Whatever is out of the ordinary (a name
//! that is not there, a directory, zip64, a stale index, damage) is left to the thorough way, which
//! knows what to say of it: see [`Archive::lookup`].

use crate::{
    Archive, Entry, Method,
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
        && (record.method == Method::Deflated || record.size == record.compressed_size)
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
