//! What can go wrong with the directory.

use std::io;
use std::path::PathBuf;

/// What can't be done in the directory of certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The system refuses.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}
