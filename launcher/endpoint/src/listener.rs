//! An open endpoint.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// A socket that listens, and the address it really has.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    pub(crate) fn new(socket: TcpListener, address: SocketAddr) -> Self {
        Self { socket, address }
    }

    /// The address, with the port that the system chose where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client on this machine connects to, as it stands in a URL: `127.0.0.1:8080`.
    ///
    /// For a listener on all interfaces this is the loopback address.
    pub fn authority(&self) -> String {
        let ip = match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            other => other,
        };
        SocketAddr::new(ip, self.address.port()).to_string()
    }

    /// The socket alone, in blocking mode.
    pub fn into_socket(self) -> TcpListener {
        self.socket
    }
}
