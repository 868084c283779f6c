//! What a bundle is: its manifest, what it can tell of itself, exit codes.

#![forbid(unsafe_code)]

mod digest;
mod exit_code;
mod manifest;

pub use digest::{Digest, DigestError};
pub use exit_code::ExitCode;
pub use manifest::{
    Built, Content, EntryPoint, EntryPointKind, LIBRARY_PREFIX, MANIFEST_FORMAT,
    MANIFEST_LIMIT_BYTES, MANIFEST_NAME, Manifest, ManifestError, PROGRAM_PREFIX, Prefix,
};
