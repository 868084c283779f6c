//! `holdall sign` and `holdall verify`.

use clap::{Args, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;

/// `holdall sign`.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The secret key, as `minisign -G` makes it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub key: PathBuf,
    /// A file whose first line is the password of the key, - for standard input [default: asked for
    /// on the terminal].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// The file to make [default: the bundle itself].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// `holdall verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Who must have signed it: a public key of minisign, or a file with one.
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub public_key: Option<OsString>,
}

pub(super) const SIGN_EXAMPLES: &str = "\
The signature goes into the bundle, which stays a bundle: what was signed is its manifest, which holds
the digests of all other bytes. The ordinary tool verifies it as well; see docs/trust.md.

Examples:
  minisign -G -p minisign.pub -s minisign.key               a pair of keys, once
  holdall sign sayhello --key minisign.key                  asks for the password
  holdall sign sayhello --key ci.key --password-file /run/secrets/password
  holdall verify sayhello --public-key minisign.pub         signed by whom, and whole";

pub(super) const VERIFY_EXAMPLES: &str = "\
Examples:
  holdall verify sayhello                                   every byte is what was bundled
  holdall verify sayhello --public-key minisign.pub         and it is what the owner of the key signed
  holdall verify sayhello --public-key RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
