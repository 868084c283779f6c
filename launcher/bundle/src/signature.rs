//! Who signed a bundle: minisign signatures of its manifest, which speaks for every other byte.
//!
//! A signature is an entry of the archive, `.holdall/signatures/KEY.minisig`, as minisign writes it
//! (<https://jedisct1.github.io/minisign/#signature-format>). It is of the manifest as it stands in the
//! archive, so that the ordinary tool verifies it too:
//!
//! ```sh
//! unzip -p sayhello .holdall/manifest.json > manifest.json
//! unzip -p sayhello '.holdall/signatures/*' > manifest.json.minisig
//! minisign -V -p minisign.pub -m manifest.json
//! ```
//!
//! The manifest holds the digests of the executable and of all entries, so a signature is worth
//! something together with [`verify`](crate::verify) alone: [`verify_signature`] is the first half.

use crate::bundle::Bundle;
use crate::digest::Digest;
use crate::error::BundleError;
use crate::exit_code::ExitCode;
use crate::manifest::{MANIFEST_LIMIT_BYTES, MANIFEST_NAME, Manifest};
use holdall_archive::{Archive, Entry, SIGNATURES};
use serde::Serialize;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What the name of a signature ends with.
pub const SIGNATURE_SUFFIX: &str = ".minisig";

/// The longest signature and the longest file of a public key that are read, in bytes; minisign's
/// have about 300.
const LIMIT_BYTES: u64 = 8 << 10;
/// How many signatures are looked at; who has more has other plans.
const LIMIT: usize = 64;
/// The length of a public key in base64.
const KEY_LEN: usize = 56;

/// A signature in a bundle. What it says is true only after [`verify_signature`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// The key it claims to be of: the identifier that minisign shows, 16 hexadecimal digits.
    pub key_id: String,
    /// What the signer says of it: minisign's trusted comment.
    pub comment: String,
    /// Whether it was made for the manifest that is there now, as far as its comment tells.
    pub is_current: bool,
}

impl Signature {
    /// What it claims, in words: nobody has held it against a key.
    pub fn claim(&self) -> String {
        let Self { key_id, is_current, .. } = self;
        match is_current {
            true => format!("says it is signed by {key_id}, which only --public-key checks"),
            false => format!("was signed by {key_id}, and changed since"),
        }
    }
}

/// A public key of minisign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: minisign_verify::PublicKey,
    /// As the user gave it.
    given: String,
}

/// Why a bundle is not taken for signed.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// What is to be the key can't be read.
    #[error("can't read the public key {}", path.display())]
    ReadKey {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What is to be the key is none.
    #[error(
        "{given:?} is no public key of minisign: it is neither one in base64 nor a file with one"
    )]
    NotAKey {
        /// What the user gave.
        given: String,
    },
    /// Nobody signed it, or others did.
    #[error("{} is not signed by {key}: {}", path.display(), others(.found))]
    NotSigned {
        /// The bundle.
        path: PathBuf,
        /// The key that was asked for.
        key: String,
        /// The keys that it claims to be signed by.
        found: Vec<String>,
    },
    /// The key signed something else.
    #[error("{} was signed by {key}, and changed since: {reason}", path.display())]
    Changed {
        /// The bundle.
        path: PathBuf,
        /// The key.
        key: String,
        /// What tells so.
        reason: &'static str,
    },
    /// The bundle is damaged.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

impl SignatureError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::ReadKey { source, .. } => ExitCode::for_input(source.kind()),
            Self::NotAKey { .. } => ExitCode::Usage,
            Self::NotSigned { .. } | Self::Changed { .. } => ExitCode::Damaged,
            Self::Bundle(error) => error.exit_code(),
        }
    }
}

impl PublicKey {
    /// The key that the user means: one in base64, as `minisign -P` takes it, or a file with one, as
    /// `minisign -p` does.
    ///
    /// # Errors
    /// [`SignatureError::ReadKey`] and [`SignatureError::NotAKey`].
    ///
    /// ```
    /// use holdall_bundle::PublicKey;
    ///
    /// let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    /// assert_eq!(PublicKey::new(key.as_ref())?.to_string(), key);
    /// assert!(PublicKey::new("minisgn.pub".as_ref()).is_err());
    /// # Ok::<(), holdall_bundle::SignatureError>(())
    /// ```
    pub fn new(given: &OsStr) -> Result<Self, SignatureError> {
        let text = given.to_string_lossy().into_owned();
        if text.len() == KEY_LEN
            && let Ok(key) = minisign_verify::PublicKey::from_base64(&text)
        {
            return Ok(Self { key, given: text });
        }
        let path = Path::new(given);
        let fail = |source| SignatureError::ReadKey { path: path.to_owned(), source };
        let content = read_text(path).map_err(fail)?;
        let key = minisign_verify::PublicKey::decode(&content)
            .or_else(|_| minisign_verify::PublicKey::from_base64(content.trim()));
        let key = key.map_err(|_| SignatureError::NotAKey { given: text.clone() })?;
        Ok(Self { key, given: text })
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.given)
    }
}

