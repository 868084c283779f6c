//! Checking every byte of a bundle against what the format and the bundle itself say it must be.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::{
    Archive, Content, Digest, Entry, Error, Flaw, INDEX, IndexState, Method,
    content::ContentDigest,
    entry::{EntryName, Located},
    error::Field,
    index::{Builder, Frame, Index, Item, Record},
    layout::{End, Header, INDEX_MODE, LIMIT48},
    note::{DESCRIPTION_LEN, Executable},
    scan::{Scan, Scanned},
};

/// What a verification found; the manifest says what digests it must have found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The number of entries, with directories and the bundle's own.
    pub entries: u64,
    /// What the entries hold together.
    pub content: Content,
    /// The SHA-256 of what stands before the archive, the note's description read as zeros.
    pub prefix_digest: Digest,
    /// The length of what stands before the archive, in bytes.
    pub prefix_len: u64,
}

impl Archive {
    /// Reads the whole file and hands every damage to `problem`.
    ///
    /// Of a bundle as the bundler wrote it, every bit is determined: by a CRC-32, by a digest, or by
    /// being what the writer would write again. Of an edited one, the CRC-32s are.
    ///
    /// # Errors
    /// If the structure is too damaged to go on, or the file can't be read.
    pub fn verify(&self, problem: &mut dyn FnMut(Error)) -> Result<Verified, Error> {
        let mut scan = Scan::read(self.source(), self.end())?;
        let archive_offset = scan.archive_offset;
        check_note(self, archive_offset, problem);
        scan.entries.sort_unstable_by_key(|entry| entry.header_offset);
        let index = match self.index_state()? {
            IndexState::Used => self.index(),
            IndexState::Absent | IndexState::Stale => {
                problem(self.source().malformed(self.end().directory_offset, Flaw::Edited));
                None
            }
        };
        let mut items = Vec::with_capacity(scan.entries.len());
        for entry in &scan.entries {
            match check_content(self, entry) {
                Ok(digest) => items.push(item_of(entry, digest)),
                Err(error) => problem(error),
            }
        }
        let mut content = ContentDigest::new();
        let types = match index {
            Some(index) => check_canonical(self, index, &scan, &mut items, problem)?,
            None => vec!["".into()],
        };
        items.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for item in &items {
            let media_type =
                types.get(usize::from(item.record.media_type)).map_or("", |name| &**name);
            content.add(&item.name, item.record.mode, media_type, item.record.size, &item.digest);
        }
        Ok(Verified {
            entries: scan.entries.len() as u64,
            content: content.finish(),
            prefix_digest: prefix_digest(self, archive_offset)?,
            prefix_len: archive_offset,
        })
    }
}

/// The lengths in the note are those of the file.
fn check_note(archive: &Archive, archive_offset: u64, problem: &mut dyn FnMut(Error)) {
    let source = archive.source();
    let Some(executable) =
        Executable::examine_source(source).filter(|executable| executable.has_note)
    else {
        return;
    };
    let pairs = [
        (Field::FileLength, executable.lengths.file, source.len()),
        (Field::PrefixLength, executable.lengths.prefix, archive_offset),
    ];
    for (field, expected, found) in pairs {
        if expected != found {
            problem(source.malformed(
                executable.description_offset,
                Flaw::Mismatch { field, expected, found },
            ));
        }
    }
    let rest = source.array::<8>(executable.description_offset + DESCRIPTION_LEN as u64 - 8);
    if let Ok(rest) = rest.map(u64::from_le_bytes)
        && rest != 0
    {
        problem(source.malformed(
            executable.description_offset + 16,
            Flaw::Value { field: Field::Padding, found: rest },
        ));
    }
}

/// Reads an entry, checks its CRC-32, and returns its digest.
fn check_content(archive: &Archive, entry: &Scanned) -> Result<Digest, Error> {
    let entry = Entry::new(
        archive,
        EntryName::Known(Cow::Borrowed(&entry.name)),
        Located::unchecked(entry),
    );
    if entry.is_directory() {
        entry.check_crc32(0)?;
        return Ok([0; 32]);
    }
    entry.content_digest()
}

/// Writes headers, index and end record again from what was read, and compares; returns the media
/// types by number.
fn check_canonical(
    archive: &Archive,
    index: &Index,
    scan: &Scan,
    items: &mut Vec<Item>,
    problem: &mut dyn FnMut(Error),
) -> Result<Vec<Box<str>>, Error> {
    check_headers(archive, scan, problem)?;
    let complete = items.len() == scan.entries.len();
    items.retain(|item| *item.name != *INDEX);
    for item in items.iter_mut() {
        complete_from_index(archive, index, item, problem)?;
    }
    let types = index.media_types(archive.source())?;
    // An index without a damaged entry would differ, which is no news.
    let Some(index_entry) = scan.entries.last().filter(|_| complete) else { return Ok(types) };
    let mut index_header = Vec::new();
    header_of_scanned(index_entry).write_central(&mut index_header);
    let directory_size = archive.end().directory_size;
    let frame = Frame {
        index_offset: index_entry.data_offset,
        archive_offset: scan.archive_offset,
        directory_size,
        // Compared when the index was found fresh, over the part that it claims to cover.
        directory_crc32: index.directory_crc32(),
        directory_covered: directory_size.saturating_sub(index_header.len() as u64),
        packed_crc32: packed_crc32(archive, scan)?,
    };
    let expected = Builder::new(items, &types).map(|builder| builder.encode(items, frame));
    let expected = expected.unwrap_or_default();
    let same = expected.len() as u64 == index_entry.size
        && archive.source().equals(index_entry.data_offset, &expected)?;
    // The mode of the index is in no digest.
    if !same || index_entry.mode != INDEX_MODE {
        problem(archive.source().malformed(index_entry.data_offset, Flaw::Index));
    }
    Ok(types)
}

