//! What becomes of content: whether it is compressed, and how.

use crate::media::{MediaTypes, is_compressed};
use crate::variants::{Variant, Variants};
use holdall_archive::Packed;
use libdeflater::{CompressionLvl, Compressor};

/// Compressed content has to be smaller by this part, or it is not worth inflating it again.
const WORTH_DIVISOR: usize = 20;

/// How content is packed.
#[derive(Debug, Clone, Default)]
pub struct Packing {
    /// Whether it is compressed.
    pub compression: Compression,
    /// What is made of it for HTTP beside that.
    pub variants: Variants,
    /// The media types that differ from the usual ones.
    pub media_types: MediaTypes,
}

/// How hard to compress.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    Stored,
    /// Deflated where that makes it smaller, at this level of libdeflate, 1 to 12.
    Deflated(u8),
}

impl Compression {
    /// The compression of a level from the command line, where 0 is none.
    pub fn from_level(level: u8) -> Self {
        if level == 0 { Self::Stored } else { Self::Deflated(level) }
    }
}

impl Packing {
    /// The media type of a resource of this name.
    pub fn media_type(&self, name: &str) -> &str {
        self.media_types.get(name).unwrap_or_else(|| holdall_resources::media_type(name))
    }

    /// How hard to compress a resource of this name.
    pub fn compression(&self, name: &str) -> Compression {
        match is_compressed(self.media_type(name)) {
            true => Compression::Stored,
            false => self.compression,
        }
    }

    /// Packs the content of a resource of this name.
    pub fn pack(&self, name: &str, content: Vec<u8>) -> (Packed, Vec<Variant>) {
        let deflated = match self.compression(name) {
            Compression::Deflated(level) => deflate(&content, level),
            Compression::Stored => None,
        };
        match deflated.and_then(|data| Packed::deflated(&content, data)) {
            Some(packed) => {
                let variants = self.variants.of(&content, packed.compressed_size());
                (packed, variants)
            }
            None => (Packed::stored(content), Vec::new()),
        }
    }
}

/// The raw deflate stream of `content`, unless it is hardly smaller.
pub fn deflate(content: &[u8], level: u8) -> Option<Vec<u8>> {
    let worth = worth(content.len());
    if worth == 0 {
        return None;
    }
    let level = CompressionLvl::new(level.into()).unwrap_or_default();
    // A buffer of just the size that is worth it: what does not fit is not wanted.
    let mut data = vec![0; worth];
    let length = Compressor::new(level).deflate_compress(content, &mut data).ok()?;
    data.truncate(length);
    data.shrink_to_fit();
    Some(data)
}

/// How long compressed data may be for it to be worth having, beside `length` bytes.
pub fn worth(length: usize) -> usize {
    length - length.div_ceil(WORTH_DIVISOR)
}