/// What a signature that is made now says of `manifest`, whose bytes have this digest: minisign's
/// trusted comment.
pub fn signature_comment(manifest: &Manifest, digest: Digest) -> String {
    format!("holdall {} {} manifest sha256:{digest}", manifest.name, manifest.version)
}

/// The signatures in the archive, without a word on whether they are right.
///
/// # Errors
/// If the archive is damaged; what is no signature is left out.
pub fn signatures(archive: &Archive) -> Result<Vec<Signature>, BundleError> {
    let current = match manifest_bytes(archive) {
        Ok(manifest) => Digest(holdall_archive::digest(&manifest)).to_string(),
        Err(_) => String::new(),
    };
    let known = |(key_id, signature): (String, minisign_verify::Signature)| {
        let comment = signature.trusted_comment().to_owned();
        let is_current = !current.is_empty() && comment.ends_with(&current);
        Signature { key_id, comment, is_current }
    };
    Ok(decoded(archive)?.into_iter().map(known).collect())
}

/// Says whether the owner of `key` signed the manifest of the archive.
///
/// # Errors
/// [`SignatureError::NotSigned`], [`SignatureError::Changed`], and those of the archive.
pub fn verify_signature(archive: &Archive, key: &PublicKey) -> Result<Signature, SignatureError> {
    let path = || archive.path().to_owned();
    let manifest = manifest_bytes(archive)?;
    let current = Digest(holdall_archive::digest(&manifest)).to_string();
    let mut found = Vec::new();
    for (key_id, signature) in decoded(archive)? {
        match key.key.verify(&manifest, &signature, false) {
            Ok(()) => {
                let comment = signature.trusted_comment().to_owned();
                let is_current = comment.ends_with(&current);
                return Ok(Signature { key_id, comment, is_current });
            }
            Err(minisign_verify::Error::UnexpectedKeyId) => found.push(key_id),
            Err(_) => {
                let reason = match signature.trusted_comment().ends_with(&current) {
                    true => "its signature is not right",
                    false => "its signature is of another manifest",
                };
                return Err(SignatureError::Changed { path: path(), key: key.to_string(), reason });
            }
        }
    }
    Err(SignatureError::NotSigned { path: path(), key: key.to_string(), found })
}

impl Bundle {
    /// The manifest as it stands in the archive: what signatures are of.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn manifest_bytes(&self) -> Result<Vec<u8>, BundleError> {
        manifest_bytes(self.archive())
    }
}

pub(crate) fn manifest_bytes(archive: &Archive) -> Result<Vec<u8>, BundleError> {
    let path = || archive.path().to_owned();
    let entry =
        archive.find(MANIFEST_NAME)?.ok_or_else(|| BundleError::NoManifest { path: path() })?;
    // The size is looked at before the content, so that nothing large is inflated for nothing.
    if entry.size() > MANIFEST_LIMIT_BYTES as u64 {
        let length = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        let source = crate::ManifestError::TooLong { length };
        return Err(BundleError::Manifest { path: path(), source });
    }
    Ok(entry.bytes()?.into_owned())
}

/// All signatures that can be read, with the identifiers that their names give.
fn decoded(archive: &Archive) -> Result<Vec<(String, minisign_verify::Signature)>, BundleError> {
    let mut all = Vec::new();
    for entry in archive.entries_under(SIGNATURES.trim_end_matches('/'))?.take(LIMIT) {
        let entry = entry?;
        let Some(key_id) = key_id(&entry) else { continue };
        if entry.size() > LIMIT_BYTES {
            continue;
        }
        let text = String::from_utf8_lossy(&entry.bytes()?).into_owned();
        if let Ok(signature) = minisign_verify::Signature::decode(&text) {
            all.push((key_id, signature));
        }
    }
    Ok(all)
}

fn key_id(entry: &Entry) -> Option<String> {
    let name = entry.name().strip_prefix(SIGNATURES)?.strip_suffix(SIGNATURE_SUFFIX)?;
    let is_id = name.len() == 16 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_id.then(|| name.to_owned())
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LIMIT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn others(found: &[String]) -> String {
    match found {
        [] => "it has no signature".to_owned(),
        found => format!("it has signatures of {} only", found.join(", ")),
    }
}
