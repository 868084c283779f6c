//! A handshake with ourselves: what clients are shown, not what we believe that they are.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::Name;
use crate::office::Office;

/// Why a certificate was not seen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unseen {
    #[error("no handshake for {name} at {place}")]
    Failed {
        name: String,
        place: String,
        #[source]
        source: io::Error,
    },
    #[error("{place} shows another certificate for {name}")]
    Other { name: String, place: String },
}

/// No handshake on the same machine takes so long.
const TIMEOUT: Duration = Duration::from_secs(10);

/// More than a handshake needs in one direction.
const BUFFER: usize = 64 * 1024;

/// Shakes hands as a client that asks for the name would, at every address there is, and looks
/// whether it is shown this certificate. Without an address, the connection is in memory.
pub(crate) async fn shows(
    office: &Office,
    name: &Name,
    leaf: &CertificateDer<'_>,
) -> Result<(), Unseen> {
    if office.addresses.is_empty() {
        let place = "the endpoint".to_owned();
        return judge(name, place, leaf, in_memory(office, name).await);
    }
    for address in &office.addresses {
        let shown = over_tcp(*address, name).await;
        judge(name, address.to_string(), leaf, shown)?;
    }
    Ok(())
}

fn judge(
    name: &Name,
    place: String,
    leaf: &CertificateDer<'_>,
    shown: io::Result<CertificateDer<'static>>,
) -> Result<(), Unseen> {
    let name = name.to_string();
    match shown {
        Ok(shown) if shown == *leaf => Ok(()),
        Ok(_) => Err(Unseen::Other { name, place }),
        Err(source) => Err(Unseen::Failed { name, place, source }),
    }
}

async fn over_tcp(address: SocketAddr, name: &Name) -> io::Result<CertificateDer<'static>> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, address.port());
    let shake = async { ask(TcpStream::connect(address).await?, name).await };
    tokio::time::timeout(TIMEOUT, shake).await?
}

async fn in_memory(office: &Office, name: &Name) -> io::Result<CertificateDer<'static>> {
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let acceptor = TlsAcceptor::from(office.certificates.server_config());
    let (shown, _) = tokio::join!(ask(ours, name), acceptor.accept(theirs));
    shown
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    name: &Name,
) -> io::Result<CertificateDer<'static>> {
    let asked = match name.is_wildcard() {
        true => format!("holdall.{}", name.base()),
        false => name.to_string(),
    };
    let asked = ServerName::try_from(asked).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(client_config().map_err(io::Error::other)?));
    let stream = connector.connect(asked, stream).await?;
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(|chain| chain.first());
    shown.cloned().map(CertificateDer::into_owned).ok_or(io::ErrorKind::InvalidData.into())
}

fn client_config() -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions()?.dangerous();
    Ok(builder
        .with_custom_certificate_verifier(Arc::new(AnyIssuer(provider)))
        .with_no_client_auth())
}

/// The certificate is compared byte by byte, and so may be from anyone; that the server has its
/// key is verified as always.
#[derive(Debug)]
struct AnyIssuer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyIssuer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
