//! The byte layout of a bundle: every constant, every fixed-size structure, every invariant.
//!
//! A bundle is an ELF executable with a zip archive appended. All zip offsets count from the first
//! byte of the **file** (basis `file_offset`), never from the start of the archive.
//!
//! ```text
//! 0                 ELF executable (its `.note.holdall` holds the file's length), zero bytes to 8
//! archive_offset    local header  .holdall/manifest.json     data
//!                   local header  .holdall/bin/NAME          data      (payload, if there is one)
//!                   local header  data/                                (directories are explicit)
//!                   local header  data/index.html            data
//!                   local header  .holdall/variants/data/index.html.br  (its variants, stored)
//!                   …                                                  sorted by name
//!                   local header  .holdall/signatures/KEY.minisig      (of the manifest, if it is signed)
//!                   local header  .holdall/index
//!   index_offset      slots     slots × 16 bytes
//!                     digests   slots × 32 bytes   SHA-256 of the content
//!                     order     entries × u32      slots, in the order of names
//!                     pilots    buckets × u16      the perfect hash
//!                     types     n × (u8 length, media type)
//!                     footer    128 bytes
//! directory_offset  central directory
//!                   [zip64 end record, zip64 locator]                  only where needed
//!                   end record, 22 bytes: the last of the file
//! ```
//!
//! A slot, little-endian: u48 offset of the local header, u16 mode, u32 CRC-32, u8 media type, u8
//! directory or not, u16 tag; all ones where it is empty. What it does not say, the local header
//! says, which stands before the data and is looked at anyway.
//!
//! The footer, little-endian: `holdall\x01`; u64 entries, slots, buckets, seed, index_offset,
//! archive_offset, directory_offset, directory_size; u32 length of the types, u32 CRC-32 of the
//! central directory before the index's own header, u64 how many bytes that is, u32 CRC-32 of the
//! packed data of all deflated entries; zeros; u32 CRC-32 of the 124 bytes before it.
//!
//! Source for the zip structures: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12
//! (central header), 4.3.14 and 4.3.15 (zip64), 4.3.16 (end record), 4.5.3 (zip64 extra field).
//!
//! # Invariants
//! 1. The end record ends the file; its comment is empty.
//! 2. The central directory ends where the end record (or the zip64 end record) begins.
//! 3. Entries tile the file from `archive_offset` to `directory_offset`: no gap, no overlap.
//! 4. A local header and its central header say the same of name, flags, method, CRC-32 and sizes.
//! 5. Methods are stored (0) and deflate (8). No data descriptor, no encryption, no comment.
//! 6. A directory's name ends in `/`, it has no data; every parent of an entry has its own entry.
//! 7. Names are [`Name`](crate::Name)s, UTF-8, unique; the bundler sorts them bytewise after manifest
//!    and payload, and puts the variants of a resource behind it. No reader relies on the order.
//! 8. zip64 appears where a value needs it, and then with the sentinel in the 32-bit field.
//! 9. A stored entry of [`PAGE_FROM`] bytes or more begins on a page; the padding is one extra field
//!    [`EXTRA_ALIGNMENT`], zero-filled. Others begin where the header ends: no reader of bytes gains
//!    from more, and padding would cost a small file more than its index.
//! 10. `.holdall/index` is stored, the last entry, and ends where the central directory begins.
//! 11. The index is a function of the other entries: building it again gives the same bytes.

use crate::{Error, error::Field, source::Source};

/// `PK\3\4`: a local header (APPNOTE 4.3.7).
pub(crate) const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
/// `PK\1\2`: a central header (APPNOTE 4.3.12).
pub(crate) const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
/// `PK\5\6`: the end record (APPNOTE 4.3.16).
pub(crate) const END_SIGNATURE: u32 = 0x0605_4b50;
/// `PK\6\6`: the zip64 end record (APPNOTE 4.3.14).
pub(crate) const END64_SIGNATURE: u32 = 0x0606_4b50;
/// `PK\6\7`: the zip64 end locator (APPNOTE 4.3.15).
pub(crate) const LOCATOR64_SIGNATURE: u32 = 0x0706_4b50;

