//! A private key that can sign.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SigningKey;
use x509_parser::asn1_rs::{Any, FromDer};

use crate::error::Fault;
use crate::pem::Block;

/// A private key, with the public half by which its certificate is found.
#[derive(Debug)]
pub(crate) struct PrivateKey {
    /// Where it begins in its file; the first line is 1.
    pub line: usize,
    pub signing: Arc<dyn SigningKey>,
    /// The SubjectPublicKeyInfo, as DER.
    pub public_key: Vec<u8>,
}

impl PrivateKey {
    /// The key in `block`, or nothing if that holds something else.
    pub fn parse(block: &Block) -> Option<Result<Self, Fault>> {
        let der = PrivateKeyDer::from_pem(block.kind, block.der.clone())?;
        Some(Self::from_der(&der, block.line))
    }

    fn from_der(der: &PrivateKeyDer<'_>, line: usize) -> Result<Self, Fault> {
        let signing = any_supported_type(der).map_err(|source| refusal(der, line, source))?;
        let Some(public_key) = signing.public_key() else {
            let source = rustls::Error::General("it has no public key".to_owned());
            return Err(Fault::UnsupportedKey { line, source });
        };
        let public_key = public_key.as_ref().to_vec();
        Ok(Self { line, signing, public_key })
    }
}

/// The TLS library does not tell damage from a kind it does not know: whole DER is the latter.
fn refusal(der: &PrivateKeyDer<'_>, line: usize, source: rustls::Error) -> Fault {
    match Any::from_der(der.secret_der()) {
        Ok(([], _)) => Fault::UnsupportedKey { line, source },
        _ => Fault::DamagedKey { line },
    }
}
