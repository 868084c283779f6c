//! What can be wrong with a file of certificates.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file or directory that can't be used, and what is wrong with it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("can't use {}", path.display())]
pub struct LoadError {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: Arc<Fault>,
}

/// What is wrong with a file of certificates, a private key, or a directory of both.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The system refuses to read it: it does not exist, or the permission is missing.
    #[error("it can't be read")]
    Unreadable(#[source] io::Error),
    /// It is a directory.
    #[error("it is a directory, not a file")]
    Directory,
    /// It is neither a file nor a directory: a pipe, a socket, a device.
    #[error("it is not a regular file")]
    NotAFile,
    /// It is larger than any file of certificates has reason to be.
    #[error("it is larger than {limit_bytes} bytes, more than certificates and a key need")]
    TooLarge {
        /// The most bytes that are read.
        limit_bytes: u64,
    },
    /// It has no byte.
    #[error("it is empty")]
    Empty,
    /// A block in it is not what RFC 7468 describes.
    #[error("the PEM block that begins in line {line} is damaged: {cause}")]
    DamagedPem {
        /// Where the block begins; the first line is 1.
        line: usize,
        /// What the PEM reader met.
        cause: String,
    },
    /// Some of what was written is not there any more.
    #[error("it has {found} of its {written} certificates")]
    Cut {
        /// How many there were.
        written: usize,
        /// How many there are.
        found: usize,
    },
    /// There is no block `CERTIFICATE`.
    #[error(
        "it has no certificate: a block that begins with -----BEGIN CERTIFICATE----- is needed"
    )]
    NoCertificate,
    /// There is no block with a private key.
    #[error(
        "it has no private key: a block that begins with -----BEGIN PRIVATE KEY----- is needed"
    )]
    NoKey,
    /// There is more than one private key.
    #[error("it has more than one private key, in lines {first_line} and {second_line}: keep one")]
    SeveralKeys {
        /// Where the first one begins; the first line is 1.
        first_line: usize,
        /// Where the second one begins.
        second_line: usize,
    },
    /// The private key is protected by a pass phrase, and nobody is there to type it.
    #[error(
        "the private key in line {line} is encrypted: store it without its pass phrase, as \
         `openssl pkey -in ENCRYPTED -out PLAIN` does"
    )]
    EncryptedKey {
        /// Where it begins; the first line is 1.
        line: usize,
    },
    /// The private key is not the DER that its block promises.
    #[error("the private key in line {line} is damaged")]
    DamagedKey {
        /// Where it begins; the first line is 1.
        line: usize,
    },
    /// The private key is of a kind that is not served.
    #[error(
        "the private key in line {line} is of no supported kind: use ECDSA on P-256, P-384 or \
         P-521, RSA with 2048 bits or more, or Ed25519"
    )]
    UnsupportedKey {
        /// Where it begins; the first line is 1.
        line: usize,
        /// What the TLS library says.
        #[source]
        source: rustls::Error,
    },
    /// The private key can be read or changed by others than its owner.
    #[error(
        "the private key in it is open to others than its owner (mode {mode:04o}): \
         chmod 600 {}", path.display()
    )]
    ExposedKey {
        /// The file, as for `chmod`.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A certificate is not the DER that its block promises.
    #[error("the certificate in line {line} is damaged")]
    DamagedCertificate {
        /// Where it begins; the first line is 1.
        line: usize,
        /// What the X.509 reader met.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A certificate can be read, but TLS can't use it.
    #[error("its certificate can't serve TLS")]
    UnusableCertificate(#[source] rustls::Error),
    /// The private key belongs to none of the certificates.
    #[error("no certificate in it belongs to the private key in {}", key.display())]
    KeyMismatch {
        /// The file of the private key.
        key: PathBuf,
    },
    /// The certificate is alone: no file of its directory has the private key for it.
    #[error("neither it nor another file beside it has the private key of its certificate")]
    NoKeyBeside,
    /// The directory has more files than are looked at.
    #[error("it has more than {limit} files")]
    TooManyFiles {
        /// The most files that are looked at.
        limit: usize,
    },
    /// The directory has no certificate that can be served.
    #[error(
        "it has no usable certificate: a file NAME.pem with a certificate and its key is needed"
    )]
    NoneUsable {
        /// The first of the files that were refused, if there was one.
        #[source]
        source: Option<Box<LoadError>>,
    },
    /// TLS itself can't be set up: the system gives no random numbers.
    #[error("TLS can't be set up for it")]
    Tls(#[source] rustls::Error),
}

impl LoadError {
    pub(crate) fn new(path: &Path, fault: impl Into<Arc<Fault>>) -> Self {
        Self { path: path.to_owned(), fault: fault.into() }
    }
}

/// An error and all its causes in one line, for events.
pub(crate) struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
