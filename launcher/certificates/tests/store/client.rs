//! A TLS client and a server of the library, joined in memory.

use std::io::{Read, Write};
use std::sync::Arc;

use holdall_certificates::Certificates;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, Error, RootCertStore, ServerConfig,
    ServerConnection, SideData, SupportedProtocolVersion,
};

use crate::authority::Authority;

/// Both ends of a connection whose handshake is done.
pub struct Session {
    pub client: ClientConnection,
    pub server: ServerConnection,
}

/// A client that trusts the authority and offers all that the library can.
pub fn config(authority: &Authority) -> ClientConfig {
    config_with(authority, aws_lc_rs::default_provider(), rustls::ALL_VERSIONS)
}

pub fn config_with(
    authority: &Authority,
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.root.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(versions).unwrap();
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// The certificate that a client gets when it asks for `name`; an address is asked for by no name.
pub fn shown(
    authority: &Authority,
    certificates: &Certificates,
    name: &str,
) -> Result<CertificateDer<'static>, Error> {
    let session = connect(config(authority).into(), certificates, name)?;
    Ok(session.chain().swap_remove(0))
}

/// The same without SNI.
pub fn shown_without_sni(
    authority: &Authority,
    certificates: &Certificates,
    name: &str,
) -> Result<CertificateDer<'static>, Error> {
    let mut config = config(authority);
    config.enable_sni = false;
    Ok(connect(config.into(), certificates, name)?.chain().swap_remove(0))
}

pub fn connect(
    config: Arc<ClientConfig>,
    certificates: &Certificates,
    name: &str,
) -> Result<Session, Error> {
    connect_to(config, certificates.server_config(), name)
}

pub fn connect_to(
    config: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    name: &str,
) -> Result<Session, Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut session = Session {
        client: ClientConnection::new(config, name).unwrap(),
        server: ServerConnection::new(server).unwrap(),
    };
    while session.client.is_handshaking() || session.server.is_handshaking() {
        session.exchange()?;
    }
    session.exchange()?; // session tickets
    Ok(session)
}

impl Session {
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        let chain = self.client.peer_certificates().unwrap();
        chain.iter().cloned().map(CertificateDer::into_owned).collect()
    }

    /// Sends a word each way.
    pub fn converse(&mut self) -> Result<(), Error> {
        self.client.writer().write_all(b"ping").unwrap();
        self.server.writer().write_all(b"pong").unwrap();
        self.exchange()?;
        let (mut to_server, mut to_client) = ([0; 4], [0; 4]);
        self.server.reader().read_exact(&mut to_server).unwrap();
        self.client.reader().read_exact(&mut to_client).unwrap();
        assert_eq!((&to_server, &to_client), (b"ping", b"pong"));
        Ok(())
    }

    /// Takes to each end what the other one has to say.
    fn exchange(&mut self) -> Result<(), Error> {
        carry(&mut self.client, &mut self.server)?;
        carry(&mut self.server, &mut self.client)
    }
}

fn carry<A: SideData, B: SideData>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Result<(), Error> {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).unwrap();
    }
    let mut bytes = bytes.as_slice();
    while !bytes.is_empty() {
        to.read_tls(&mut bytes).unwrap();
        to.process_new_packets()?;
    }
    Ok(())
}
