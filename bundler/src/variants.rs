//! Resources compressed in more ways than one, for clients that take more than gzip.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

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
}

impl Variants {
    /// What `--release` makes unless told otherwise.
    pub fn release() -> Self {
        Self(BTreeSet::from([Coding::Br]))
    }
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
}