/// Fixed part of a local header, in bytes.
pub(crate) const LOCAL_LEN: usize = 30;
/// Fixed part of a central header, in bytes.
pub(crate) const CENTRAL_LEN: usize = 46;
/// The end record without comment, in bytes.
pub(crate) const END_LEN: usize = 22;
/// The zip64 end record without extensible data, in bytes.
pub(crate) const END64_LEN: usize = 56;
/// The zip64 end locator, in bytes.
pub(crate) const LOCATOR64_LEN: usize = 20;

/// In a 32-bit field: the value is in the zip64 extra field.
pub(crate) const SENTINEL32: u32 = u32::MAX;
/// In a 16-bit count: the value is in the zip64 end record.
pub(crate) const SENTINEL16: u16 = u16::MAX;
/// Sizes and offsets must stay below this: the index keeps 48 bits of them (256 TiB).
pub(crate) const LIMIT48: u64 = 1 << 48;

/// Extra field: zip64 sizes and offset (APPNOTE 4.5.3).
pub(crate) const EXTRA_ZIP64: u16 = 0x0001;
/// Extra field: alignment padding, as zipalign writes it: u16 alignment, then zero bytes.
pub(crate) const EXTRA_ALIGNMENT: u16 = 0xd935;
/// Extra field: Info-ZIP Unicode path (APPNOTE 4.6.9).
pub(crate) const EXTRA_UNICODE_PATH: u16 = 0x7075;

/// Flag bit 11: the name is UTF-8 (APPNOTE appendix D).
pub(crate) const FLAG_UTF8: u16 = 0x0800;
/// Flag bits 1 and 2: how hard deflate tried; zip tools set them, they say nothing about the data.
pub(crate) const FLAGS_EFFORT: u16 = 0x0006;

/// Version needed to extract: 2.0 (directories and deflate), or 4.5 (zip64).
const VERSION_PLAIN: u16 = 20;
const VERSION_ZIP64: u16 = 45;
/// Made by: 3 (Unix) and 3.0, so that readers take the mode from the external attributes.
const MADE_BY: u16 = 0x031e;
/// The MS-DOS directory bit of the external attributes.
const DOS_DIRECTORY: u32 = 0x10;

/// Stored entries of this many bytes and more begin on a page.
pub(crate) const PAGE_FROM: u64 = 64 * 1024;
/// The page size that large stored entries are aligned to.
pub(crate) const PAGE: u64 = 4096;
/// What the executable before the archive is padded to.
pub(crate) const WORD: u64 = 8;

/// Deflate can't shrink data further than this (RFC 1951: 258 bytes in 2 bits).
pub(crate) const DEFLATE_RATIO_MAX: u64 = 1032;
/// An entry that inflates to more than [`BOMB_FROM`] may not do so by more than this factor.
pub const RATIO_MAX: u64 = 256;
/// Smaller entries are harmless at any ratio, in bytes.
pub const BOMB_FROM: u64 = 1024 * 1024;

/// The prefix of the bundle's own entries; no resource may begin with it.
pub const RESERVED: &str = ".holdall/";
/// The entry that tells what the bundle is and runs.
pub const MANIFEST: &str = ".holdall/manifest.json";
/// Where signatures of the manifest lie. They are added to a finished bundle and are in no digest.
pub const SIGNATURES: &str = ".holdall/signatures/";
/// The entry that holds the index.
pub const INDEX: &str = ".holdall/index";
/// Its Unix mode.
pub(crate) const INDEX_MODE: u16 = MODE_FILE | 0o644;

