//! Blobs: content that is known by its digest and its length.

use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::{self, Write};

/// The SHA-256 of some content, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    sha256: [u8; 32],
    /// The length in bytes.
    pub size: u64,
}

impl Blob {
    /// Of what is in memory.
    pub fn of(content: &[u8]) -> Self {
        Self { sha256: Sha256::digest(content).into(), size: content.len() as u64 }
    }

    /// The digest alone, as it is used in the names of files.
    pub fn hex(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where it lies in an image layout.
    pub fn path(&self) -> String {
        format!("blobs/sha256/{}", self.hex())
    }
}

impl fmt::Display for Blob {
    /// The digest, with its algorithm before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

/// Hands on what is written, and digests it.
#[derive(Debug)]
pub struct Digesting<W> {
    out: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Digesting<W> {
    /// Hands on to `out`.
    pub fn new(out: W) -> Self {
        Self { out, hash: Sha256::new(), size: 0 }
    }

    /// What was written.
    pub fn finish(self) -> Blob {
        Blob { sha256: self.hash.finalize().into(), size: self.size }
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.hash.update(&buffer[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
