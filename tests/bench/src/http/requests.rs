//! What a request costs a server.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::load::{Load, Protocol};

use super::{
    Ground,
    certificate::HOST,
    curl,
    exchange::{Ask, Exchange},
    peers::Peer,
    running::{Ports, Running},
    turns::Turn,
};

/// What is requested, and how.
#[derive(Debug)]
pub struct Requests {
    pub ask: Ask,
    pub transport: Transport,
    pub protocol: Protocol,
    pub connections: u32,
}

/// What is beneath HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Clear,
    Tls,
}

impl Requests {
    /// Starts a server, looks at one answer, and then asks for `duration`.
    pub fn turn(&self, peer: Peer, ground: &Ground, duration: Duration) -> Result<Turn> {
        let exchange = Exchange::of(self.ask, &ground.site)?;
        let (server, ports) = peer.start(ground, self.transport, &exchange)?;
        let base = self.transport.base(ports);
        let url = format!("{base}{}", exchange.path);
        let headers = exchange.headers_for(&base, self.version())?;
        let answer = ground.cores.for_load(|| curl::get(&url, self.version(), &headers))??;
        exchange.check(&answer).with_context(|| format!("{} answers wrongly", peer.name()))?;
        self.load(&server, headers, &url, ground, duration)
    }

    fn load(
        &self,
        server: &Running,
        headers: Vec<String>,
        url: &str,
        ground: &Ground,
        duration: Duration,
    ) -> Result<Turn> {
        let load =
            Load { protocol: self.protocol, connections: self.connections, headers, script: None };
        let before = server.cpu_time()?;
        let answered = load.run(url, duration, &ground.cores)?;
        let spent = server.cpu_time()? - before;
        Ok(Turn {
            cost: spent.as_secs_f64() / answered.requests as f64,
            rate: Some(answered.rate),
            latency: answered.latency,
            resident_bytes: Some(server.resident_bytes()?),
        })
    }

    /// What curl is told.
    fn version(&self) -> &'static str {
        match self.protocol {
            Protocol::Http2 => "--http2",
            Protocol::KeepAlive | Protocol::Close => "--http1.1",
        }
    }
}

impl Transport {
    /// The port that is for it.
    pub fn port(self, ports: Ports) -> u16 {
        match self {
            Transport::Clear => ports.clear,
            Transport::Tls => ports.tls,
        }
    }

    /// The URL without its path.
    fn base(self, ports: Ports) -> String {
        match self {
            Transport::Clear => format!("http://127.0.0.1:{}", ports.clear),
            Transport::Tls => format!("https://{HOST}:{}", ports.tls),
        }
    }
}
