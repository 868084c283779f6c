//! The endpoint type: a socket, and the layers above it.

use std::fmt;
use std::str::FromStr;

use crate::error::ParseError;
use crate::haproxy::Proxy;
use crate::listener::Listener;
use crate::redirect::Redirect;
use crate::tls::Tls;
use crate::{Fd, Inherited, OpenError, Problem, Systemd, Tcp, Unix};
use crate::{kind, stdio, syntax};

/// Where a service listens, parsed and checked, but not opened yet.
///
/// The layers have one order, whatever the order in the string: the PROXY header is the first thing
/// on the wire, then TLS, then HTTP.
///
/// ```
/// use holdall_endpoint::Endpoint;
///
/// let endpoint: Endpoint = "8080".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp:8080");
/// let endpoint: Endpoint = "tls:path=/etc/certificates:haproxy:systemd:https".parse()?;
/// assert_eq!(endpoint.to_string(), "haproxy:tls:path=/etc/certificates:systemd:https");
/// let error = "tcp:99999".parse::<Endpoint>().unwrap_err();
/// assert_eq!(error.column, 5);
/// # Ok::<(), holdall_endpoint::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What listens.
    pub socket: Socket,
    /// The PROXY header that every connection begins with, if one does.
    pub proxy: Option<Proxy>,
    /// The certificates, if the connections are encrypted.
    pub tls: Option<Tls>,
    /// Where clients are sent, if they are not served but told to come back with https.
    pub redirect: Option<Redirect>,
}

/// What listens for connections.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Socket {
    /// A TCP port: `tcp:PORT` or `tcp6:PORT`.
    Tcp(Tcp),
    /// A Unix socket: `unix:PATH`.
    Unix(Unix),
    /// A descriptor that the service manager passed, by index or name: `systemd:NAME`.
    Systemd(Systemd),
    /// A descriptor that the parent process left open, by number: `fd:N`.
    Fd(Fd),
    /// The one connection on standard input and output: `stdio:`.
    Stdio,
}

impl Endpoint {
    /// Opens the endpoint: from here on the system accepts connections for it.
    ///
    /// A TCP or Unix socket that was passed under the name this one would have
    /// (see [`Listener::name`]) is taken over; only without it a new one is made.
    ///
    /// # Errors
    /// [`OpenError`] names the address and what may be done; its [`kind`](OpenError::kind) tells a
    /// port in use from a missing permission.
    pub fn open(&self, inherited: &mut Inherited) -> Result<Listener, OpenError> {
        let opened = match &self.socket {
            Socket::Tcp(tcp) => tcp.open(inherited),
            Socket::Unix(unix) => unix.open(inherited),
            Socket::Systemd(systemd) => systemd.open(inherited),
            Socket::Fd(fd) => fd.open(inherited),
            Socket::Stdio => Ok(stdio::open()),
        };
        opened.map(|opened| Listener::new(self.clone(), opened))
    }

    /// Opens the endpoint as [`open`](Self::open) does in a process that nothing was passed to.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn bind(&self) -> Result<Listener, OpenError> {
        self.open(&mut Inherited::none())
    }
}

impl From<Socket> for Endpoint {
    /// The socket with no layer above it but HTTP.
    fn from(socket: Socket) -> Self {
        Self { socket, proxy: None, tls: None, redirect: None }
    }
}

impl FromStr for Endpoint {
    type Err = ParseError;

    fn from_str(input: &str) -> Result<Self, ParseError> {
        let located = |(column, problem)| ParseError { input: input.to_owned(), column, problem };
        if input.is_empty() {
            return Err(located((1, Problem::Empty)));
        }
        let end_column = input.chars().count() + 1;
        syntax::split(input).and_then(|segments| kind::parse(segments, end_column)).map_err(located)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(proxy) = &self.proxy {
            write!(formatter, "{proxy}:")?;
        }
        if let Some(tls) = &self.tls {
            write!(formatter, "{tls}:")?;
        }
        if let Some(redirect) = &self.redirect {
            write!(formatter, "{redirect}:")?;
        }
        self.socket.fmt(formatter)
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Socket::Tcp(tcp) => tcp.fmt(formatter),
            Socket::Unix(unix) => unix.fmt(formatter),
            Socket::Systemd(systemd) => systemd.fmt(formatter),
            Socket::Fd(fd) => fd.fmt(formatter),
            Socket::Stdio => formatter.write_str("stdio:"),
        }
    }
}
