//! The index: name → where and what, used in place from the file.
//!
//! See [`layout`](crate::layout) for its regions. Opening reads the footer only; a lookup reads one
//! pilot, one record and the local header that stands before the data anyway.

use sha2::{Digest as _, Sha256};

use crate::{
    Error, Flaw, Method,
    layout::{self, End, LIMIT48, Local, get16, get32, get64, put16, put32, put64},
    perfect::{Perfect, Shape},
    source::Source,
};

/// The SHA-256 of an entry's content.
pub type Digest = [u8; 32];

/// The SHA-256 of `content`.
pub fn digest(content: &[u8]) -> Digest {
    Sha256::digest(content).into()
}

const MAGIC: [u8; 8] = *b"holdall\x01";
pub(crate) const FOOTER_LEN: u64 = 128;
const SLOT_LEN: u64 = 16;
const DIGEST_LEN: u64 = 32;
/// A slot without an entry.
const EMPTY: [u8; SLOT_LEN as usize] = [0xff; SLOT_LEN as usize];
const IS_DIRECTORY: u8 = 1;

/// What a slot of the index says of its entry; the local header says the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub header_offset: u64,
    pub mode: u16,
    /// What the local header must say as well: an entry that a zip tool replaced says otherwise.
    pub crc32: u32,
    pub media_type: u8,
    pub is_directory: bool,
    /// The low bits of the hash: most absent names are told apart without a look at the header.
    pub tag: u16,
}

impl Slot {
    fn encode(&self, out: &mut Vec<u8>) {
        put64(out, self.header_offset | u64::from(self.mode) << 48);
        put32(out, self.crc32);
        out.extend_from_slice(&[self.media_type, if self.is_directory { IS_DIRECTORY } else { 0 }]);
        put16(out, self.tag);
    }

    fn decode(bytes: &[u8; SLOT_LEN as usize]) -> Option<Slot> {
        (*bytes != EMPTY).then(|| Slot {
            header_offset: get64(bytes, 0) & (LIMIT48 - 1),
            mode: get16(bytes, 6),
            crc32: get32(bytes, 8),
            media_type: bytes[12],
            is_directory: bytes[13] & IS_DIRECTORY != 0,
            tag: get16(bytes, 14),
        })
    }

    /// The whole of the entry, if its local header is the one that the index was made from.
    pub fn describe(&self, local: &Local) -> Option<Record> {
        let record = Record {
            header_offset: self.header_offset,
            mode: self.mode,
            compressed_size: local.compressed_size,
            name_len: local.name_len,
            size: local.size,
            media_type: self.media_type,
            method: local.method,
            is_directory: self.is_directory,
            crc32: self.crc32,
            extra_len: local.extra_len,
        };
        (local.crc32 == self.crc32 && record.is_possible()).then_some(record)
    }

    /// As [`describe`](Self::describe), with a look at the local header.
    pub fn read(&self, source: &Source) -> Result<Option<Record>, Error> {
        let local = Local::read(source, self.header_offset)?;
        Ok(local.and_then(|local| self.describe(&local)))
    }
}

/// What slot and local header say of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub header_offset: u64,
    pub mode: u16,
    pub compressed_size: u64,
    /// The length of the full name, with a directory's slash.
    pub name_len: u16,
    pub size: u64,
    pub media_type: u8,
    pub method: Method,
    pub is_directory: bool,
    pub crc32: u32,
    /// The length of the local extra fields.
    pub extra_len: u16,
}

impl Record {
    pub fn data_offset(&self) -> u64 {
        self.header_offset
            + (layout::LOCAL_LEN as u64)
            + u64::from(self.name_len)
            + u64::from(self.extra_len)
    }

    /// The length of the name without a directory's slash.
    pub fn key_len(&self) -> usize {
        usize::from(self.name_len).saturating_sub(self.is_directory.into())
    }

    /// Whether its sizes go with its method: what is stored has one size.
    fn is_possible(&self) -> bool {
        self.method == Method::Deflated || self.size == self.compressed_size
    }

    /// What the index says of the entry with this `tag`.
    fn slot(&self, tag: u16) -> Slot {
        Slot {
            header_offset: self.header_offset,
            mode: self.mode,
            crc32: self.crc32,
            media_type: self.media_type,
            is_directory: self.is_directory,
            tag,
        }
    }
}

