//! What an X.509 certificate (RFC 5280) says: names, time, key, issuer.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::error::Fault;
use crate::pem::Block;

/// A certificate, with what is needed to choose it and to put a chain in order.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub der: CertificateDer<'static>,
    /// DNS names and IP addresses, in lower case; wildcards as they are written.
    pub names: Vec<String>,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
    /// The SubjectPublicKeyInfo, as DER.
    pub public_key: Vec<u8>,
    /// Distinguished names, as DER.
    pub subject: Vec<u8>,
    pub issuer: Vec<u8>,
    pub is_authority: bool,
}

impl Certificate {
    pub fn parse(block: &Block) -> Result<Self, Fault> {
        let damaged = |source: Box<dyn std::error::Error + Send + Sync>| {
            Fault::DamagedCertificate { line: block.line, source }
        };
        let (rest, certificate) =
            X509Certificate::from_der(&block.der).map_err(|error| damaged(plain(error)))?;
        if !rest.is_empty() {
            return Err(damaged("bytes follow after its end".into()));
        }
        Ok(Self {
            names: names(&certificate).map_err(|error| damaged(error.into()))?,
            not_before: system_time(certificate.validity.not_before),
            not_after: system_time(certificate.validity.not_after),
            public_key: certificate.subject_pki.raw.to_vec(),
            subject: certificate.subject.as_raw().to_vec(),
            issuer: certificate.issuer.as_raw().to_vec(),
            is_authority: certificate.is_ca(),
            der: CertificateDer::from(block.der.clone()),
        })
    }
}

/// The names of `subjectAltName`: clients look at no other (RFC 9525 section 2).
fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, x509_parser::error::X509Error> {
    let extension = certificate.subject_alternative_name()?;
    let names = extension.iter().flat_map(|extension| &extension.value.general_names);
    Ok(names.filter_map(name).collect())
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => Some(address(bytes)?.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Times before 1970 are 1970: no certificate that is served is so old.
fn system_time(time: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.timestamp().try_into().unwrap_or(0))
}

/// The error without the parser's own frame about it.
fn plain(
    error: x509_parser::nom::Err<x509_parser::error::X509Error>,
) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => error.into(),
        x509_parser::nom::Err::Incomplete(_) => "it ends too early".into(),
    }
}
