//! What clients may take.

use std::time::Duration;

use clap::Args;

use super::value::{size, timeout};

/// What clients may take: times, bytes, connections.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// From a new connection to its first byte
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = timeout)]
    pub first_byte_timeout: Duration,
    /// From the first byte of a request to the end of its head
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = timeout)]
    pub header_timeout: Duration,
    /// Without a byte of the request body that is awaited
    #[arg(long, value_name = "TIME", default_value = "30", value_parser = timeout)]
    pub body_timeout: Duration,
    /// Without progress of the response that is sent
    #[arg(long, value_name = "TIME", default_value = "60", value_parser = timeout)]
    pub send_timeout: Duration,
    /// From the end of a response to the next request
    #[arg(long, value_name = "TIME", default_value = "60", value_parser = timeout)]
    pub idle_timeout: Duration,
    /// From the first byte of a TLS handshake to its end
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = timeout)]
    pub handshake_timeout: Duration,
    /// Head of a request
    #[arg(long, value_name = "SIZE", default_value = "64k", value_parser = size)]
    pub max_header_bytes: u64,
    /// Body of a request; 0: no limit
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    pub max_body_bytes: u64,
    /// Connections at once; 0: as many as files may be open
    #[arg(long, value_name = "COUNT", default_value = "0")]
    pub max_connections: u64,
    /// Connections at once from one address; 0: no limit
    #[arg(long, value_name = "COUNT", default_value = "0")]
    pub max_connections_per_address: u64,
    /// TLS handshakes at once, for each endpoint
    #[arg(long, value_name = "COUNT", default_value = "512")]
    pub max_handshakes: u64,
}

impl Limits {
    /// What the server is told, where so many files may be open; a tenth of them, and 32 at least,
    /// are left to everything but connections.
    pub fn for_server(&self, open_files: u64) -> holdall_service::Limits {
        let for_connections = open_files.saturating_sub((open_files / 10).max(32)).max(1);
        let connections = match self.max_connections {
            0 => for_connections,
            most => most.min(for_connections),
        };
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let unless_zero = |number: u64| (number > 0).then_some(number);
        holdall_service::Limits {
            header_bytes: count(self.max_header_bytes),
            body_bytes: unless_zero(self.max_body_bytes).unwrap_or(u64::MAX),
            first_byte: self.first_byte_timeout,
            header: self.header_timeout,
            idle: self.idle_timeout,
            body: self.body_timeout,
            send: self.send_timeout,
            handshake: self.handshake_timeout,
            handshakes: count(self.max_handshakes),
            connections: Some(count(connections)),
            connections_per_address: unless_zero(self.max_connections_per_address).map(count),
        }
    }
}
