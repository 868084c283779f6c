//! A client for HTTPS that tells what was negotiated.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DEFAULT_VERSIONS, HandshakeKind, NamedGroup, RootCertStore,
    StreamOwned, SupportedProtocolVersion,
};

use crate::certificates::Issued;
use crate::http::{self, Response};

/// What a client trusts and speaks, and the sessions that it remembers.
#[derive(Debug, Clone)]
pub struct TlsSettings(Arc<ClientConfig>);

/// One connection.
#[derive(Debug)]
pub struct TlsClient {
    stream: StreamOwned<ClientConnection, TcpStream>,
}

impl TlsSettings {
    /// Trusts the certificates below `root`, a PEM certificate, and speaks whatever rustls does:
    /// X25519MLKEM768 first.
    pub fn new(root: &str) -> Self {
        Self::with(root, DEFAULT_VERSIONS, &[])
    }

    /// The same with these versions of TLS, and with these key exchanges only, if there are some.
    pub fn with(
        root: &str,
        versions: &[&'static SupportedProtocolVersion],
        groups: &[NamedGroup],
    ) -> Self {
        let mut provider: CryptoProvider = aws_lc_rs::default_provider();
        provider.kx_groups.retain(|group| groups.is_empty() || groups.contains(&group.name()));
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(root.as_bytes()).expect("a certificate");
        roots.add(root).expect("a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_protocol_versions(versions).expect("versions with ciphers");
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        // Whoever offers early data gets to know whether it is taken.
        config.enable_early_data = true;
        Self(Arc::new(config))
    }

    /// Connects and shakes hands, with `name` as SNI.
    ///
    /// # Errors
    /// What rustls says of the handshake, such as the alert that came.
    pub fn try_connect(&self, address: SocketAddr, name: &str) -> std::io::Result<TlsClient> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut connection = self.connection(name);
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(TlsClient { stream: StreamOwned::new(connection, socket) })
    }

    /// The same, and it has to succeed.
    pub fn connect(&self, address: SocketAddr, name: &str) -> TlsClient {
        let client = self.try_connect(address, name);
        client.unwrap_or_else(|error| panic!("{name} at {address}: {error}"))
    }

    /// How a client begins that asks for `name`.
    pub fn client_hello(&self, name: &str) -> Vec<u8> {
        let mut hello = Vec::new();
        self.connection(name).write_tls(&mut hello).expect("memory");
        hello
    }

    fn connection(&self, name: &str) -> ClientConnection {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        ClientConnection::new(self.0.clone(), name).expect("settings that fit")
    }
}

impl TlsClient {
    /// GETs a path, and leaves the connection open.
    ///
    /// # Panics
    /// If there is no whole answer.
    pub fn get(&mut self, path: &str) -> Response {
        write!(self.stream, "GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")
            .expect("an open connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("an answer");
            head.extend(byte);
        }
        let mut response = http::parse(&head);
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        response.body = vec![0; length.expect("a length")];
        self.stream.read_exact(&mut response.body).expect("a whole answer");
        response
    }

    /// Whether this is the server's certificate.
    pub fn was_shown(&self, issued: &Issued) -> bool {
        let shown = self.stream.conn.peer_certificates().and_then(<[_]>::first);
        shown == CertificateDer::from_pem_slice(issued.certificate.as_bytes()).ok().as_ref()
    }

    /// How the keys were agreed upon.
    pub fn key_exchange(&self) -> NamedGroup {
        let group = self.stream.conn.negotiated_key_exchange_group();
        group.expect("a handshake that is over").name()
    }

    /// Whether an older session goes on.
    pub fn is_resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Whether the server would have taken a request that anybody can replay (0-RTT).
    pub fn took_early_data(&self) -> bool {
        self.stream.conn.is_early_data_accepted()
    }
}
