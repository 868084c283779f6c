//! Resources compressed in more ways than one, for clients that take more than gzip.

use crate::compress::worth;
use crate::tree::{self, Item};
use brotli::enc::BrotliEncoderParams;
use holdall_archive::{Name, Packed};
use holdall_bundle::VARIANTS_PREFIX;
use rayon::prelude::*;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The highest quality of brotli.
const BROTLI_QUALITY: i32 = 11;
/// Windows of brotli, as powers of two: what readers expect, and the largest that all must take.
const BROTLI_WINDOW: i32 = 22;
const BROTLI_WINDOW_MAX: i32 = 24;

/// The highest level of zstd whose window has no more than the 8 MiB that HTTP allows (RFC 9659).
const ZSTD_LEVEL: i32 = 19;

/// The longest segment that file systems take, in bytes: whoever unpacks all needs no more.
const SEGMENT_MAX: usize = 255;

/// A content coding that resources can have beside gzip, by its name in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// Brotli (RFC 7932).
    Br,
    /// Zstandard (RFC 8878).
    Zstd,
}

/// Which codings are made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Variants(BTreeSet<Coding>);

/// A word that is no coding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is neither br nor zstd; `none` stands alone")]
pub struct UnknownCoding {
    /// The word.
    pub word: String,
}

/// A resource in another coding, ready to be written.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its coding.
    pub coding: Coding,
    /// Its data, which is stored.
    pub packed: Packed,
}

impl Coding {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Br, Self::Zstd];

    /// Its name in HTTP, in manifests and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The media type of data in it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Br => "application/x-brotli",
            Self::Zstd => "application/zstd",
        }
    }

    /// The name that the variant of the resource `name` has in the archive.
    ///
    /// There is none where it would be too long, or where the variants lie of what is in a
    /// directory: of `a.br/x`, beside a file `a`.
    pub fn name(self, name: &str, items: &[Item]) -> Option<String> {
        let name = format!("{name}{}", self.suffix());
        if tree::has_directory(items, &name) {
            return None;
        }
        let segment = name.rsplit('/').next().unwrap_or(&name);
        let full_name = format!("{VARIANTS_PREFIX}{name}");
        (segment.len() <= SEGMENT_MAX && Name::new(&full_name).is_ok()).then_some(full_name)
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Br => ".br",
            Self::Zstd => ".zst",
        }
    }

    fn compress(self, content: &[u8], length_max: usize) -> Option<Vec<u8>> {
        match self {
            Self::Br => brotli(content, length_max),
            Self::Zstd => zstd(content, length_max),
        }
    }
}

impl Variants {
    /// What `--release` makes unless told otherwise.
    pub fn release() -> Self {
        Self(BTreeSet::from([Coding::Br]))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The variants of `content` that are worth having beside `deflated_size` bytes of it.
    pub fn of(&self, content: &[u8], deflated_size: u64) -> Vec<Variant> {
        let length_max = worth(deflated_size as usize);
        let variant = |coding: &Coding| {
            let data = coding.compress(content, length_max)?;
            Some(Variant { coding: *coding, packed: Packed::stored(data) })
        };
        self.0.par_iter().filter_map(variant).collect()
    }
}

fn brotli(content: &[u8], length_max: usize) -> Option<Vec<u8>> {
    let window =
        if content.len() <= 1 << BROTLI_WINDOW { BROTLI_WINDOW } else { BROTLI_WINDOW_MAX };
    let params = BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: window,
        size_hint: content.len(),
        ..BrotliEncoderParams::default()
    };
    let mut data = Vec::with_capacity(length_max);
    brotli::BrotliCompress(&mut &*content, &mut data, &params).ok()?;
    data.shrink_to_fit();
    (data.len() <= length_max).then_some(data)
}

fn zstd(content: &[u8], length_max: usize) -> Option<Vec<u8>> {
    let mut data = vec![0; length_max];
    let length = zstd::bulk::compress_to_buffer(content, &mut data, ZSTD_LEVEL).ok()?;
    data.truncate(length);
    data.shrink_to_fit();
    Some(data)
}

impl FromStr for Variants {
    type Err = UnknownCoding;

    /// A list such as `br,zstd`; `none` is the empty one.
    fn from_str(list: &str) -> Result<Self, UnknownCoding> {
        if list == "none" {
            return Ok(Self::default());
        }
        let coding = |word: &str| {
            let found = Coding::ALL.into_iter().find(|coding| coding.as_str() == word);
            found.ok_or_else(|| UnknownCoding { word: word.to_owned() })
        };
        list.split(',').map(coding).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Variants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|coding| coding.as_str()).collect();
        f.write_str(if names.is_empty() { "none".to_owned() } else { names.join(",") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_any_order() {
        for (list, expected) in [("br,zstd", "br,zstd"), ("zstd,br", "br,zstd"), ("none", "none")] {
            assert_eq!(list.parse::<Variants>().unwrap().to_string(), expected);
        }
        for wrong in ["", "gzip", "br,", "none,br", "BR"] {
            assert!(wrong.parse::<Variants>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_worth_it_is_kept() {
        let variants: Variants = "br,zstd".parse().unwrap();
        let text: Vec<u8> =
            (0..500u32).flat_map(|i| format!("line {i} of a text\n").into_bytes()).collect();
        let found = variants.of(&text, text.len() as u64);
        assert_eq!(found.iter().map(|variant| variant.coding).collect::<Vec<_>>(), Coding::ALL);
        let smallest = found.iter().map(|variant| variant.packed.size()).min().unwrap();
        assert!(variants.of(&text, smallest).is_empty());
        assert!(Variants::default().of(&text, text.len() as u64).is_empty());
    }

    #[test]
    fn names_are_those_of_entries_or_none() {
        let name = |coding: Coding, name: &str| coding.name(name, &[]);
        assert_eq!(name(Coding::Br, "a/b.js").as_deref(), Some(".holdall/variants/a/b.js.br"));
        assert_eq!(name(Coding::Zstd, "a").as_deref(), Some(".holdall/variants/a.zst"));
        assert_eq!(name(Coding::Br, &"n".repeat(253)), None);
        assert_eq!(name(Coding::Br, &"n/".repeat(2040)), None);
    }

    #[test]
    fn a_directory_keeps_its_place() {
        let item = |name: &str, stamp| Item {
            name: name.to_owned(),
            path: name.into(),
            mode: 0o755,
            stamp,
        };
        let metadata = std::fs::metadata("Cargo.toml").unwrap();
        let file = Some(tree::Stamp::new(&metadata));
        let items = [item("a", file), item("a-", file), item("a.br", None), item("a.br/x", file)];
        assert_eq!(Coding::Br.name("a", &items), None);
        assert!(Coding::Zstd.name("a", &items).is_some());
        assert!(Coding::Br.name("a-", &items).is_some());
        assert!(Coding::Br.name("a.br/x", &items).is_some());
    }

    #[test]
    fn the_window_of_zstd_is_one_that_http_allows() {
        let content = vec![7; (8 << 20) + 1];
        let data = zstd(&content, content.len()).unwrap();
        // RFC 8878, section 3.1.1.1: the descriptor of the frame, then that of its window.
        let (is_single_segment, exponent) = (data[4] & 0x20 != 0, data[5] >> 3);
        assert!(!is_single_segment && exponent <= 13, "{:02x?}", &data[..6]);
    }
}
