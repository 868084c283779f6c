//! What can go wrong with a resource: the same variants for every origin.

use std::{fmt, io, path::PathBuf};

use holdall_archive::NameError;
use thiserror::Error;

use crate::memfd;

/// Why a resource can't be had.
///
/// A case that can happen in every origin is the same variant in every origin, so a program that
/// handles it in development handles it in a bundle.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing has this name.
    #[error("no resource {name:?}{}", Nearest(nearest))]
    NotFound {
        /// The name that was asked for.
        name: String,
        /// Up to three names that exist and look like it, the most similar first.
        nearest: Vec<String>,
    },
    /// A listing was asked of a file.
    #[error("{name:?} is a file, not a directory")]
    NotADirectory {
        /// The name that was asked for.
        name: String,
    },
    /// Content was asked of a directory.
    #[error("{name:?} is a directory, not a file")]
    IsADirectory {
        /// The name that was asked for; the root is `""`.
        name: String,
    },
    /// No resource can have this name.
    #[error("{name:?} is not a name that a resource can have")]
    InvalidName {
        /// The name that was asked for.
        name: String,
        /// Which rule it breaks.
        #[source]
        reason: NameError,
    },
    /// A directory holds something under this name that no bundle could hold.
    #[error("{name:?} can't be a resource: it is {reason}")]
    Unusable {
        /// The name that was asked for.
        name: String,
        /// Why not.
        reason: Unusable,
    },
    /// The content is not what was packed.
    #[error(
        "resource {name:?} is damaged: expected CRC-32 {expected_crc:08x}, found {found_crc:08x}"
    )]
    Damaged {
        /// The resource.
        name: String,
        /// The CRC-32 that was recorded when the bundle was made.
        expected_crc: u32,
        /// The CRC-32 of what was read.
        found_crc: u32,
    },
    /// The content is shorter or longer than declared: the archive lies, or the file changed.
    #[error("resource {name:?} has {found_bytes} bytes, not the {expected_bytes} declared")]
    WrongSize {
        /// The resource.
        name: String,
        /// The declared size.
        expected_bytes: u64,
        /// How many bytes were found; at most one more than declared is looked at.
        found_bytes: u64,
    },
    /// The content is not UTF-8, and text was asked for.
    #[error("resource {name:?} is not UTF-8: invalid at byte {offset_bytes}")]
    NotUtf8 {
        /// The resource.
        name: String,
        /// How many bytes before the first invalid one.
        offset_bytes: usize,
    },
    /// The content does not fit into memory; [`Resource::reader`](crate::Resource::reader) streams it.
    #[error("resource {name:?} of {size_bytes} bytes does not fit into memory")]
    TooLarge {
        /// The resource.
        name: String,
        /// Its size.
        size_bytes: u64,
    },
    /// No origin: see the rules of [`Resources::open`](crate::Resources::open).
    #[error("no resources: {}", Places(looked_at))]
    NoResources {
        /// Where was looked, in order.
        looked_at: Vec<Place>,
    },
    /// A variable of the environment does not hold what it should.
    #[error("{variable}={value:?} is {problem}")]
    Variable {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
        /// The reason, where there is one.
        source: Option<Box<Error>>,
    },
    /// The bundle can't be opened, or breaks a rule of its format.
    #[error("can't read the bundle")]
    Archive {
        /// File, offset and rule.
        source: holdall_archive::Error,
    },
    /// The in-memory file that [`Resource::as_path`](crate::Resource::as_path) needs is refused.
    #[error("no path for resource {name:?}")]
    NoPath {
        /// The resource.
        name: String,
        /// What the kernel refused.
        source: memfd::Error,
    },
    /// The operating system refused.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was tried: "open", "read", …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Why something in a directory can't be a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unusable {
    /// A symbolic link that leads out of the directory of resources.
    LeadsOut,
    /// A pipe, socket or device.
    Special,
}

/// A place where resources were looked for and not found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// An executable that carries no archive.
    Executable {
        /// The running program.
        path: PathBuf,
    },
    /// A variable of the environment that is not set.
    Variable {
        /// Its name.
        name: &'static str,
    },
}

impl Error {
    /// Whether nothing has the name: the one error that a server answers with 404.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::NotFound { .. })
    }

    /// Finds the error that came through [`io::Read`], or wraps a plain one.
    pub(crate) fn from_read(error: io::Error, path: impl Into<PathBuf>) -> Self {
        error.downcast::<Error>().unwrap_or_else(|source| {
            let path = path.into();
            Error::Io { action: "read", path, source }
        })
    }
}

impl From<Error> for io::Error {
    /// For [`io::Read`]: the kind says roughly what it is, `downcast` gives the whole error back.
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NotFound { .. } => io::ErrorKind::NotFound,
            Error::NotADirectory { .. } => io::ErrorKind::NotADirectory,
            Error::IsADirectory { .. } => io::ErrorKind::IsADirectory,
            Error::InvalidName { .. } => io::ErrorKind::InvalidInput,
            Error::TooLarge { .. } => io::ErrorKind::OutOfMemory,
            Error::Damaged { .. } | Error::WrongSize { .. } | Error::NotUtf8 { .. } => {
                io::ErrorKind::InvalidData
            }
            Error::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unusable::LeadsOut => "a link that leads out of the directory of resources",
            Unusable::Special => "neither a file nor a directory",
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Executable { path } => {
                write!(f, "{} carries no archive that can be read", path.display())
            }
            Place::Variable { name } => write!(f, "{name} is not set"),
        }
    }
}

/// `; did you mean "a" or "b"?`, or nothing.
struct Nearest<'a>(&'a [String]);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((last, others)) = self.0.split_last() else {
            return Ok(());
        };
        f.write_str("; did you mean ")?;
        for (at, name) in others.iter().enumerate() {
            let separator = if at + 1 == others.len() { " or " } else { ", " };
            write!(f, "{name:?}{separator}")?;
        }
        write!(f, "{last:?}?")
    }
}

/// The places, separated by commas.
struct Places<'a>(&'a [Place]);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, place) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{place}")?;
        }
        Ok(())
    }
}
