//! What can be wrong with an archive: each error carries the values, `Display` makes the text.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::NameError;

/// Why a bundle can't be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{}: can't {action}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried: "open", "read", …
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is shorter than it was when it was bundled.
    #[error("{} is truncated: {} of {} bytes", path.display(), grouped(*found), grouped(*expected))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length when it was bundled, in bytes.
        expected: u64,
        /// Its length now, in bytes.
        found: u64,
    },
    /// The executable is whole, but the archive behind it is gone.
    #[error("{} has lost its archive of {} bytes: strip and objcopy drop it; strip first, then bundle",
        path.display(), grouped(*lost))]
    Stripped {
        /// The file.
        path: PathBuf,
        /// How many bytes were behind the executable.
        lost: u64,
    },
    /// There is no archive at the end of the file.
    #[error("{} has no archive: it does not end with a zip end record", path.display())]
    NoArchive {
        /// The file.
        path: PathBuf,
    },
    /// The archive breaks a rule of the format.
    #[error("{}: damaged archive at offset {offset}: {flaw}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// Which rule, with the values.
        flaw: Flaw,
    },
    /// The content of an entry is not what was packed.
    #[error("{}: {name:?} is damaged: expected CRC-32 {expected:08x}, found {found:08x}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// The CRC-32 that the archive declares.
        expected: u32,
        /// The CRC-32 of what was read.
        found: u32,
    },
    /// The data of an entry is not as long as declared, or can't be inflated.
    #[error("{}: {name:?} is damaged: {flaw}", path.display())]
    BadData {
        /// The file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// What is wrong with its data.
        flaw: Flaw,
    },
    /// An entry that was given to the writer can't be written.
    #[error("can't add {name:?}: {flaw}")]
    Refused {
        /// The entry.
        name: String,
        /// Why not.
        flaw: Flaw,
    },
}

impl Error {
    /// The operating system's reason, if it is the cause.
    pub fn io(&self) -> Option<&io::Error> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// A rule of the format that an archive breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Flaw {
    /// A structure does not begin as it must.
    #[error("expected {structure}, found {found:#010x}")]
    Signature {
        /// What should be here.
        structure: &'static str,
        /// The four bytes that are here.
        found: u32,
    },
    /// A structure reaches past the end of the file or of its container.
    #[error("{structure} of {length} bytes does not fit into the {available} that are left")]
    OutOfBounds {
        /// What is too long.
        structure: &'static str,
        /// Its length.
        length: u64,
        /// What is left for it.
        available: u64,
    },
    /// Two places that must agree do not.
    #[error("{field} is {expected} here, but {found} in its other place")]
    Mismatch {
        /// Which field.
        field: Field,
        /// The value that counts: the central directory's, the end record's.
        expected: u64,
        /// The other value.
        found: u64,
    },
    /// The local header has another name than the central header.
    #[error("the local header names {local:?}, the central directory {central:?}")]
    NameMismatch {
        /// As the local header has it.
        local: String,
        /// As the central directory has it.
        central: String,
    },
    /// A field has a value that the format does not allow.
    #[error("{field} can't be {found:#x}")]
    Value {
        /// Which field.
        field: Field,
        /// Its value.
        found: u64,
    },
    /// The archive has a comment.
    #[error("an archive comment of {length} bytes")]
    Comment {
        /// Its length.
        length: u16,
    },
    /// Bytes after the end record.
    #[error("{bytes} bytes after the end record")]
    Trailing {
        /// How many.
        bytes: u64,
    },
    /// A zip64 structure is missing, superfluous or of the wrong length.
    #[error("a zip64 field that is missing, superfluous or of the wrong length")]
    Zip64,
    /// A name that is not UTF-8.
    #[error("a name that is not UTF-8: {}", name.escape_ascii())]
    NameEncoding {
        /// Its bytes.
        name: Vec<u8>,
    },
    /// A name that is not allowed.
    #[error("the name {name:?} is not allowed: {source}")]
    Name {
        /// The name.
        name: String,
        /// Which rule it breaks.
        source: NameError,
    },
    /// One name twice.
    #[error("the name {name:?} stands twice in the archive")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A name is both a file and a directory.
    #[error("{name:?} is both a file and a directory")]
    FileAndDirectory {
        /// The name.
        name: String,
    },
    /// A Unicode path field that renames the entry.
    #[error("a Unicode path field that renames {name:?}")]
    UnicodePath {
        /// The name in the header.
        name: String,
    },
    /// Neither a regular file nor a directory.
    #[error("{name:?} has mode {mode:#o}: only regular files and directories are allowed")]
    Mode {
        /// The entry.
        name: String,
        /// Its Unix mode.
        mode: u32,
    },
    /// An entry overlaps what is before it.
    #[error("{name:?} overlaps what is before it by {bytes} bytes")]
    Overlap {
        /// The entry, or the central directory.
        name: String,
        /// By how much.
        bytes: u64,
    },
    /// Bytes between entries that belong to none.
    #[error("{bytes} bytes before {name:?} belong to no entry")]
    Gap {
        /// The entry, or the central directory.
        name: String,
        /// How many.
        bytes: u64,
    },
    /// What stands before the archive is not an ELF executable that ends where the archive begins.
    #[error("what stands before the archive is not an executable that ends there")]
    Prefix,
    /// Data is shorter or longer than declared.
    #[error("{declared} bytes are declared, {found} are there")]
    Size {
        /// What the headers say.
        declared: u64,
        /// How many there are; at most one more than declared is looked at.
        found: u64,
    },
    /// Data inflates too far.
    #[error("{size} bytes from {compressed_size} is more than a deflated entry may grow")]
    Bomb {
        /// The declared size.
        size: u64,
        /// The packed size.
        compressed_size: u64,
    },
    /// Data that is not a deflate stream.
    #[error("invalid deflate data")]
    Deflate,
    /// A directory with data.
    #[error("the directory {name:?} has data")]
    DirectoryData {
        /// The directory.
        name: String,
    },
    /// The index is not the one that follows from the entries.
    #[error("the index is not the one that follows from the entries")]
    Index,
    /// Names that were crafted so that no index can tell them apart.
    #[error("the names were crafted so that no index can hold them")]
    Collision,
    /// The archive was changed after it was bundled, so its digests vouch for nothing.
    #[error("the archive was edited after it was bundled: its digests no longer vouch for it")]
    Edited,
    /// The content does not have the digest that was recorded.
    #[error("{name:?} does not have the digest that was recorded when it was bundled")]
    DigestMismatch {
        /// The entry.
        name: String,
    },
    /// A structure is valid, but not as it was written.
    #[error("{structure} is not as it was written")]
    NotCanonical {
        /// Which.
        structure: &'static str,
    },
    /// More or larger than the format can hold.
    #[error("{field} of {found} is beyond what the format holds")]
    Limit {
        /// Which.
        field: Field,
        /// The value.
        found: u64,
    },
}

