//! The servers that are compared.

mod caddy;
mod hyper;
mod nginx;
mod ours;

use std::process::Command;

use anyhow::Result;

use super::{
    Ground,
    exchange::Exchange,
    requests::Transport,
    running::{Ports, Running},
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
        let ports = Ports::free()?;
        let mut command = self.command(ground, ports, transport, exchange)?;
        let log = ground.directory.join("log");
        let mut server = ground.cores.for_server(|| Running::start(&mut command, &log))??;
        server.wait_for(transport.port(ports), &log)?;
        Ok((server, ports))
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
