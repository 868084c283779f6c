//! What a file `NAME.pem` holds.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

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
    /// The common name of the issuer.
    pub issuer: Option<String>,
    /// It and its chain as PEM, without the key.
    pub chain: String,
}

/// What a file was at some moment; two are equal if the file was the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Version {
    Absent,
    Empty,
    /// The SHA-256 of its content.
    Content([u8; 32]),
}
