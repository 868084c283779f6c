//! What goes into a writer and what it tells of it.

use std::io;

use crate::{
    Digest, Method,
    layout::{BOMB_FROM, RATIO_MAX},
};

/// Content that is ready to be written: packed, summed and digested.
#[derive(Debug, Clone)]
pub struct Packed {
    pub(crate) method: Method,
    pub(crate) crc32: u32,
    pub(crate) size: u64,
    pub(crate) digest: Digest,
    pub(crate) data: Vec<u8>,
}

impl Packed {
    /// Content that is kept as it is.
    pub fn stored(content: Vec<u8>) -> Packed {
        let (crc32, digest) = (crc32fast::hash(&content), crate::digest(&content));
        let size = content.len() as u64;
        Packed { method: Method::Stored, crc32, size, digest, data: content }
    }

    /// Content with its raw deflate stream (RFC 1951), which must inflate to it; `None` if the
    /// format wants such content stored, as a reader would take it for a bomb.
    pub fn deflated(content: &[u8], data: Vec<u8>) -> Option<Packed> {
        let size = content.len() as u64;
        let harmless = size <= BOMB_FROM || size <= data.len() as u64 * RATIO_MAX;
        let (crc32, digest) = (crc32fast::hash(content), crate::digest(content));
        harmless.then_some(Packed { method: Method::Deflated, crc32, size, digest, data })
    }

    /// How the content is kept.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The length of the content in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The length of the packed data in bytes.
    pub fn compressed_size(&self) -> u64 {
        self.data.len() as u64
    }
}

/// What became of a streamed entry; anything but `Added` leaves no trace in the archive.
#[derive(Debug)]
#[must_use]
pub enum Streamed {
    /// It is written.
    Added,
    /// The content was shorter or longer than announced: this many bytes, at most one too many.
    OtherSize {
        /// How many bytes were read.
        found: u64,
    },
    /// The content could not be read.
    Unreadable(io::Error),
    /// Deflate is of no use here, or shrinks it so far that a reader would take it for a bomb: the
    /// caller should store it.
    NotDeflatable,
}

/// An entry whose content is written later; see [`Writer::reserve`](crate::Writer::reserve).
#[derive(Debug)]
pub struct Reserved {
    pub(crate) position: usize,
    pub(crate) length: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The length of the file in bytes.
    pub file_len: u64,
    /// Where the archive begins, in bytes.
    pub archive_offset: u64,
    /// The number of entries, with directories and the bundle's own.
    pub entries: u64,
    /// The length of the index in bytes.
    pub index_len: u64,
}

/// What the manifest says of all other entries together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// How many files.
    pub files: u64,
    /// How many bytes, unpacked.
    pub size: u64,
    /// The digest of their names, modes, media types and digests.
    pub digest: Digest,
}