/// The regular-file bits of a Unix mode (stat(2) `S_IFREG`).
pub(crate) const MODE_FILE: u16 = 0o100_000;
/// The directory bits of a Unix mode (stat(2) `S_IFDIR`).
pub(crate) const MODE_DIRECTORY: u16 = 0o040_000;
/// The file-type bits of a Unix mode (stat(2) `S_IFMT`).
pub(crate) const MODE_TYPE: u16 = 0o170_000;

/// How an entry's data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As it is (method 0).
    Stored,
    /// Deflated, RFC 1951 (method 8).
    Deflated,
}

impl Method {
    /// The number of the method in a zip header (APPNOTE 4.4.5).
    pub const fn number(self) -> u16 {
        match self {
            Method::Stored => 0,
            Method::Deflated => 8,
        }
    }

    pub(crate) fn from_number(number: u16) -> Option<Self> {
        match number {
            0 => Some(Method::Stored),
            8 => Some(Method::Deflated),
            _ => None,
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Method::Stored => "stored",
            Method::Deflated => "deflate",
        })
    }
}

/// A time stamp as zip keeps it: MS-DOS, two seconds, no zone (APPNOTE 4.4.6). Ours are in UTC.
///
/// ```
/// # use holdall_archive::DosTime;
/// assert_eq!(DosTime::from_unix(0), DosTime::EARLIEST); // before 1980: the earliest there is
/// assert_ne!(DosTime::from_unix(1_600_000_000), DosTime::EARLIEST);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DosTime {
    pub(crate) time: u16,
    pub(crate) date: u16,
}

impl DosTime {
    /// 1980-01-01 00:00:00, the stamp of a reproducible archive.
    pub const EARLIEST: DosTime = DosTime { time: 0, date: 0x21 };

    /// The stamp for a Unix time in seconds, as of `SOURCE_DATE_EPOCH`; clamped to 1980…2107.
    pub fn from_unix(seconds: i64) -> DosTime {
        let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(day);
        if year < 1980 {
            return DosTime::EARLIEST;
        }
        if year > 2107 {
            return DosTime { time: 0xbf7d, date: 0xff9f };
        }
        DosTime {
            time: ((second / 3600) << 11 | (second / 60 % 60) << 5 | ((second % 60) / 2)) as u16,
            date: ((year - 1980) << 9 | month << 5 | day) as u16,
        }
    }
}

/// Year, month and day of a day number since 1970 (proleptic Gregorian, eras of 400 years).
fn civil_from_days(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

/// What the two headers of an entry say, as we write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    /// The full name; a directory's ends in `/`.
    pub name: &'a [u8],
    pub method: Method,
    pub time: DosTime,
    pub crc32: u32,
    pub compressed_size: u64,
    pub size: u64,
    pub mode: u16,
    /// Where the local header begins in the file.
    pub file_offset: u64,
}

/// What a local header says, apart from the name (APPNOTE 4.3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    pub method: Method,
    pub crc32: u32,
    pub compressed_size: u64,
    pub size: u64,
    pub name_len: u16,
    /// The length of the extra fields.
    pub extra_len: u16,
}

impl Local {
    /// Understands the fixed part; `None` if it is none of ours. A size that is a sentinel is left.
    pub fn parse(fixed: &[u8; LOCAL_LEN]) -> Option<Local> {
        let method = Method::from_number(get16(fixed, 8))?;
        (get32(fixed, 0) == LOCAL_SIGNATURE).then(|| Local {
            method,
            crc32: get32(fixed, 14),
            compressed_size: get32(fixed, 18).into(),
            size: get32(fixed, 22).into(),
            name_len: get16(fixed, 26),
            extra_len: get16(fixed, 28),
        })
    }

    /// Whether the sizes are in the zip64 field.
    pub fn is_zip64(&self) -> bool {
        self.size.max(self.compressed_size) >= SENTINEL32.into()
    }

