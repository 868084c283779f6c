//! The content of a file `NAME.pem`, looked at before it is served.

use std::path::Path;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;

use crate::error::{Fault, LoadError};
use crate::identity::Identity;

/// A certificate, its chain and its key in one text, checked to belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The certificate, then its chain, in the order in which they are served.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its DNS names, wildcards among them, and IP addresses.
    pub names: Vec<String>,
    /// When it becomes valid.
    pub not_before: SystemTime,
    /// The last second in which it is valid.
    pub not_after: SystemTime,
}

impl Checked {
    /// Checks what the file at `path` holds, or is to hold; the file itself is not looked at.
    ///
    /// # Errors
    ///
    /// What is damaged or missing, or that the key is of another certificate.
    pub fn parse(path: &Path, pem: &[u8]) -> Result<Self, LoadError> {
        if pem.is_empty() {
            return Err(LoadError::new(path, Fault::Empty));
        }
        let identity = Identity::from_pem(path, pem)?;
        Ok(Self {
            chain: identity.certified.cert.clone(),
            names: identity.names,
            not_before: identity.not_before,
            not_after: identity.not_after,
        })
    }
}
