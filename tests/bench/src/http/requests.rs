//! What a request costs a server.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::load::{Answered, Load, Protocol};

use super::{
    Ground,
    certificate::HOST,
    curl,
    exchange::{Ask, Exchange},
    peers::Peer,
    turns::Turn,
};

const WARM_UP: Duration = Duration::from_secs(1);
/// More than any head.
const HEAD_BYTES: usize = 1024;
/// The generator tells how much it received in three digits.
const ROUNDING: f64 = 1.01;
/// From here on bytes are counted, not answers.
const LARGE_BYTES: usize = 1 << 20;
/// From here on an answer takes so long that more time is needed for some of them.
const HUGE_BYTES: usize = 100 << 20;

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
    /// The same over so many connections.
    pub const fn over(self, connections: u32) -> Self {
        Requests { connections, ..self }
    }

    /// The same by another protocol.
    pub const fn by(self, protocol: Protocol) -> Self {
        Requests { protocol, ..self }
    }

    /// Starts a server, looks at one answer, and then asks for `duration`.
    pub fn turn(&self, peer: Peer, ground: &Ground, duration: Duration) -> Result<Turn> {
        let exchange = Exchange::of(self.ask, &ground.site)?;
        let server = peer.start(ground, self.transport, &exchange)?;
        let base = self.transport.base(server.address.port());
        let url = format!("{base}{}", exchange.path);
        let headers = exchange.headers_for(&base, self.protocol)?;
        let answer = curl::get(&url, self.protocol, &headers)?;
        exchange.check(&answer)?;
        let load = self.load(headers, ground);
        if self.ask == Ask::Many {
            // So that all servers know all files.
            load.run(&url, WARM_UP, &ground.cores)?;
        }
        let before = server.cpu_time()?;
        let duration = if answer.content.len() >= HUGE_BYTES { duration * 3 } else { duration };
        let answered = load.run(&url, duration, &ground.cores)?;
        let spent = server.cpu_time()? - before;
        let resident_bytes = Some(server.resident_bytes()?);
        let latency = match answered.latency {
            None => load.latency(&url, &ground.directory.join("latency"), &ground.cores)?,
            Some(latency) => latency,
        };
        Ok(Turn {
            cost: spent.as_secs_f64() / self.answers(&answered, answer.content.len())?,
            rate: Some(answered.rate),
            latency: Some(latency),
            resident_bytes,
        })
    }

    fn load<'a>(&self, headers: Vec<String>, ground: &'a Ground) -> Load<'a> {
        let script = (self.ask == Ask::Many).then_some(&*ground.script);
        Load { protocol: self.protocol, connections: self.connections, headers, script }
    }

    /// How many answers were sent, those included that were cut at the end: of large ones they are a
    /// good part.
    fn answers(&self, answered: &Answered, content_bytes: usize) -> Result<f64> {
        let Answered { requests, received_bytes, .. } = *answered;
        let all = requests + u64::from(self.connections);
        let [least, most] =
            [requests * content_bytes as u64, all * (content_bytes + HEAD_BYTES) as u64];
        let expected = least as f64 / ROUNDING..=most as f64 * ROUNDING;
        ensure!(
            expected.contains(&received_bytes),
            "{requests} answers of {content_bytes} bytes can't be {received_bytes} bytes"
        );
        let large = content_bytes >= LARGE_BYTES;
        Ok(if large { received_bytes / content_bytes as f64 } else { requests as f64 })
    }
}

impl Transport {
    /// The URL without its path.
    fn base(self, port: u16) -> String {
        match self {
            Transport::Clear => format!("http://127.0.0.1:{port}"),
            Transport::Tls => format!("https://{HOST}:{port}"),
        }
    }
}