/// A field of a header, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are those of the APPNOTE
pub enum Field {
    VersionNeeded,
    MadeBy,
    Flags,
    Method,
    Time,
    Date,
    Crc32,
    CompressedSize,
    Size,
    NameLength,
    ExtraLength,
    ExtraField,
    Padding,
    CommentLength,
    Disk,
    InternalAttributes,
    ExternalAttributes,
    LocalHeaderOffset,
    EntryCount,
    DirectoryOffset,
    DirectorySize,
    FileLength,
    PrefixLength,
    MediaType,
    Zip64,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Field::VersionNeeded => "the version needed",
            Field::MadeBy => "the version made by",
            Field::Flags => "the flags field",
            Field::Method => "the compression method",
            Field::Time => "the time",
            Field::Date => "the date",
            Field::Crc32 => "the CRC-32",
            Field::CompressedSize => "the compressed size",
            Field::Size => "the size",
            Field::NameLength => "the name length",
            Field::ExtraLength => "the extra field length",
            Field::ExtraField => "an extra field",
            Field::Padding => "the padding",
            Field::CommentLength => "the comment length",
            Field::Disk => "the disk number",
            Field::InternalAttributes => "the internal attributes",
            Field::ExternalAttributes => "the external attributes",
            Field::LocalHeaderOffset => "the local header's offset",
            Field::EntryCount => "the number of entries",
            Field::DirectoryOffset => "the central directory's offset",
            Field::DirectorySize => "the central directory's size",
            Field::FileLength => "the file's length",
            Field::PrefixLength => "the length of what stands before the archive",
            Field::MediaType => "the media type",
            Field::Zip64 => "the zip64 field",
        })
    }
}

/// A number for people, its digits in groups of three.
///
/// ```
/// assert_eq!(holdall_archive::grouped(1_234_567), "1,234,567");
/// ```
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_204_224, "1,204,224")] {
            assert_eq!(super::grouped(number), text);
        }
    }
}
