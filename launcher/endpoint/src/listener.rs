//! An open endpoint.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use crate::descriptor::Family;
use crate::endpoint::Endpoint;
use crate::unix_socket::SocketPath;

/// A socket that listens, and the address it really has.
#[derive(Debug)]
pub struct Listener {
    /// What was asked for.
    pub endpoint: Endpoint,
    name: String,
    address: Address,
    socket: OpenSocket,
}

/// An open socket alone.
///
/// Whether it blocks is for the caller to set: one that was passed on shares this with the process
/// that it comes from (`O_NONBLOCK` of fcntl(2)), and so is not touched here.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenSocket {
    /// Over IPv4 or IPv6.
    Tcp(TcpListener),
    /// A Unix socket, and its path, which is removed when the second is dropped. A socket that has
    /// no path, or one that the service manager looks after, has none.
    Unix(UnixListener, Option<SocketPath>),
    /// Standard input and output are the one connection.
    Stdio,
}

/// Where a listener can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
    /// The abstract name of a Unix socket (unix(7)), without the NUL before it.
    Abstract(Vec<u8>),
    /// Standard input and output.
    Stdio,
}

/// What a kind has opened.
pub(crate) struct Opened {
    pub(crate) name: String,
    pub(crate) socket: OpenSocket,
}

impl Listener {
    pub(crate) fn new(endpoint: Endpoint, Opened { name, socket }: Opened) -> Self {
        let address = socket.address();
        Self { endpoint, name, address, socket }
    }

    /// The address, with the port that the system chose where port 0 was asked for.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What a client on this machine connects to: `127.0.0.1:8080`, or the path of a socket.
    ///
    /// For a listener on all interfaces this is the loopback address.
    pub fn authority(&self) -> String {
        let Address::Ip(address) = self.address else {
            return self.address.to_string();
        };
        let ip = match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            other => other,
        };
        SocketAddr::new(ip, address.port()).to_string()
    }

    /// Where to find the service, for people: `https://127.0.0.1:8443`, `unix:/run/x.sock`.
    pub fn url(&self) -> String {
        let authority = self.authority();
        match &self.address {
            Address::Ip(_) if self.endpoint.tls.is_some() => format!("https://{authority}"),
            Address::Ip(_) => format!("http://{authority}"),
            Address::Unix(_) | Address::Abstract(_) => format!("unix:{authority}"),
            Address::Stdio => "stdio:".to_owned(),
        }
    }

    /// The name to pass the socket on by, in `LISTEN_FDNAMES` (sd_listen_fds(3)).
    ///
    /// It comes from the socket that was asked for alone (`tcp.8080`, `unix./run/x.sock`), so that
    /// a process with the same endpoint finds it. At most 255 printable ASCII characters, no colon.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The socket to pass on; standard input and output are none.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.socket {
            OpenSocket::Tcp(socket) => Some(socket.as_fd()),
            OpenSocket::Unix(socket, _) => Some(socket.as_fd()),
            OpenSocket::Stdio => None,
        }
    }

    /// Takes the duty to remove the path of a Unix socket; from here on the listener leaves it.
    pub fn take_path(&mut self) -> Option<SocketPath> {
        match &mut self.socket {
            OpenSocket::Unix(_, path) => path.take(),
            _ => None,
        }
    }

    /// The socket alone.
    pub fn into_socket(self) -> OpenSocket {
        self.socket
    }
}

impl OpenSocket {
    /// A socket that this process did not make: its path is not ours to remove.
    pub(crate) fn adopted(socket: OwnedFd, family: Family) -> Self {
        match family {
            Family::Inet | Family::Inet6 => Self::Tcp(socket.into()),
            Family::Unix => Self::Unix(socket.into(), None),
        }
    }

    fn address(&self) -> Address {
        // A socket that listens has an address; getsockname(2) does not fail for one that is open.
        match self {
            Self::Tcp(socket) => {
                let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
                Address::Ip(socket.local_addr().unwrap_or(unknown))
            }
            Self::Unix(socket, _) => {
                let address = socket.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                let name = address.as_ref().and_then(|address| address.as_abstract_name());
                match path {
                    Some(path) => Address::Unix(path.to_owned()),
                    None => Address::Abstract(name.unwrap_or_default().to_owned()),
                }
            }
            Self::Stdio => Address::Stdio,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(address) => address.fmt(formatter),
            Address::Unix(path) => path.display().fmt(formatter),
            Address::Abstract(name) => write!(formatter, "@{}", String::from_utf8_lossy(name)),
            Address::Stdio => formatter.write_str("stdio"),
        }
    }
}
