//! The digest of digests: one SHA-256 over everything that a bundle carries for its program.

use sha2::{Digest as _, Sha256};

use crate::{Content, Digest, INDEX, MANIFEST, SIGNATURES};

/// Sums up entries in the order of their full names.
///
/// Per entry: name, NUL, u16 mode, media type, NUL, SHA-256 of the content; integers little-endian.
/// Manifest, index and signatures are left out: the manifest holds this digest, the index follows from
/// the rest, and signatures are of the manifest.
pub(crate) struct ContentDigest {
    files: u64,
    size: u64,
    sha256: Sha256,
}

impl ContentDigest {
    pub fn new() -> Self {
        ContentDigest { files: 0, size: 0, sha256: Sha256::new() }
    }

    pub fn add(&mut self, name: &str, mode: u16, media_type: &str, size: u64, digest: &Digest) {
        if name == MANIFEST || name == INDEX || name.starts_with(SIGNATURES) {
            return;
        }
        self.files += u64::from(!name.ends_with('/'));
        self.size += size;
        self.sha256.update(name);
        self.sha256.update([0]);
        self.sha256.update(mode.to_le_bytes());
        self.sha256.update(media_type);
        self.sha256.update([0]);
        self.sha256.update(digest);
    }

    pub fn finish(self) -> Content {
        Content { files: self.files, size: self.size, digest: self.sha256.finalize().into() }
    }
}
