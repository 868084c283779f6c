//! The servers that are compared.

mod caddy;
mod hyper;
mod nginx;
mod ours;

use std::{net::TcpStream, process::Command, thread::sleep, time::Duration};

use anyhow::Result;

use super::{
    Ground,
    exchange::Exchange,
    requests::Transport,
    running::{Running, free_port},
};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// The bundle.
    Ours,
    Nginx,
    Caddy,
    /// A constant on hyper alone.
    Hyper,
}

impl Peer {
    /// All of them, in the order of the table.
    pub const ALL: [Peer; 4] = [Peer::Ours, Peer::Nginx, Peer::Caddy, Peer::Hyper];

    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Ours => "holdall",
            Peer::Nginx => "nginx",
            Peer::Caddy => "Caddy",
            Peer::Hyper => "hyper",
        }
    }

    /// Starts it, and waits until it takes connections.
    pub fn start(
        self,
        ground: &Ground,
        transport: Transport,
        exchange: &Exchange,
    ) -> Result<Running> {
        let mut server = self.prepare(ground, transport, exchange)?.launch(ground)?;
        while TcpStream::connect(server.address).is_err() {
            server.still_runs()?;
            sleep(Duration::from_millis(1));
        }
        Ok(server)
    }

    /// Writes what it reads when it starts.
    pub fn prepare(
        self,
        ground: &Ground,
        transport: Transport,
        exchange: &Exchange,
    ) -> Result<Prepared> {
        let port = free_port()?;
        let command = match self {
            Peer::Ours => ours::command(ground, transport, port),
            Peer::Nginx => nginx::command(ground, transport, port)?,
            Peer::Caddy => caddy::command(ground, transport, port)?,
            Peer::Hyper => hyper::command(ground, transport, port, exchange)?,
        };
        Ok(Prepared { command, port })
    }
}

/// A server that can be started.
pub struct Prepared {
    command: Command,
    port: u16,
}

impl Prepared {
    /// Starts it, on its processor, and does not wait.
    pub fn launch(&mut self, ground: &Ground) -> Result<Running> {
        let log = ground.directory.join("log");
        ground.cores.for_server(|| Running::start(&mut self.command, self.port, log))?
    }
}
