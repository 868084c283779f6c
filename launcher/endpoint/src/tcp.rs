//! `tcp:PORT[:interface=ADDRESS][:backlog=N][:reuseport=1][:v6only=1]` and `tcp6:PORT`.

use std::fmt;
use std::net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::str::FromStr;

use rustix::io;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::OpenError;
use crate::arguments::{Arguments, Switch};
use crate::descriptor::Family;
use crate::endpoint::{Endpoint, Socket};
use crate::inherited::Inherited;
use crate::kind::Form;
use crate::listener::{OpenSocket, Opened};
use crate::syntax::{Located, Segment};

/// How many connections wait to be accepted when the endpoint does not say.
pub const DEFAULT_BACKLOG: NonZeroU16 = NonZeroU16::new(4096).unwrap();

/// What a backlog may be, for errors.
pub(crate) const BACKLOG: &str = "a number from 1 to 65535";

/// A TCP port on one interface, or on all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tcp {
    /// The address to listen on. Where the string names no interface it is all of IPv4 for `tcp`,
    /// and all of both for `tcp6`.
    pub address: SocketAddr,
    /// How many connections may wait to be accepted.
    pub backlog: NonZeroU16,
    /// May other sockets have the same port (`SO_REUSEPORT` of socket(7))?
    pub reuse_port: bool,
    /// Are IPv4 clients left out of an IPv6 socket (`IPV6_V6ONLY` of ipv6(7))?
    pub v6_only: bool,
}

pub(crate) fn form(segments: &[Segment]) -> Form {
    let names = &["port", "interface", "backlog", "reuseport", "v6only"];
    Form::socket(segments, names, |arguments| tcp(arguments, Ipv4Addr::UNSPECIFIED.into()))
}

pub(crate) fn form6(segments: &[Segment]) -> Form {
    let names = &["port", "backlog", "interface", "reuseport", "v6only"];
    Form::socket(segments, names, |arguments| {
        let interface: Option<Interface<Ipv6Addr>> =
            arguments.optional("interface", "an IPv6 address, such as [::1]")?;
        tcp(arguments, interface.map_or(Ipv6Addr::UNSPECIFIED, |Interface(ip)| ip).into())
    })
}

fn tcp(arguments: &Arguments, any: IpAddr) -> Located<Endpoint> {
    let port = arguments.required("port", "a number from 0 to 65535")?;
    Tcp::parse(arguments, port, any).map(|tcp| Socket::Tcp(tcp).into())
}

impl Tcp {
    /// Takes all arguments but the port; `any` is the interface where none is named.
    pub(crate) fn parse(arguments: &Arguments, port: u16, any: IpAddr) -> Located<Self> {
        let interface: Option<Interface<IpAddr>> =
            arguments.optional("interface", "an IP address, such as 127.0.0.1 or [::1]")?;
        let ip = interface.map_or(any, |Interface(ip)| ip);
        Ok(Self {
            address: SocketAddr::new(ip, port),
            backlog: arguments.optional("backlog", BACKLOG)?.unwrap_or(DEFAULT_BACKLOG),
            reuse_port: arguments.switch("reuseport", Switch(false))?,
            // For an IPv4 address the question does not arise.
            v6_only: arguments.switch("v6only", Switch(false))? && ip.is_ipv6(),
        })
    }

    /// The name that the socket is passed under: `tcp.8080`, `tcp.8080.127.0.0.1`, `tcp6.8080.--1`.
    fn name(&self) -> String {
        let port = self.address.port();
        match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => format!("tcp.{port}"),
            IpAddr::V4(ip) => format!("tcp.{port}.{ip}"),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => format!("tcp6.{port}"),
            // A name has no colons, and an IPv6 address no dashes.
            IpAddr::V6(ip) => format!("tcp6.{port}.{}", ip.to_string().replace(':', "-")),
        }
    }

    pub(crate) fn open(&self, inherited: &mut Inherited) -> Result<Opened, OpenError> {
        let name = self.name();
        let failed =
            |error: io::Errno| OpenError::Tcp { address: self.address, source: error.into() };
        let socket = match inherited.take_named(&name) {
            Some(passed) => passed.listening(Family::IP)?.0,
            None => self.make().map_err(failed)?,
        };
        net::listen(&socket, self.backlog.get().into()).map_err(failed)?;
        Ok(Opened { name, socket: OpenSocket::Tcp(TcpListener::from(socket)) })
    }

    fn make(&self) -> io::Result<OwnedFd> {
        let family =
            if self.address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // Else a port stays taken for a minute after its last connection (tcp(7), TIME_WAIT).
        sockopt::set_socket_reuseaddr(&socket, true)?;
        if self.reuse_port {
            sockopt::set_socket_reuseport(&socket, true)?;
        }
        if self.address.is_ipv6() {
            sockopt::set_ipv6_v6only(&socket, self.v6_only)?;
        }
        net::bind(&socket, &self.address)?;
        Ok(socket)
    }
}

impl fmt::Display for Tcp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.address.port();
        match self.address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => write!(formatter, "tcp:{port}")?,
            IpAddr::V4(ip) => write!(formatter, "tcp:{port}:interface={ip}")?,
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => write!(formatter, "tcp6:{port}")?,
            IpAddr::V6(ip) => write!(formatter, "tcp6:{port}:interface=[{ip}]")?,
        }
        if self.backlog != DEFAULT_BACKLOG {
            write!(formatter, ":backlog={}", self.backlog)?;
        }
        if self.reuse_port {
            formatter.write_str(":reuseport=1")?;
        }
        if self.v6_only {
            formatter.write_str(":v6only=1")?;
        }
        Ok(())
    }
}

/// An address with or without the brackets of IPv6.
struct Interface<Ip>(Ip);

impl<Ip: FromStr<Err = AddrParseError>> FromStr for Interface<Ip> {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        // Only an IPv6 address has brackets.
        inside.map(str::parse::<Ipv6Addr>).transpose()?;
        inside.unwrap_or(text).parse().map(Self)
    }
}
