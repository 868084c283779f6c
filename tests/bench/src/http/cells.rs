//! The cells: what is measured, and the goals.

use anyhow::{Result, bail};

use crate::load::{CONNECTIONS, Protocol};

use super::{
    exchange::Ask,
    handshakes::Handshakes,
    requests::{Requests, Transport},
    start::Clock,
};

/// One line of the table.
#[derive(Debug)]
pub struct Cell {
    /// What the user calls it.
    pub name: &'static str,
    /// What the table calls it.
    pub title: &'static str,
    /// How it is measured.
    pub kind: Kind,
    /// What is to be reached.
    pub goals: Goals,
}

/// What is measured.
#[derive(Debug)]
pub enum Kind {
    /// What a request costs.
    Requests(Requests),
    /// What a connection with TLS costs.
    Handshakes(Handshakes),
    /// How long it takes until the first byte is there.
    Start(Clock),
    /// What an idle connection takes of memory.
    Idle,
}

/// The most that ours may cost, as a multiple of another; what has none is there to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goals {
    /// Of nginx.
    pub nginx: Option<f64>,
    /// Of hyper alone.
    pub hyper: Option<f64>,
}

const SMALL: Goals = Goals::both(0.70, 1.10);
const LARGE: Goals = Goals::both(1.00, 1.05);
const HUGE: Goals = Goals { nginx: Some(1.10), hyper: None };
const SPECIAL: Goals = Goals::both(0.70, 1.15);
const TLS_SMALL: Goals = Goals::both(0.85, 1.10);
const TLS_LARGE: Goals = Goals::both(0.40, 1.05);
const HTTP2: Goals = Goals::both(0.45, 1.10);
const HANDSHAKE: Goals = Goals::both(0.75, 1.05);
const NGINX: Goals = Goals { nginx: Some(1.00), hyper: None };
const NONE: Goals = Goals { nginx: None, hyper: None };

/// Fewer connections than usual, for what is large.
const FEW: u32 = 16;
const FEWEST: u32 = 4;

/// All of them, in the order of the table.
pub const CELLS: &[Cell] = &[
    cell("14b", "14 B", clear(Ask::File("14b.bin")), SMALL),
    cell("1k", "1 KB", clear(Ask::File("1k.bin")), SMALL),
    cell("10k", "10 KB", clear(Ask::File("10k.bin")), SMALL),
    cell("100k", "100 KB", clear(Ask::File("100k.bin")), LARGE),
    cell("1m", "1 MB, 16 connections", clear(Ask::File("1m.bin")).over(FEW), LARGE),
    cell("100m", "100 MB, 4 connections", clear(Ask::File("100m.bin")).over(FEWEST), HUGE),
    cell("14b-c1", "14 B, 1 connection", clear(Ask::File("14b.bin")).over(1), SMALL),
    cell("14b-c512", "14 B, 512 connections", clear(Ask::File("14b.bin")).over(512), SMALL),
    cell("close", "14 B, a connection each", clear(Ask::File("14b.bin")).by(Protocol::Close), NONE),
    cell("gzip", "page, gzip", clear(Ask::Gzip), SPECIAL),
    cell("identity", "page, not compressed", clear(Ask::Page), NONE),
    cell("304", "304", clear(Ask::Unchanged("10k.bin")), SPECIAL),
    cell("range", "range of 100 KB", clear(Ask::Range("100k.bin")), SPECIAL),
    cell("many", "10,000 files of 1 KB", clear(Ask::Many), NONE),
    cell("tls-14b", "TLS, 14 B", tls(Ask::File("14b.bin")), TLS_SMALL),
    cell("tls-10k", "TLS, 10 KB", tls(Ask::File("10k.bin")), TLS_SMALL),
    cell("tls-1m", "TLS, 1 MB, 16 connections", tls(Ask::File("1m.bin")).over(FEW), TLS_LARGE),
    cell(
        "tls-100m",
        "TLS, 100 MB, 4 connections",
        tls(Ask::File("100m.bin")).over(FEWEST),
        TLS_LARGE,
    ),
    cell("h2-14b", "HTTP/2, 14 B", tls(Ask::File("14b.bin")).by(Protocol::Http2), HTTP2),
    cell("h2-10k", "HTTP/2, 10 KB", tls(Ask::File("10k.bin")).by(Protocol::Http2), HTTP2),
    handshakes("tls-new", "TLS, a new connection each", Handshakes::New),
    handshakes("tls-resumed", "TLS, a resumed connection each", Handshakes::Resumed),
    start("start", "start to first byte", Clock::Processor),
    start("start-wall", "start to first byte, by the clock", Clock::Wall),
    Cell { name: "idle", title: "memory of an idle connection", kind: Kind::Idle, goals: NGINX },
];

/// The cell of a name.
pub fn find(name: &str) -> Result<&'static Cell> {
    match CELLS.iter().find(|cell| cell.name == name) {
        Some(cell) => Ok(cell),
        None => bail!("there is no cell {name:?}: see http --help"),
    }
}

const fn cell(name: &'static str, title: &'static str, requests: Requests, goals: Goals) -> Cell {
    Cell { name, title, kind: Kind::Requests(requests), goals }
}

const fn handshakes(name: &'static str, title: &'static str, kind: Handshakes) -> Cell {
    Cell { name, title, kind: Kind::Handshakes(kind), goals: HANDSHAKE }
}

const fn start(name: &'static str, title: &'static str, clock: Clock) -> Cell {
    Cell { name, title, kind: Kind::Start(clock), goals: NGINX }
}

const fn clear(ask: Ask) -> Requests {
    let (transport, protocol) = (Transport::Clear, Protocol::KeepAlive);
    Requests { ask, transport, protocol, connections: CONNECTIONS }
}

const fn tls(ask: Ask) -> Requests {
    Requests { transport: Transport::Tls, ..clear(ask) }
}

impl Goals {
    const fn both(nginx: f64, hyper: f64) -> Self {
        Goals { nginx: Some(nginx), hyper: Some(hyper) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_cell_is_found_by_its_name() {
        let names: HashSet<&str> = CELLS.iter().map(|cell| cell.name).collect();
        assert_eq!(names.len(), CELLS.len());
        assert_eq!(find("14b").unwrap().title, "14 B");
        assert!(find("15b").is_err());
    }
}
