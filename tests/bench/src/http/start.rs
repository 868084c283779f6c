//! From the start of a server to the first byte that it serves.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Instant,
};

use anyhow::{Result, ensure};

use crate::measure::{Cost, medians};

use super::{
    Ground,
    exchange::{Ask, Exchange},
    peers::Peer,
    requests::Transport,
    running::Running,
    turns::Turn,
};

const FILE: &str = "14b.bin";
/// How often in a turn.
const STARTS: usize = 20;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// What the processors have worked for the server.
    Processor,
    /// What somebody has to wait.
    Wall,
}

impl Clock {
    /// The median of some starts.
    pub fn turn(self, peer: Peer, ground: &Ground) -> Result<Turn> {
        let starts = (0..STARTS).map(|_| start(peer, ground)).collect::<Result<Vec<Cost>>>()?;
        let Cost { wall_s, cpu_s } = medians(&starts);
        let cost = match self {
            Clock::Processor => cpu_s,
            Clock::Wall => wall_s,
        };
        Ok(Turn { cost, rate: None, latency: None, resident_bytes: None })
    }
}

fn start(peer: Peer, ground: &Ground) -> Result<Cost> {
    let exchange = Exchange::of(Ask::File(FILE), &ground.site)?;
    let mut prepared = peer.prepare(ground, Transport::Clear, &exchange)?;
    let start = Instant::now();
    let mut server = prepared.launch(ground)?;
    ground.cores.for_load(|| first_byte(&mut server))??;
    let wall_s = start.elapsed().as_secs_f64();
    Ok(Cost { wall_s, cpu_s: server.cpu_time()?.as_secs_f64() })
}

fn first_byte(server: &mut Running) -> Result<()> {
    let mut stream = loop {
        match TcpStream::connect(server.address) {
            Ok(stream) => break stream,
            Err(_) => server.still_runs()?,
        }
        thread::yield_now();
    };
    write!(stream, "GET /{FILE} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    ensure!(stream.read(&mut [0])? == 1, "there is no answer");
    Ok(())
}
