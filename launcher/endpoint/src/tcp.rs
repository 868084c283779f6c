//! `tcp:PORT[:interface=ADDRESS][:backlog=N]`.

use std::fmt;
use std::io;
use std::net::{AddrParseError, IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::arguments::Arguments;
use crate::error::BindError;
use crate::listener::Listener;
use crate::syntax::Located;

/// How many connections wait to be accepted when the endpoint does not say.
pub const DEFAULT_BACKLOG: NonZeroU16 = NonZeroU16::new(128).unwrap();

/// A TCP port on one interface, or on all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tcp {
    /// The address to listen on; the interface is all of IPv4 when the string names none.
    pub address: SocketAddr,
    /// How many connections may wait to be accepted.
    pub backlog: NonZeroU16,
}

impl Tcp {
    pub(crate) fn parse(arguments: &Arguments) -> Located<Self> {
        let port = arguments.required("port", "a number from 0 to 65535")?;
        let interface =
            arguments.optional("interface", "an IP address, such as 127.0.0.1 or [::1]")?;
        let backlog = arguments.optional("backlog", "a number from 1 to 65535")?;
        let Interface(ip) = interface.unwrap_or(Interface(Ipv4Addr::UNSPECIFIED.into()));
        Ok(Self { address: SocketAddr::new(ip, port), backlog: backlog.unwrap_or(DEFAULT_BACKLOG) })
    }

    pub(crate) fn bind(&self) -> Result<Listener, BindError> {
        let opened = self.open().map_err(|source| BindError { address: self.address, source });
        opened.map(|(socket, address)| Listener::new(socket, address))
    }

    fn open(&self) -> io::Result<(TcpListener, SocketAddr)> {
        let socket = TcpListener::bind(self.address)?;
        // The standard library has a fixed backlog; a second listen() replaces it.
        rustix::net::listen(&socket, self.backlog.get().into())?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    }
}

impl fmt::Display for Tcp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "tcp:{}", self.address.port())?;
        match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {}
            IpAddr::V4(ip) => write!(formatter, ":interface={ip}")?,
            IpAddr::V6(ip) => write!(formatter, ":interface=[{ip}]")?,
        }
        if self.backlog != DEFAULT_BACKLOG {
            write!(formatter, ":backlog={}", self.backlog)?;
        }
        Ok(())
    }
}

/// An address with or without the brackets of IPv6.
struct Interface(IpAddr);

impl FromStr for Interface {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match inside {
            Some(ip) => Ok(Self(IpAddr::V6(ip.parse()?))),
            None => Ok(Self(text.parse()?)),
        }
    }
}
