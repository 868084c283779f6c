//! Content in the codings that a bundle keeps it in, for clients that decode it themselves.

use std::borrow::Cow;

use holdall_archive::{Entry, Method};

use crate::Error;

/// A content coding (RFC 9110, section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// Encoded content: [`head`](Self::head), [`data`](Self::data) and [`tail`](Self::tail), one after the
/// other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded<'a> {
    /// The bytes before the data.
    pub head: &'static [u8],
    /// What the bundle holds, lent from its map.
    pub data: Cow<'a, [u8]>,
    /// The bytes after the data.
    pub tail: Option<[u8; 8]>,
}

/// Where the bundler puts what it encoded besides.
const VARIANTS: &str = ".holdall/variants/";

impl Coding {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Brotli, Self::Zstd];

    /// Its name in `Content-Encoding` (the IANA registry of content codings).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The entry that holds a resource in this coding; `None` where its own entry does.
    pub fn variant(self, name: &str) -> Option<String> {
        match self {
            Self::Gzip => None,
            Self::Brotli => Some(format!("{VARIANTS}{name}.br")),
            Self::Zstd => Some(format!("{VARIANTS}{name}.zst")),
        }
    }
}

impl Encoded<'_> {
    /// The fixed header of gzip: deflate, no name, no time, an unknown system (RFC 1952, 2.3).
    const GZIP_HEAD: &'static [u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

    /// How many bytes it has in all.
    pub fn size(&self) -> u64 {
        (self.head.len() + self.data.len() + self.tail.map_or(0, |tail| tail.len())) as u64
    }

    /// All of it in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        [self.head, &self.data, self.tail.as_ref().map_or(&[], |tail| &tail[..])].concat()
    }
}

/// The content of an entry in a coding, if the bundle has it; that the data is right is not checked.
pub(crate) fn of_entry<'a>(
    entry: &Entry<'a>,
    coding: Coding,
) -> Result<Option<Encoded<'a>>, Error> {
    match coding.variant(entry.name()) {
        None if entry.method() == Method::Deflated => gzip(entry).map(Some),
        None => Ok(None),
        Some(variant) => stored(entry, &variant),
    }
}

/// The deflate data of an entry is the middle of a gzip file (RFC 1952, section 2.2).
fn gzip<'a>(entry: &Entry<'a>) -> Result<Encoded<'a>, Error> {
    let mut tail = [0; 8];
    tail[..4].copy_from_slice(&entry.crc32().to_le_bytes());
    // The length modulo 2^32.
    tail[4..].copy_from_slice(&(entry.size() as u32).to_le_bytes());
    Ok(Encoded { head: Encoded::GZIP_HEAD, data: entry.raw()?, tail: Some(tail) })
}

fn stored<'a>(entry: &Entry<'a>, variant: &str) -> Result<Option<Encoded<'a>>, Error> {
    // Without its recorded digest an entry may be newer than what was encoded.
    if entry.digest()?.is_none() {
        return Ok(None);
    }
    let Some(variant) = entry.archive().find(variant)? else { return Ok(None) };
    Ok(Some(Encoded { head: &[], data: variant.bytes()?, tail: None }))
}