/// The footer: where the regions are, and the state of the archive that the index describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Index {
    pub entries: u64,
    shape: Shape,
    pub index_offset: u64,
    pub archive_offset: u64,
    pub directory_offset: u64,
    pub directory_size: u64,
    types_len: u32,
    /// CRC-32 of the central directory up to the index's own header, and how far that is.
    directory_crc32: u32,
    directory_covered: u64,
    /// CRC-32 of the packed data of all deflated entries, in the order of the file: different data
    /// may inflate to the same content, and some of its bits mean nothing.
    packed_crc32: u32,
}

impl Index {
    /// Takes the index that ends where the central directory begins, if it describes this `end`.
    ///
    /// `None` if there is none: the archive is not ours or was edited.
    pub fn open(source: &Source, end: &End) -> Result<Option<Index>, Error> {
        let Some(footer_offset) = end.directory_offset.checked_sub(FOOTER_LEN) else {
            return Ok(None);
        };
        let footer = source.array::<{ FOOTER_LEN as usize }>(footer_offset)?;
        if footer[..8] != MAGIC || get32(&footer, 124) != crc32fast::hash(&footer[..124]) {
            return Ok(None);
        }
        let index = Index::decode(&footer);
        let describes_end = index.directory_offset == end.directory_offset
            && index.directory_size == end.directory_size
            && index.entries.checked_add(1) == Some(end.entries);
        Ok((describes_end && index.regions_fit()).then_some(index))
    }

    fn decode(footer: &[u8; FOOTER_LEN as usize]) -> Index {
        Index {
            entries: get64(footer, 8),
            shape: Shape {
                slots: get64(footer, 16),
                buckets: get64(footer, 24),
                seed: get64(footer, 32),
            },
            index_offset: get64(footer, 40),
            archive_offset: get64(footer, 48),
            directory_offset: get64(footer, 56),
            directory_size: get64(footer, 64),
            types_len: get32(footer, 72),
            directory_crc32: get32(footer, 76),
            directory_covered: get64(footer, 80),
            packed_crc32: get32(footer, 88),
        }
    }

    fn encode_footer(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        for value in [
            self.entries,
            self.shape.slots,
            self.shape.buckets,
            self.shape.seed,
            self.index_offset,
            self.archive_offset,
            self.directory_offset,
            self.directory_size,
        ] {
            put64(out, value);
        }
        put32(out, self.types_len);
        put32(out, self.directory_crc32);
        put64(out, self.directory_covered);
        put32(out, self.packed_crc32);
        out.resize(start + 124, 0);
        let crc32 = crc32fast::hash(&out[start..]);
        put32(out, crc32);
    }

    /// Whether the regions fill the space from `index_offset` to the directory, to the byte.
    fn regions_fit(&self) -> bool {
        let largest = self.entries.max(self.shape.slots).max(self.shape.buckets);
        largest < LIMIT48
            && self.index_offset < LIMIT48
            && self.archive_offset <= self.index_offset
            && self.directory_covered <= self.directory_size
            && self.shape.slots >= self.entries
            && self.footer_offset() + FOOTER_LEN == self.directory_offset
    }

    fn digests_offset(&self) -> u64 {
        self.index_offset + self.shape.slots * SLOT_LEN
    }

    fn order_offset(&self) -> u64 {
        self.digests_offset() + self.shape.slots * DIGEST_LEN
    }

    fn pilots_offset(&self) -> u64 {
        self.order_offset() + self.entries * 4
    }

    fn types_offset(&self) -> u64 {
        self.pilots_offset() + self.shape.buckets * 2
    }

    fn footer_offset(&self) -> u64 {
        self.types_offset() + u64::from(self.types_len)
    }

    /// How many slots there are: their numbers are below.
    pub fn slots(&self) -> u64 {
        self.shape.slots
    }

    /// The number of the slot that `key` (a name without a directory's slash) must be in, and what
    /// it says, if it may be about `key`.
    pub fn find(&self, source: &Source, key: &[u8]) -> Result<Option<(u64, Slot)>, Error> {
        if self.entries == 0 {
            return Ok(None);
        }
        let (number, tag) = self.place(source, key)?;
        let slot = self.slot(source, number)?;
        Ok(slot.filter(|slot| slot.tag == tag).map(|slot| (number, slot)))
    }

