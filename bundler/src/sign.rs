//! `holdall sign`: a minisign signature of the manifest, put into the bundle.

use crate::cli::SignArgs;
use crate::error::Error;
use crate::rewrite::{Change, rewrite};
use crate::shell::Shell;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use holdall_bundle::{
    Bundle, BundleError, Digest, ExitCode, MANIFEST_NAME, first_damage, signature_comment,
};
use minisign::{PublicKey, SecretKey, SecretKeyBox};
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

/// The longest key and password that are read, in bytes.
const LIMIT_BYTES: u64 = 8 << 10;

/// Why a bundle was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key or the password can't be read.
    #[error("can't read {what} {}", path.display())]
    Read {
        /// Which of them.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The key is none.
    #[error("{} is no secret key of minisign", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What minisign says.
        source: minisign::PError,
    },
    /// The key can't be opened.
    #[error("{} can't be opened", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// What minisign says.
        source: minisign::PError,
    },
    /// Nobody can be asked for a password.
    #[error("{} has a password, and there is no terminal to ask for it: use --password-file", path.display())]
    NoTerminal {
        /// The file.
        path: PathBuf,
    },
    /// The signature can't be made.
    #[error("can't sign")]
    Sign(#[source] minisign::PError),
    /// What is damaged or was edited is not signed.
    #[error("not signed: it is not as it was bundled; `holdall set` or `bundle` makes it whole")]
    NotIntact(#[source] BundleError),
}

impl SignError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { source, .. } => ExitCode::for_input(source.kind()),
            Self::NotAKey { .. } | Self::NotIntact(_) => ExitCode::Damaged,
            Self::Password { .. } => ExitCode::NoPermission,
            Self::NoTerminal { .. } => ExitCode::Usage,
            Self::Sign(_) => ExitCode::Internal,
        }
    }
}

/// Signs a bundle that is as it was bundled.
///
/// # Errors
/// Whatever can go wrong; the file that was there before is untouched then.
pub fn run(args: &SignArgs, shell: &Shell) -> Result<(), Error> {
    let bundle = Bundle::open(&args.file)?;
    check_intact(&bundle)?;
    let key = secret_key(&args.key, args.password_file.as_deref())?;
    let change = signature(&bundle, &key)?;
    let output = args.output.as_ref().unwrap_or(&args.file);
    let (output, _) = rewrite(&bundle, &change, output)?;
    shell.status("Signed", output.display());
    Ok(())
}

/// A signature of a manifest that is not true of the rest would be a lie.
fn check_intact(bundle: &Bundle) -> Result<(), Error> {
    let damage = first_damage(bundle.archive())?;
    damage.map_or(Ok(()), |error| Err(SignError::NotIntact(error).into()))
}

fn signature(bundle: &Bundle, key: &SecretKey) -> Result<Change, Error> {
    let manifest = bundle.manifest_bytes()?;
    let digest = Digest(holdall_archive::digest(&manifest));
    let comment = signature_comment(bundle.manifest(), digest);
    let hint = format!("signature of {MANIFEST_NAME}");
    let public = PublicKey::from_secret_key(key).map_err(SignError::Sign)?;
    let signed =
        minisign::sign(Some(&public), key, manifest.as_slice(), Some(&comment), Some(&hint));
    let text = signed.map_err(SignError::Sign)?.into_string();
    Ok(Change::Signature { key_id: key_id(key), text })
}

/// As minisign shows it: the eight bytes as one little-endian number.
fn key_id(key: &SecretKey) -> String {
    key.keynum().iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

fn secret_key(path: &Path, password_file: Option<&Path>) -> Result<SecretKey, SignError> {
    let text = read("the key", path)?;
    let wrong = |source| SignError::NotAKey { path: path.to_owned(), source };
    if let Some(key) = open_key(&text) {
        return Ok(key);
    }
    let key = SecretKeyBox::from_string(&text).map_err(wrong)?;
    // What is no key at all is told before anybody is asked for a password.
    encoded(&text).map(|bytes| SecretKey::from_bytes(&bytes)).transpose().map_err(wrong)?;
    let password = match password_file {
        Some(file) => Some(password(file)?),
        None if io::stdin().is_terminal() => None,
        None => return Err(SignError::NoTerminal { path: path.to_owned() }),
    };
    let opened = key.into_secret_key(password);
    opened.map_err(|source| SignError::Password { path: path.to_owned(), source })
}

/// A key without a password, as `minisign -G -W` makes it. The library wants a checksum in it, which
/// the tool leaves out; that the key is whole is seen when its signature is verified.
fn open_key(text: &str) -> Option<SecretKey> {
    const NO_KEY_DERIVATION: [u8; 2] = [0, 0];
    let bytes = encoded(text)?;
    let is_open = bytes.get(2..4) == Some(&NO_KEY_DERIVATION);
    is_open.then(|| SecretKey::from_bytes(&bytes).ok()).flatten()
}

/// The second line of a key, decoded.
fn encoded(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.lines().nth(1)?.trim()).ok()
}

fn password(file: &Path) -> Result<String, SignError> {
    let path = if file == Path::new("-") { Path::new("/dev/stdin") } else { file };
    let text = read("the password", path)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn read(what: &'static str, path: &Path) -> Result<String, SignError> {
    let mut text = String::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LIMIT_BYTES).read_to_string(&mut text));
    read.map_err(|source| SignError::Read { what, path: path.to_owned(), source })?;
    Ok(text)
}
