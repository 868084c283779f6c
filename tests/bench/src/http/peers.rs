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
    running::{Ports, Running, address},
};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// Starts it, so that it takes connections of the transport.
    pub fn start(
        self,
        ground: &Ground,
        transport: Transport,
        exchange: &Exchange,
    ) -> Result<(Running, Ports)> {
        let mut prepared = self.prepare(ground, transport, exchange)?;
        let mut server = prepared.launch(ground)?;
        while TcpStream::connect(address(transport.port(prepared.ports))).is_err() {
            server.still_runs()?;
            sleep(Duration::from_millis(1));
        }
        Ok((server, prepared.ports))
    }

    /// Writes what it reads when it starts.
    pub fn prepare(
        self,
        ground: &Ground,
        transport: Transport,
        exchange: &Exchange,
    ) -> Result<Prepared> {
        let ports = Ports::free()?;
        let command = self.command(ground, ports, transport, exchange)?;
        Ok(Prepared { command, ports })
    }

    fn command(
        self,
        ground: &Ground,
        ports: Ports,
        transport: Transport,
        exchange: &Exchange,
    ) -> Result<Command> {
        match self {
            Peer::Ours => Ok(ours::command(ground, ports)),
            Peer::Nginx => nginx::command(ground, ports),
            Peer::Caddy => caddy::command(ground, ports),
            Peer::Hyper => hyper::command(ground, ports, transport, exchange),
        }
    }
}

/// A server that can be started.
pub struct Prepared {
    command: Command,
    /// Where it will listen.
    pub ports: Ports,
}

impl Prepared {
    /// Starts it, on its processor, and does not wait.
    pub fn launch(&mut self, ground: &Ground) -> Result<Running> {
        let log = ground.directory.join("log");
        ground.cores.for_server(|| Running::start(&mut self.command, log))?
    }
}