    /// Reads the header at `offset`, with its zip64 field; `None` if it is none of ours.
    pub fn read(source: &Source, offset: u64) -> Result<Option<Local>, Error> {
        let Some(mut local) = Local::parse(&source.array(offset)?) else { return Ok(None) };
        if !local.is_zip64() {
            return Ok(Some(local));
        }
        // Our zip64 field comes first and holds both sizes.
        let extra = source.array::<20>(offset + LOCAL_LEN as u64 + u64::from(local.name_len))?;
        let mut sizes = [local.size, local.compressed_size];
        if get16(&extra, 0) != EXTRA_ZIP64 || widen(Some(&extra[4..]), &mut sizes).is_err() {
            return Ok(None);
        }
        [local.size, local.compressed_size] = sizes;
        Ok(Some(local))
    }
}

impl Header<'_> {
    fn sizes_need_zip64(&self) -> bool {
        self.compressed_size >= SENTINEL32.into() || self.size >= SENTINEL32.into()
    }

    fn flags(&self) -> u16 {
        if self.name.is_ascii() { 0 } else { FLAG_UTF8 }
    }

    /// The length of the local extra fields: zip64, then the padding up to `alignment`.
    pub fn local_extra_len(&self) -> u16 {
        let zip64 = if self.sizes_need_zip64() { 20 } else { 0 };
        zip64 + self.padding_len(zip64)
    }

    /// The length of the alignment field, 0 if the data falls into place without it.
    fn padding_len(&self, other_extra: u16) -> u16 {
        let alignment = alignment_of(self.method, self.compressed_size);
        let data = self.file_offset + (LOCAL_LEN + self.name.len()) as u64 + u64::from(other_extra);
        if alignment == 1 || data.is_multiple_of(alignment) {
            return 0;
        }
        // The field costs 6 bytes: id, length, alignment.
        (6 + (alignment - (data + 6) % alignment) % alignment) as u16
    }

    /// The local header: fixed part, name, extra fields (APPNOTE 4.3.7).
    pub fn write_local(&self, out: &mut Vec<u8>) {
        let zip64 = self.sizes_need_zip64();
        put32(out, LOCAL_SIGNATURE);
        self.write_shared(out, zip64);
        put16(out, self.local_extra_len());
        out.extend_from_slice(self.name);
        if zip64 {
            put16(out, EXTRA_ZIP64);
            put16(out, 16);
            put64(out, self.size);
            put64(out, self.compressed_size);
        }
        let padding = self.padding_len(if zip64 { 20 } else { 0 });
        if padding > 0 {
            put16(out, EXTRA_ALIGNMENT);
            put16(out, padding - 4);
            put16(out, alignment_of(self.method, self.compressed_size) as u16);
            out.resize(out.len() + usize::from(padding) - 6, 0);
        }
    }

    /// The central header: fixed part, name, extra field (APPNOTE 4.3.12).
    pub fn write_central(&self, out: &mut Vec<u8>) {
        let zip64_sizes = self.sizes_need_zip64();
        let zip64_offset = self.file_offset >= SENTINEL32.into();
        let zip64_len = if zip64_sizes { 16 } else { 0 } + if zip64_offset { 8 } else { 0 };
        let directory = self.name.ends_with(b"/");
        put32(out, CENTRAL_SIGNATURE);
        put16(out, MADE_BY);
        self.write_shared(out, zip64_sizes || zip64_offset);
        put16(out, if zip64_len > 0 { zip64_len + 4 } else { 0 });
        put16(out, 0); // comment length
        put16(out, 0); // disk
        put16(out, 0); // internal attributes
        put32(out, u32::from(self.mode) << 16 | if directory { DOS_DIRECTORY } else { 0 });
        put32(out, if zip64_offset { SENTINEL32 } else { self.file_offset as u32 });
        out.extend_from_slice(self.name);
        if zip64_len > 0 {
            put16(out, EXTRA_ZIP64);
            put16(out, zip64_len);
        }
        if zip64_sizes {
            put64(out, self.size);
            put64(out, self.compressed_size);
        }
        if zip64_offset {
            put64(out, self.file_offset);
        }
    }

    /// What both headers have in common: version needed … name length.
    fn write_shared(&self, out: &mut Vec<u8>, zip64: bool) {
        let narrow = |value: u64| if self.sizes_need_zip64() { SENTINEL32 } else { value as u32 };
        put16(out, if zip64 { VERSION_ZIP64 } else { VERSION_PLAIN });
        put16(out, self.flags());
        put16(out, self.method.number());
        put16(out, self.time.time);
        put16(out, self.time.date);
        put32(out, self.crc32);
        put32(out, narrow(self.compressed_size));
        put32(out, narrow(self.size));
        put16(out, self.name.len() as u16);
    }
}