/// The CRC-32 of the packed data of all deflated entries, which are in the order of the file.
fn packed_crc32(archive: &Archive, scan: &Scan) -> Result<u32, Error> {
    let mut crc32 = crc32fast::Hasher::new();
    for entry in scan.entries.iter().filter(|entry| entry.method == Method::Deflated) {
        let (offset, length) = (entry.data_offset, entry.compressed_size);
        archive.source().for_each_chunk(offset, length, &mut |chunk| crc32.update(chunk))?;
    }
    Ok(crc32.finalize())
}

/// Local headers, central headers and the end record are as the writer would write them.
fn check_headers(
    archive: &Archive,
    scan: &Scan,
    problem: &mut dyn FnMut(Error),
) -> Result<(), Error> {
    let (source, end) = (archive.source(), archive.end());
    let mut central_offset = end.directory_offset;
    let mut expected = Vec::new();
    for entry in &scan.entries {
        let header = header_of_scanned(entry);
        expected.clear();
        header.write_local(&mut expected);
        if !source.equals(header.file_offset, &expected)? {
            problem(source.malformed(
                header.file_offset,
                Flaw::NotCanonical { structure: "the local header" },
            ));
        }
        expected.clear();
        header.write_central(&mut expected);
        if !source.equals(central_offset, &expected)? {
            problem(
                source.malformed(
                    central_offset,
                    Flaw::NotCanonical { structure: "the central header" },
                ),
            );
        }
        central_offset += expected.len() as u64;
    }
    expected.clear();
    End::write(end, &mut expected);
    let fits = central_offset + expected.len() as u64 == source.len();
    if !fits || !source.equals(central_offset, &expected)? {
        problem(
            source.malformed(central_offset, Flaw::NotCanonical { structure: "the end record" }),
        );
    }
    Ok(())
}

/// Takes from the index what only it knows, the media type, and compares the digest.
fn complete_from_index(
    archive: &Archive,
    index: &Index,
    item: &mut Item,
    problem: &mut dyn FnMut(Error),
) -> Result<(), Error> {
    let source = archive.source();
    let key = item.name.strip_suffix('/').unwrap_or(&item.name).as_bytes();
    let Some((number, slot)) = index.find(source, key)? else {
        problem(source.malformed(index.index_offset, Flaw::Index));
        return Ok(());
    };
    item.record.media_type = slot.media_type;
    if index.digest(source, number)? != item.digest {
        let flaw = Flaw::DigestMismatch { name: item.name.to_string() };
        problem(source.malformed(item.record.header_offset, flaw));
    }
    Ok(())
}

fn header_of_scanned(entry: &Scanned) -> Header<'_> {
    Header {
        name: entry.name.as_bytes(),
        method: entry.method,
        time: entry.time,
        crc32: entry.crc32,
        compressed_size: entry.compressed_size,
        size: entry.size,
        mode: entry.mode,
        file_offset: entry.header_offset,
    }
}

fn item_of(entry: &Scanned, digest: Digest) -> Item {
    let header = header_of_scanned(entry);
    let record = Record {
        header_offset: entry.header_offset,
        mode: entry.mode,
        compressed_size: entry.compressed_size,
        name_len: entry.name.len() as u16,
        size: entry.size,
        media_type: 0,
        method: entry.method,
        is_directory: entry.is_directory(),
        crc32: entry.crc32,
        extra_len: header.local_extra_len(),
    };
    debug_assert!(entry.size < LIMIT48);
    Item { name: entry.name.clone(), record, digest }
}

/// The SHA-256 of what stands before the archive, with the note's description as zeros.
fn prefix_digest(archive: &Archive, archive_offset: u64) -> Result<Digest, Error> {
    let source = archive.source();
    let note = Executable::examine_source(source).filter(|executable| executable.has_note);
    let mut sha256 = Sha256::new();
    let mut start = 0;
    if let Some(executable) = note {
        source
            .for_each_chunk(0, executable.description_offset, &mut |chunk| sha256.update(chunk))?;
        sha256.update([0; DESCRIPTION_LEN]);
        start = executable.description_offset + DESCRIPTION_LEN as u64;
    }
    let rest = archive_offset.saturating_sub(start);
    source.for_each_chunk(start, rest, &mut |chunk| sha256.update(chunk))?;
    Ok(sha256.finalize().into())
}
