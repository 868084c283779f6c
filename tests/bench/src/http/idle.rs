//! What a connection takes of a server's memory while nothing happens on it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{
    Ground,
    exchange::{Ask, Exchange},
    peers::Peer,
    requests::Transport,
    turns::Turn,
};

const FILE: &str = "14b.bin";
const CONNECTIONS: usize = 10_000;
/// For everything but these connections.
const OTHER_FILES: u64 = 1000;

/// Opens them, has one answer on each, and looks at what the server holds more than after the first.
pub fn turn(peer: Peer, ground: &Ground) -> Result<Turn> {
    allow_open_files()?;
    let exchange = Exchange::of(Ask::File(FILE), &ground.site)?;
    let server = peer.start(ground, Transport::Clear, &exchange)?;
    let connect = || ground.cores.for_load(|| connect(server.address, &exchange.content))?;
    let first = connect()?;
    let before = server.resident_bytes()?;
    let connections = (0..CONNECTIONS).map(|_| connect()).collect::<Result<Vec<_>>>()?;
    let after = server.resident_bytes()?;
    drop((first, connections));
    Ok(Turn {
        cost: after.saturating_sub(before) as f64 / CONNECTIONS as f64,
        rate: None,
        latency: None,
        resident_bytes: Some(after),
    })
}

/// As many as this process may, for itself and for the servers.
fn allow_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let needed = CONNECTIONS as u64 + OTHER_FILES;
    let enough = limit.maximum.is_none_or(|maximum| maximum >= needed);
    ensure!(enough, "{needed} open files are needed: raise the hard limit (ulimit -Hn)");
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}

fn connect(address: SocketAddr, content: &[u8]) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{FILE} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with(content) {
        let length = stream.read(&mut buffer)?;
        ensure!(length > 0, "the server has closed a connection");
        answer.extend_from_slice(&buffer[..length]);
    }
    Ok(stream)
}