    /// As [`find`](Self::find), in a mapped file; `None` for what does not lie where it should.
    pub fn find_in(&self, map: &[u8], key: &[u8]) -> Option<(u64, Slot)> {
        let hash = self.shape.hash(key);
        let pilot = array(map, self.pilots_offset() + self.shape.bucket(hash) * 2)?;
        let number = self.shape.slot(hash, u16::from_le_bytes(pilot));
        let slot = Slot::decode(&array(map, self.index_offset + number * SLOT_LEN)?)?;
        (slot.tag == hash as u16).then_some((number, slot))
    }

    /// The slot and the tag of `key`.
    pub fn place(&self, source: &Source, key: &[u8]) -> Result<(u64, u16), Error> {
        let hash = self.shape.hash(key);
        let pilot = source.array::<2>(self.pilots_offset() + self.shape.bucket(hash) * 2)?;
        Ok((self.shape.slot(hash, u16::from_le_bytes(pilot)), hash as u16))
    }

    pub fn slot(&self, source: &Source, number: u64) -> Result<Option<Slot>, Error> {
        Ok(Slot::decode(&source.array(self.index_offset + number * SLOT_LEN)?))
    }

    pub fn digest(&self, source: &Source, slot: u64) -> Result<Digest, Error> {
        source.array(self.digests_offset() + slot * DIGEST_LEN)
    }

    /// The slot of the entry at `position` in the order of names.
    pub fn slot_at(&self, source: &Source, position: u64) -> Result<u64, Error> {
        let offset = self.order_offset() + position * 4;
        let slot = u64::from(u32::from_le_bytes(source.array(offset)?));
        if slot < self.shape.slots { Ok(slot) } else { Err(source.malformed(offset, Flaw::Index)) }
    }

    /// The media type with number `id`; the empty string if there is none.
    pub fn media_type<'a>(
        &self,
        source: &'a Source,
        id: u8,
    ) -> Result<std::borrow::Cow<'a, str>, Error> {
        let mut at = self.types_offset();
        let end = self.footer_offset();
        for _ in 0..id {
            at += 1 + u64::from(source.array::<1>(at)?[0]);
            if at >= end {
                break;
            }
        }
        if at >= end {
            return Ok("".into());
        }
        let length = u64::from(source.array::<1>(at)?[0]).min(end - at - 1);
        let invalid = || source.malformed(at, Flaw::Index);
        Ok(match source.bytes(at + 1, length)? {
            std::borrow::Cow::Borrowed(bytes) => {
                std::str::from_utf8(bytes).map_err(|_| invalid())?.into()
            }
            std::borrow::Cow::Owned(bytes) => {
                String::from_utf8(bytes).map_err(|_| invalid())?.into()
            }
        })
    }

    /// All media types, by number.
    pub fn media_types(&self, source: &Source) -> Result<Vec<Box<str>>, Error> {
        let table = source.bytes(self.types_offset(), self.types_len.into())?;
        let mut rest = &*table;
        let mut types = Vec::new();
        while let Some((length, tail)) = rest.split_first() {
            let invalid = || source.malformed(self.types_offset(), Flaw::Index);
            let (name, tail) = tail.split_at_checked((*length).into()).ok_or_else(invalid)?;
            types.push(std::str::from_utf8(name).map_err(|_| invalid())?.into());
            rest = tail;
        }
        Ok(types)
    }

    /// The CRC-32 that the covered part of the central directory must have.
    pub fn directory_crc32(&self) -> u32 {
        self.directory_crc32
    }

    /// Whether the central directory is the one that the index was made from, and the index itself
    /// is what its own central header, which comes last, says: only then what the index does not
    /// know is absent.
    pub fn is_fresh(&self, source: &Source) -> Result<bool, Error> {
        let crc32 = |offset, length| {
            let mut crc32 = crc32fast::Hasher::new();
            source.for_each_chunk(offset, length, &mut |chunk| crc32.update(chunk))?;
            Ok::<u32, Error>(crc32.finalize())
        };
        if crc32(self.directory_offset, self.directory_covered)? != self.directory_crc32
            || self.directory_size - self.directory_covered < layout::CENTRAL_LEN as u64
        {
            return Ok(false);
        }
        let header = source
            .array::<{ layout::CENTRAL_LEN }>(self.directory_offset + self.directory_covered)?;
        let length = self.directory_offset - self.index_offset;
        Ok(get32(&header, 16) == crc32(self.index_offset, length)?)
    }

    /// Whether there are so many entries that two in a row are seldom near each other.
    pub fn is_large(&self) -> bool {
        const LARGE: u64 = 1024 * 1024;
        self.directory_offset - self.index_offset > LARGE
    }
}

