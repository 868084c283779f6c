//! What a file `NAME.pem` holds, and what can be wrong with it.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use holdall_certificates::{Checked, Fault};
use jiff::Timestamp;
use rustix::fs::OFlags;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};

use crate::Name;

/// What there is for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// There is no file: the name is not wanted.
    Gone,
    /// A certificate is wanted: the file is empty, or what was in it was damaged.
    Requested,
    Certificate(Leaf),
}

/// The certificate of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub der: CertificateDer<'static>,
    /// DNS names, wildcards among them, and addresses.
    pub names: Vec<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// What a file was at some moment; two are equal if the file was the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Version {
    Absent,
    Empty,
    /// The SHA-256 of its content.
    Content([u8; 32]),
}

/// What is wrong with a `NAME.pem`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    #[error(transparent)]
    Fault(#[from] Arc<Fault>),
    #[error("byte {offset} of it is NUL, as after a power loss")]
    Nul { offset: usize },
    #[error("its certificate is not for {name}, but for {found:?}")]
    OtherName { name: Name, found: Vec<String> },
}

/// Far more than a key and a long chain need.
const LIMIT_BYTES: u64 = 1 << 20;

impl Leaf {
    /// The certificate in what is to become `NAME.pem`, if all that it needs is there: the key, its
    /// certificate for the name, the chain.
    pub fn read(name: &Name, pem: &[u8]) -> Result<Self, Damage> {
        if let Some(offset) = pem.iter().position(|byte| *byte == 0) {
            return Err(Damage::Nul { offset });
        }
        let file_name = format!("{name}.pem");
        let checked = Checked::parse(Path::new(&file_name), pem).map_err(|error| error.fault)?;
        let Some(der) = checked.chain.into_iter().next().filter(|_| covers(&checked.names, name))
        else {
            return Err(Damage::OtherName { name: name.clone(), found: checked.names });
        };
        let (not_before, not_after) = (time(checked.not_before), time(checked.not_after));
        Ok(Self { der, names: checked.names, not_before, not_after })
    }
}

impl Version {
    /// Of what [`read`] gives.
    pub(super) fn of(content: Option<&[u8]>) -> Self {
        match content {
            None => Self::Absent,
            Some([]) => Self::Empty,
            Some(bytes) => Self::Content(Sha256::digest(bytes).into()),
        }
    }
}

/// Reads a file of at most a mebibyte, through symbolic links; nothing where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Fault> {
    // Not to wait for ever for the other side of a pipe.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        // A link to nothing is there all the same.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            return Ok(None);
        }
        opened => opened.map_err(Fault::Unreadable)?,
    };
    let metadata = file.metadata().map_err(Fault::Unreadable)?;
    if metadata.is_dir() {
        return Err(Fault::Directory);
    }
    if !metadata.is_file() {
        return Err(Fault::NotAFile);
    }
    let mut bytes = Vec::new();
    file.take(LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(Fault::Unreadable)?;
    if bytes.len() as u64 > LIMIT_BYTES {
        return Err(Fault::TooLarge { limit_bytes: LIMIT_BYTES });
    }
    Ok(Some(bytes))
}

/// Whether a certificate with these names is one for `name` (RFC 9525 section 6.3).
fn covers(names: &[String], name: &Name) -> bool {
    let parent = name.as_str().split_once('.').filter(|_| name.address().is_none());
    let wildcard = parent.map(|(_, parent)| format!("*.{parent}"));
    names.iter().any(|one| one == name.as_str() || Some(one) == wildcard.as_ref())
}

/// Beyond the year 9999, the last moment there is.
fn time(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}