/// The alignment of an entry's data, in bytes (invariant 9); deflated data needs none.
fn alignment_of(method: Method, compressed_size: u64) -> u64 {
    match method {
        Method::Stored if compressed_size >= PAGE_FROM => PAGE,
        _ => 1,
    }
}

/// Where the central directory is, from the end record or its zip64 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub entries: u64,
    pub directory_offset: u64,
    pub directory_size: u64,
}

impl End {
    /// The end records that follow a central directory (APPNOTE 4.3.14 … 4.3.16).
    pub fn write(&self, out: &mut Vec<u8>) {
        let needs_zip64 = self.entries >= SENTINEL16.into()
            || self.directory_offset >= SENTINEL32.into()
            || self.directory_size >= SENTINEL32.into();
        if needs_zip64 {
            self.write_zip64(out);
        }
        let entries = u16::try_from(self.entries).unwrap_or(SENTINEL16);
        put32(out, END_SIGNATURE);
        put16(out, 0); // this disk
        put16(out, 0); // the directory's disk
        put16(out, entries);
        put16(out, entries);
        put32(out, u32::try_from(self.directory_size).unwrap_or(SENTINEL32));
        put32(out, u32::try_from(self.directory_offset).unwrap_or(SENTINEL32));
        put16(out, 0); // comment length
    }

    fn write_zip64(&self, out: &mut Vec<u8>) {
        put32(out, END64_SIGNATURE);
        put64(out, (END64_LEN - 12) as u64);
        put16(out, MADE_BY & 0xff00 | VERSION_ZIP64);
        put16(out, VERSION_ZIP64);
        put32(out, 0); // this disk
        put32(out, 0); // the directory's disk
        put64(out, self.entries);
        put64(out, self.entries);
        put64(out, self.directory_size);
        put64(out, self.directory_offset);
        put32(out, LOCATOR64_SIGNATURE);
        put32(out, 0); // the record's disk
        put64(out, self.directory_offset + self.directory_size);
        put32(out, 1); // disks in all
    }
}

/// The zip64 extra field of a header: the 64-bit values of the fields that hold the sentinel.
///
/// `values` are the header's fields in the order of APPNOTE 4.5.3; each sentinel is replaced.
/// Fails if the field is missing, too short or longer than the sentinels ask for.
pub(crate) fn widen(extra: Option<&[u8]>, values: &mut [u64]) -> Result<(), Field> {
    let mut rest = extra.unwrap_or_default();
    for value in values.iter_mut().filter(|value| **value == SENTINEL32.into()) {
        let (head, tail) = rest.split_first_chunk().ok_or(Field::Zip64)?;
        *value = u64::from_le_bytes(*head);
        rest = tail;
    }
    if rest.is_empty() { Ok(()) } else { Err(Field::Zip64) }
}

pub(crate) fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// The u16 at `at`; callers pass fixed-size buffers and constant positions.
pub(crate) fn get16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The u32 at `at`; see [`get16`].
pub(crate) fn get32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The u64 at `at`; see [`get16`].
pub(crate) fn get64(bytes: &[u8], at: usize) -> u64 {
    u64::from(get32(bytes, at)) | u64::from(get32(bytes, at + 4)) << 32
}
