//! What a TLS connection costs a server: a handshake, one small answer, the end.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, Stream,
    client::Resumption,
    crypto::aws_lc_rs::{default_provider, kx_group::X25519},
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{
    Ground,
    certificate::HOST,
    exchange::{Ask, Exchange},
    peers::Peer,
    requests::Transport,
    turns::Turn,
};

/// What is asked for on each connection.
const FILE: &str = "14b.bin";
/// Connections at one time: the server always has one to work on.
const CLIENTS: usize = 8;

/// How connections begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshakes {
    New,
    /// With a ticket of the connection before.
    Resumed,
}

/// Somebody who connects again and again.
struct Client {
    config: Arc<ClientConfig>,
    address: SocketAddr,
    content: Vec<u8>,
}

impl Handshakes {
    /// Starts a server, and connects for `duration`.
    pub fn turn(self, peer: Peer, ground: &Ground, duration: Duration) -> Result<Turn> {
        let exchange = Exchange::of(Ask::File(FILE), &ground.site)?;
        let server = peer.start(ground, Transport::Tls, &exchange)?;
        let clients = (0..CLIENTS).map(|_| self.client(ground, server.address, &exchange));
        let clients = clients.collect::<Result<Vec<Client>>>()?;
        for client in &clients {
            ensure!(client.visit()? == HandshakeKind::Full, "what is new can't be resumed");
        }
        let before = server.cpu_time()?;
        let start = Instant::now();
        let count = ground.cores.for_load(|| self.visit(&clients, start + duration))??;
        Ok(Turn {
            cost: (server.cpu_time()? - before).as_secs_f64() / count as f64,
            rate: Some(count as f64 / start.elapsed().as_secs_f64()),
            latency: None,
            resident_bytes: Some(server.resident_bytes()?),
        })
    }

    fn client(self, ground: &Ground, address: SocketAddr, exchange: &Exchange) -> Result<Client> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&ground.pem)?)?;
        let mut provider = default_provider();
        // What all of the servers can do.
        provider.kx_groups = vec![X25519];
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        if self == Handshakes::New {
            config.resumption = Resumption::disabled();
        }
        Ok(Client { config: Arc::new(config), address, content: exchange.content.clone() })
    }

    /// All clients at once, until `end`: how often they have connected.
    fn visit(self, clients: &[Client], end: Instant) -> Result<usize> {
        thread::scope(|scope| {
            let start = |client| scope.spawn(move || self.visit_again_and_again(client, end));
            let visitors: Vec<_> = clients.iter().map(start).collect();
            visitors.into_iter().map(|visitor| visitor.join().expect("no panic")).sum()
        })
    }

    fn visit_again_and_again(self, client: &Client, end: Instant) -> Result<usize> {
        let mut count = 0;
        while Instant::now() < end {
            let kind = client.visit()?;
            ensure!(kind == self.kind(), "a handshake is {kind:?}");
            count += 1;
        }
        Ok(count)
    }

    fn kind(self) -> HandshakeKind {
        match self {
            Handshakes::New => HandshakeKind::Full,
            Handshakes::Resumed => HandshakeKind::Resumed,
        }
    }
}

impl Client {
    fn visit(&self) -> Result<HandshakeKind> {
        let mut connection = ClientConnection::new(Arc::clone(&self.config), HOST.try_into()?)?;
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        let mut stream = Stream::new(&mut connection, &mut socket);
        write!(stream, "GET /{FILE} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        // Tickets come before the answer, so they have been seen whatever way the server ends.
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => return Err(error.into()),
            _ => ensure!(answer.ends_with(&self.content), "the answer is wrong or cut"),
        }
        connection.handshake_kind().context("there was no handshake")
    }
}
