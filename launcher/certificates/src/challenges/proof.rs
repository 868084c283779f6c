//! The handshake that proves the control of a name (RFC 8737 section 3).

use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};

use super::{Digest, Identifier};
use crate::config::provider;

/// The only protocol that is spoken in it.
const PROTOCOL: &[u8] = b"acme-tls/1";

/// Why there is no proof: the system gives no random numbers.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("can't make the certificate of a challenge")]
    Certificate(#[from] rcgen::Error),
    #[error("can't set up TLS for a challenge")]
    Tls(#[from] rustls::Error),
}

/// Shows a certificate that it signs itself, for this name alone, with the digest in a critical
/// extension.
pub(super) fn config(identifier: &Identifier, digest: Digest) -> Result<Arc<ServerConfig>, Failed> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![match identifier {
        Identifier::Host(name) => SanType::DnsName(name.as_str().try_into()?),
        Identifier::Address(address) => SanType::IpAddress(*address),
    }];
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&digest)];
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let builder = ServerConfig::builder_with_provider(Arc::new(provider()));
    let builder = builder.with_protocol_versions(&[&TLS13, &TLS12])?.with_no_client_auth();
    let mut config = builder.with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Each proof is a handshake of its own.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
