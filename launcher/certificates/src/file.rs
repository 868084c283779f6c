//! One file of certificates and keys, as it is on disk.

use std::fs::{self, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use crate::care::Care;
use crate::error::Fault;
use crate::key::PrivateKey;
use crate::pem;
use crate::written;
use crate::x509::Certificate;

/// What a PEM file holds.
#[derive(Debug)]
pub(crate) struct Contents {
    pub key: Option<PrivateKey>,
    /// In the order of the file.
    pub certificates: Vec<Certificate>,
}

/// A file at the moment it was read.
#[derive(Debug)]
pub(crate) struct File {
    pub contents: Result<Contents, Arc<Fault>>,
    /// By what a change is seen; nothing if a change could be missed.
    stamp: Option<Stamp>,
}

/// Which file, and in which state: a file whose stamp is the same has not been written.
type Stamp = [i64; 8];

/// Far more than a key and a long chain need.
const LIMIT_BYTES: u64 = 1 << 20;

/// Two writes within one tick of the file system's clock give the same stamp, so the stamp of a
/// file that was changed a moment ago proves nothing. Two seconds is the coarsest clock (FAT).
const SETTLED: Duration = Duration::from_secs(2);

/// Anyone but the owner may read or write.
const OTHERS: u32 = 0o066;

/// Only the owner may.
pub(crate) const PRIVATE: u32 = 0o600;

impl File {
    /// Reads the file, following symbolic links.
    pub fn read(path: &Path, care: Care) -> Self {
        match open(path) {
            Ok((metadata, text)) => {
                let mode = match care {
                    Care::Others => metadata.mode(),
                    // Who tends the file mends it; until then it serves.
                    Care::Ourselves => PRIVATE,
                };
                let contents = parse(&text, path, mode).map_err(Arc::new);
                let stamp = contents.is_ok().then(|| settled_stamp(&metadata)).flatten();
                Self { contents, stamp }
            }
            Err(fault) => Self { contents: Err(Arc::new(fault)), stamp: None },
        }
    }

    /// Whether the file is for certain as it was read.
    pub fn is_current(&self, path: &Path) -> bool {
        let now = fs::metadata(path).ok();
        self.stamp.is_some() && self.stamp == now.as_ref().map(stamp)
    }
}

fn open(path: &Path) -> Result<(Metadata, Vec<u8>), Fault> {
    // Not to wait for ever for the other side of a pipe.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(Fault::Unreadable)?;
    let metadata = file.metadata().map_err(Fault::Unreadable)?;
    if metadata.is_dir() {
        return Err(Fault::Directory);
    }
    if !metadata.is_file() {
        return Err(Fault::NotAFile);
    }
    let mut text = Vec::new();
    file.take(LIMIT_BYTES + 1).read_to_end(&mut text).map_err(Fault::Unreadable)?;
    match text.len() as u64 {
        0 => Err(Fault::Empty),
        1..=LIMIT_BYTES => Ok((metadata, text)),
        _ => Err(Fault::TooLarge { limit_bytes: LIMIT_BYTES }),
    }
}

/// What the text of a file with these permission bits holds.
pub(crate) fn parse(text: &[u8], path: &Path, mode: u32) -> Result<Contents, Fault> {
    let mut contents = Contents { key: None, certificates: Vec::new() };
    for block in pem::blocks(text)? {
        if block.kind == rustls::pki_types::pem::SectionKind::Certificate {
            contents.certificates.push(Certificate::parse(&block)?);
        }
        let Some(key) = PrivateKey::parse(&block) else { continue };
        if mode & OTHERS != 0 {
            return Err(Fault::ExposedKey { path: path.to_owned(), mode: mode & 0o7777 });
        }
        let key = key?;
        if let Some(first) = &contents.key {
            return Err(Fault::SeveralKeys { first_line: first.line, second_line: key.line });
        }
        contents.key = Some(key);
    }
    written::is_whole(text, contents.certificates.len())?;
    Ok(contents)
}

fn settled_stamp(metadata: &Metadata) -> Option<Stamp> {
    let changed = UNIX_EPOCH + Duration::from_secs(metadata.ctime().try_into().ok()?);
    let age = SystemTime::now().duration_since(changed).ok()?;
    (age > SETTLED).then(|| stamp(metadata))
}

fn stamp(metadata: &Metadata) -> Stamp {
    [
        metadata.dev().cast_signed(),
        metadata.ino().cast_signed(),
        metadata.size().cast_signed(),
        i64::from(metadata.mode()),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ]
}
