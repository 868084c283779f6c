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

impl Leaf {
    /// The certificate in what is to become `NAME.pem`, if all that it needs is there: the key, its
    /// certificate for the name, the chain.
    pub fn read(name: &crate::Name, pem: &[u8]) -> Result<Self, Damage> {
        todo!()
    }
}

/// What is wrong with a `NAME.pem`.
#[derive(Debug, thiserror::Error)]
#[error("damage")]
pub(crate) struct Damage;
