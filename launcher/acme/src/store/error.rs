//! What can go wrong with the directory.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// What can't be done in the directory of certificates.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refuses.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others could put keys of theirs into it.
    #[error(
        "the directory of certificates is open to others than its owner (mode {mode:04o}): \
         chmod 700 {}", path.display()
    )]
    OpenToOthers {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process has it locked for longer than a write takes.
    #[error("{} stays locked: a process that uses the directory hangs or is stopped", path.display())]
    Busy {
        /// The file that is locked.
        path: PathBuf,
    },
    /// What it holds is not what it is to hold.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether another user, or another mode of the directory, would help.
    pub fn is_not_permitted(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            Self::OpenToOthers { .. } => true,
            _ => false,
        }
    }

    /// For `map_err`: what was to be done, and where.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