/// An entry for the builder.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// The full name; a directory's ends in `/`.
    pub name: Box<str>,
    pub record: Record,
    pub digest: Digest,
}

/// Where an index will stand, and the central directory that it describes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    pub index_offset: u64,
    pub archive_offset: u64,
    pub directory_size: u64,
    pub directory_crc32: u32,
    pub directory_covered: u64,
    pub packed_crc32: u32,
}

/// The index of a set of entries, before it is known where it will stand.
#[derive(Debug)]
pub(crate) struct Builder {
    perfect: Perfect,
    /// For each slot, the position of its item.
    items: Vec<Option<u32>>,
    /// The positions of the items in the order of their names.
    order: Vec<u32>,
    types: Vec<u8>,
}

impl Builder {
    /// `None` if the names were crafted so that no index can hold them.
    pub fn new(items: &[Item], types: &[Box<str>]) -> Option<Builder> {
        let perfect = Perfect::build(items.iter().map(|item| key(&item.name)))?;
        let mut slots = vec![None; perfect.shape.slots as usize];
        for (position, slot) in perfect.slots.iter().enumerate() {
            slots[*slot as usize] = Some(position as u32);
        }
        let mut order: Vec<u32> = (0..items.len() as u32).collect();
        order.sort_by(|a, b| items[*a as usize].name.cmp(&items[*b as usize].name));
        Some(Builder { perfect, items: slots, order, types: encode_types(types) })
    }

    /// The length of the index in bytes.
    pub fn len(&self) -> u64 {
        self.perfect.shape.slots * (SLOT_LEN + DIGEST_LEN)
            + self.order.len() as u64 * 4
            + self.perfect.pilots.len() as u64 * 2
            + self.types.len() as u64
            + FOOTER_LEN
    }

    /// The bytes of the index.
    pub fn encode(&self, items: &[Item], frame: Frame) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len() as usize);
        for slot in &self.items {
            match slot.map(|position| &items[position as usize]) {
                Some(item) => {
                    let tag = self.perfect.shape.hash(key(&item.name)) as u16;
                    item.record.slot(tag).encode(&mut out);
                }
                None => out.extend_from_slice(&EMPTY),
            }
        }
        for slot in &self.items {
            out.extend_from_slice(
                &slot.map_or([0; 32], |position| items[position as usize].digest),
            );
        }
        for position in &self.order {
            put32(&mut out, self.perfect.slots[*position as usize] as u32);
        }
        for pilot in &self.perfect.pilots {
            put16(&mut out, *pilot);
        }
        out.extend_from_slice(&self.types);
        self.footer(items.len() as u64, frame).encode_footer(&mut out);
        out
    }

    fn footer(&self, entries: u64, frame: Frame) -> Index {
        Index {
            entries,
            shape: self.perfect.shape,
            index_offset: frame.index_offset,
            archive_offset: frame.archive_offset,
            directory_offset: frame.index_offset + self.len(),
            directory_size: frame.directory_size,
            types_len: self.types.len() as u32,
            directory_crc32: frame.directory_crc32,
            directory_covered: frame.directory_covered,
            packed_crc32: frame.packed_crc32,
        }
    }
}

/// `N` bytes at `offset` of a mapped file.
fn array<const N: usize>(map: &[u8], offset: u64) -> Option<[u8; N]> {
    map.get(usize::try_from(offset).ok()?..)?.first_chunk().copied()
}

/// A name as it is looked up: without a directory's slash.
fn key(name: &str) -> &[u8] {
    name.strip_suffix('/').unwrap_or(name).as_bytes()
}

fn encode_types(types: &[Box<str>]) -> Vec<u8> {
    types.iter().flat_map(|name| std::iter::once(name.len() as u8).chain(name.bytes())).collect()
}
