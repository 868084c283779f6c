//! What a bundle is: its manifest, what it can tell of itself, exit codes.
//!
//! [`Bundle`] is an archive with a manifest. What the options of every bundle do, and the commands
//! of the bundler by the same names, is here once for both: [`Bundle::list`], [`Bundle::cat`],
//! [`Bundle::extract`], [`Bundle::info`] and [`verify`].

#![forbid(unsafe_code)]

mod bundle;
mod cat;
mod digest;
mod error;
mod exit_code;
mod extract;
mod info;
mod list;
mod manifest;
mod needs;
mod serving;
mod signature;
mod text;
mod verify;

pub use bundle::Bundle;
pub use digest::{Digest, DigestError};
pub use error::BundleError;
pub use exit_code::ExitCode;
pub use extract::Extracted;
pub use holdall_archive::grouped;
pub use info::InfoFormat;
pub use list::ListFormat;
pub use manifest::{
    ABOUT_LIMIT_BYTES, About, Built, Content, EntryPoint, EntryPointKind, LIBRARY_PREFIX,
    MANIFEST_FORMAT, MANIFEST_LIMIT_BYTES, MANIFEST_NAME, Manifest, ManifestError, PROGRAM_PREFIX,
    Prefix, VARIANTS_PREFIX, check_name, check_variable,
};
pub use needs::{Glibc, Needs, NeedsError};
pub use serving::{HeaderRule, RedirectRule, Serving, ServingError, Static};
pub use signature::{
    PublicKey, SIGNATURE_SUFFIX, Signature, SignatureError, signature_comment, signatures,
    verify_signature,
};
pub use text::{chain, escaped, ignore_broken_pipe};
pub use verify::{first_damage, print_verification, verify, verify_signed};
