//! Reads the list of dependencies that an executable carries.

use auditable_serde::{Package, VersionInfo};
use flate2::read::ZlibDecoder;
use object::read::{File, Object, ObjectSection, ReadRef};
use std::io::{self, Read};

/// The longest list that is read, unpacked, in bytes. That of a large program has 100 KB.
pub const LIST_LIMIT_BYTES: u64 = 8 << 20;

/// The longest name, version or source of a package that is read, in bytes.
const NAME_MAX_BYTES: usize = 256;

/// Why the list of an executable can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It begins like an ELF file, but is damaged.
    #[error("the ELF file is damaged")]
    Elf(#[from] object::Error),
    /// It is not compressed by zlib, or damaged.
    #[error("the section {} is damaged", super::section::NAME)]
    Zlib(#[source] io::Error),
    /// It is longer than any list needs to be.
    #[error("the section {} unpacks to more than {LIST_LIMIT_BYTES} bytes", super::section::NAME)]
    TooLong,
    /// A name, version or source in it is too long.
    #[error(
        "the section {} names a package by {length} bytes, more than {NAME_MAX_BYTES}",
        super::section::NAME
    )]
    Name {
        /// How long the longest of the three is, in bytes.
        length: usize,
    },
    /// It is no list of dependencies.
    #[error("the section {} holds no list of dependencies", super::section::NAME)]
    Json(#[source] serde_json::Error),
}

/// Whether there is a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is.
    List(VersionInfo),
    /// The executable has no such section.
    NoSection,
    /// It is no ELF file, so it can't have one: a script, say.
    NotElf,
}

impl Found {
    /// The list, if there is one.
    pub fn list(&self) -> Option<&VersionInfo> {
        match self {
            Self::List(list) => Some(list),
            Self::NoSection | Self::NotElf => None,
        }
    }
}

/// Reads the list of the executable in `data`. Memory is bounded by [`LIST_LIMIT_BYTES`].
///
/// # Errors
/// [`ReadError`].
pub fn read<'data>(data: impl ReadRef<'data>) -> Result<Found, ReadError> {
    match data.read_bytes_at(0, 4) {
        Ok(b"\x7fELF") => {}
        _ => return Ok(Found::NotElf),
    }
    let elf = File::parse(data)?;
    let Some(section) = elf.section_by_name(super::section::NAME) else {
        return Ok(Found::NoSection);
    };
    let (_, length) = section.file_range().unwrap_or_default();
    if length > LIST_LIMIT_BYTES {
        return Err(ReadError::TooLong);
    }
    let mut list = Vec::new();
    let mut unpacked = ZlibDecoder::new(section.data()?).take(LIST_LIMIT_BYTES + 1);
    unpacked.read_to_end(&mut list).map_err(ReadError::Zlib)?;
    if list.len() as u64 > LIST_LIMIT_BYTES {
        return Err(ReadError::TooLong);
    }
    let list: VersionInfo = serde_json::from_slice(&list).map_err(ReadError::Json)?;
    list.packages.iter().try_for_each(check).map(|()| Found::List(list))
}

/// Refuses names that no registry takes: each stands in a document as often as it is needed.
fn check(package: &Package) -> Result<(), ReadError> {
    let length = package.name.len().max(package.version.to_string().len());
    let length = length.max(String::from(package.source.clone()).len());
    match length {
        1..=NAME_MAX_BYTES => Ok(()),
        length => Err(ReadError::Name { length }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::section;
    use super::*;

    fn with_section(data: &[u8]) -> Vec<u8> {
        section::append(&std::fs::read("/proc/self/exe").unwrap(), data).unwrap()
    }

    fn with_list(list: &str) -> Result<Found, ReadError> {
        read(with_section(&section::compress(list).unwrap()).as_slice())
    }

    #[test]
    fn a_list_that_was_added_is_read() {
        let list = r#"{"packages":[{"name":"a","version":"1.0.0","source":"local","root":true}]}"#;
        let Found::List(info) = with_list(list).unwrap() else { panic!("no list") };
        assert_eq!(info.packages[0].name, "a");
    }

    #[test]
    fn what_has_no_list_says_why() {
        let elf = std::fs::read("/proc/self/exe").unwrap();
        assert_eq!(read(elf.as_slice()).unwrap(), Found::NoSection);
        assert_eq!(read(&b"#!/bin/sh\n"[..]).unwrap(), Found::NotElf);
        assert_eq!(read(&b""[..]).unwrap(), Found::NotElf);
        assert!(matches!(read(&elf[..100]), Err(ReadError::Elf(_))));
    }

    #[test]
    fn hostile_lists_are_refused() {
        assert!(matches!(read(with_section(b"no zlib").as_slice()), Err(ReadError::Zlib(_))));
        let bomb = " ".repeat(LIST_LIMIT_BYTES as usize + 1);
        assert!(matches!(with_list(&bomb), Err(ReadError::TooLong)));
        let one = r#"{"name":"a","version":"1.0.0","source":"local","dependencies":[0]}"#;
        for list in ["", "[]", "{}", "null", &format!(r#"{{"packages":[{one}]}}"#)] {
            assert!(matches!(with_list(list), Err(ReadError::Json(_))), "{list}");
        }
        let long = "a".repeat(NAME_MAX_BYTES + 1);
        let long =
            format!(r#"{{"packages":[{{"name":"{long}","version":"1.0.0","source":"x"}}]}}"#);
        assert!(matches!(with_list(&long), Err(ReadError::Name { length: 257 })));
        let nested = format!(r#"{{"packages":{}"#, "[".repeat(100_000));
        assert!(matches!(with_list(&nested), Err(ReadError::Json(_))));
    }
}
