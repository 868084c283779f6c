//! What a server shows to a client, whether the client would accept it or not.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, GeneralName};
use x509_parser::x509::X509Name;

/// The certificates that were shown in a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The serial number, as hexadecimal digits.
    pub serial: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// Its first second.
    pub not_before: Timestamp,
    /// Its last second.
    pub not_after: Timestamp,
    /// The common name of its issuer.
    pub issuer: String,
    /// How many certificates came, with it.
    pub chain: usize,
    /// The certificate itself.
    pub leaf: CertificateDer<'static>,
}

impl Shown {
    /// Shakes hands with the server at an address, with `name` as SNI where it is no address.
    ///
    /// # Errors
    /// The network's, and rustls's of the handshake, such as the alert that came.
    pub fn at(address: SocketAddr, name: &str) -> io::Result<Self> {
        Self::speaking(address, name, &[])
    }

    /// The same with these protocols (ALPN).
    ///
    /// # Errors
    /// The same.
    pub fn speaking(address: SocketAddr, name: &str, protocols: &[&str]) -> io::Result<Self> {
        let mut config = accepting_anything();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::new(config), name);
        let mut connection = connection.map_err(io::Error::other)?;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        let chain = connection.peer_certificates().unwrap_or_default();
        Ok(Self::new(chain))
    }

    /// What is in a file of certificates.
    ///
    /// # Panics
    /// If there is none.
    pub fn in_pem(pem: &[u8]) -> Self {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        Self::new(&chain.expect("certificates"))
    }

    fn new(chain: &[CertificateDer<'_>]) -> Self {
        let leaf = chain.first().expect("a certificate");
        let (_, parsed) = X509Certificate::from_der(leaf).expect("a certificate in DER");
        let time = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).expect("a time")
        };
        Self {
            serial: parsed.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
            names: names(&parsed),
            not_before: time(parsed.validity().not_before),
            not_after: time(parsed.validity().not_after),
            issuer: common_name(parsed.issuer()),
            chain: chain.len(),
            leaf: leaf.clone().into_owned(),
        }
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().expect("an extension at most once");
    let names = names.into_iter().flat_map(|names| &names.value.general_names);
    names.map(text).collect()
}

fn text(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(bytes) => std::net::Ipv4Addr::from(bytes).to_string(),
            Err(_) => format!("{bytes:?}"),
        },
        other => other.to_string(),
    }
}

fn common_name(name: &X509Name<'_>) -> String {
    let mut names = name.iter_common_name();
    names.next().and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned()
}

/// The common name of a certificate.
pub(crate) fn subject_of(pem: &str) -> String {
    let pem = Pem::iter_from_buffer(pem.as_bytes()).next().expect("a certificate").expect("PEM");
    common_name(pem.parse_x509().expect("a certificate").subject())
}

/// For connections to servers with a certificate below this root.
pub(crate) fn client_config(root: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(root.as_bytes()).expect("a certificate");
    roots.add(root).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions with ciphers");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn accepting_anything() -> ClientConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().expect("versions with ciphers");
    let verifier = Arc::new(Anything(provider));
    builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
}

/// Also what has expired is to be seen; that the server has its key is verified as always.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
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
