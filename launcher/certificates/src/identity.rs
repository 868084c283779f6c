//! What a server shows in a handshake: a chain of certificates and the key that signs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{SignatureAlgorithm, SignatureScheme};

use crate::error::{Fault, LoadError};
use crate::file;
use crate::key::PrivateKey;
use crate::x509::Certificate;

/// A certificate with its chain and its key, checked to belong together.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The file of the certificate.
    pub path: PathBuf,
    pub names: Vec<String>,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
    pub answers: Answers,
    pub certified: Arc<CertifiedKey>,
}

/// By the file of the certificate.
pub(crate) type Identities = BTreeMap<PathBuf, Arc<Identity>>;

/// Which clients an identity is shown to, besides those that ask for one of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// None.
    ItsNames,
    /// Those that send no name, as when they connect to an address.
    NoName,
    /// Those that send no name, and those that ask for a name that nobody has.
    Anyone,
}

impl Identity {
    /// Puts the key, the certificate of it, and the chain together; `certificates` are in any
    /// order.
    pub fn new(
        path: &Path,
        certificates: &[&Certificate],
        key: &PrivateKey,
        answers: Answers,
    ) -> Result<Option<Self>, LoadError> {
        let Some(leaf) = certificates.iter().find(|one| one.public_key == key.public_key) else {
            return Ok(None);
        };
        let certified = CertifiedKey::new(chain(leaf, certificates), key.signing.clone());
        let checked = certified.keys_match();
        checked.map_err(|error| LoadError::new(path, Fault::UnusableCertificate(error)))?;
        Ok(Some(Self {
            path: path.to_owned(),
            names: leaf.names.clone(),
            not_before: leaf.not_before,
            not_after: leaf.not_after,
            answers,
            certified: Arc::new(certified),
        }))
    }

    /// The identity in the text of one file, which has all of it.
    pub fn from_pem(path: &Path, pem: &[u8]) -> Result<Self, LoadError> {
        let fault = |fault| LoadError::new(path, fault);
        let contents = file::parse(pem, path, file::PRIVATE).map_err(fault)?;
        let key = contents.key.ok_or_else(|| fault(Fault::NoKey))?;
        let certificates: Vec<_> = contents.certificates.iter().collect();
        if certificates.is_empty() {
            return Err(fault(Fault::NoCertificate));
        }
        let identity = Self::new(path, &certificates, &key, Answers::of(path, &certificates))?;
        identity.ok_or_else(|| fault(Fault::KeyMismatch { key: path.to_owned() }))
    }

    /// Whether this shows the same certificates as `other`.
    pub fn is_same(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert && self.answers == other.answers
    }

    pub fn is_valid_at(&self, time: SystemTime) -> bool {
        self.not_before <= time && time <= self.not_after
    }

    /// Whether a client that understands `schemes` can verify the signature.
    pub fn fits(&self, schemes: &[SignatureScheme]) -> bool {
        self.certified.key.choose_scheme(schemes).is_some()
    }

    /// Smaller is better: ECDSA signs many times faster than RSA, and every client knows both.
    pub fn rank(&self) -> u8 {
        match self.certified.key.algorithm() {
            SignatureAlgorithm::ECDSA => 0,
            SignatureAlgorithm::RSA => 2,
            _ => 1,
        }
    }
}

impl Answers {
    /// `DEFAULT.pem` answers anyone; a certificate for an address answers those that connect to
    /// one, who send no name.
    pub fn of(path: &Path, certificates: &[&Certificate]) -> Self {
        let names = || certificates.iter().flat_map(|one| &one.names);
        if path.file_stem().is_some_and(|stem| stem == "DEFAULT") {
            Self::Anyone
        } else if names().any(|name| name.parse::<std::net::IpAddr>().is_ok()) {
            Self::NoName
        } else {
            Self::ItsNames
        }
    }
}

/// The leaf, then each the issuer of the one before (RFC 5246 section 7.4.2), then what is not
/// linked by name: it was put there for a reason.
fn chain(leaf: &Certificate, certificates: &[&Certificate]) -> Vec<CertificateDer<'static>> {
    let mut rest: Vec<_> = certificates.iter().filter(|one| one.der != leaf.der).collect();
    let mut chain = vec![leaf.der.clone()];
    let mut issuer = &leaf.issuer;
    while let Some(index) = rest.iter().position(|one| one.subject == *issuer) {
        let next = rest.remove(index);
        chain.push(next.der.clone());
        issuer = &next.issuer;
    }
    chain.extend(rest.iter().map(|one| one.der.clone()));
    chain
}
