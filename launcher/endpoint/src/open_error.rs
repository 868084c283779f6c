//! What can go wrong when an endpoint is opened.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};

use crate::descriptor::Unsuitable;
use crate::inherited::Passing;

/// An endpoint that can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The system refuses the address.
    #[error("can't listen on {address}{}", tcp_hint(address, source))]
    Tcp {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refuses the path.
    #[error("can't listen on {}{}", path.display(), unix_hint(path, source))]
    Unix {
        /// The path, or the abstract name with `@` before it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another program listens on the path.
    #[error(
        "can't listen on {}: another program does; stop it or take another path", path.display()
    )]
    UnixInUse {
        /// The path, or the abstract name with `@` before it.
        path: PathBuf,
    },
    /// The path is that of a file or a directory, and is left alone.
    #[error(
        "can't listen on {}: it is there and not a socket; remove it or take another path",
        path.display()
    )]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The directory of a Unix socket stays locked (flock(2)).
    #[error(
        "can't lock {}: another program has it locked; lockfile=0 goes without", directory.display()
    )]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// A descriptor was not passed, or another endpoint took it.
    #[error("can't open {wanted}: {passing}")]
    Missing {
        /// The endpoint.
        wanted: String,
        /// What was passed.
        passing: Passing,
    },
    /// A descriptor that connections can't be accepted on.
    #[error("can't accept connections on descriptor {number}{}", in_brackets(name.as_deref()))]
    Unsuitable {
        /// The number of the descriptor.
        number: RawFd,
        /// The name that it was passed under, if it was.
        name: Option<String>,
        /// What is wrong with it.
        source: Unsuitable,
    },
}

/// Why an endpoint can't be opened, for the caller that picks an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenErrorKind {
    /// Another program has the address.
    InUse,
    /// The system does not let this user have the address.
    NotPermitted,
    /// The address belongs to no interface of this machine.
    NoSuchAddress,
    /// The directory of a Unix socket is not there.
    NotFound,
    /// The path of a Unix socket is that of something else.
    NotASocket,
    /// A descriptor that should have been passed was not.
    Missing,
    /// A descriptor was passed that is no listening socket of the wanted kind.
    Unsuitable,
    /// Anything else, such as no descriptors left.
    Other,
}

impl OpenError {
    /// What kind of failure this is.
    pub fn kind(&self) -> OpenErrorKind {
        match self {
            OpenError::Tcp { source, .. } | OpenError::Unix { source, .. } => kind_of(source),
            OpenError::UnixInUse { .. } | OpenError::Locked { .. } => OpenErrorKind::InUse,
            OpenError::NotASocket { .. } => OpenErrorKind::NotASocket,
            OpenError::Missing { .. } => OpenErrorKind::Missing,
            OpenError::Unsuitable { .. } => OpenErrorKind::Unsuitable,
        }
    }
}

fn kind_of(error: &io::Error) -> OpenErrorKind {
    match error.kind() {
        io::ErrorKind::AddrInUse => OpenErrorKind::InUse,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenErrorKind::NotPermitted
        }
        io::ErrorKind::AddrNotAvailable => OpenErrorKind::NoSuchAddress,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => OpenErrorKind::NotFound,
        _ if is_without_family(error) => OpenErrorKind::NoSuchAddress,
        _ => OpenErrorKind::Other,
    }
}

/// What to try, in brackets, for failures where something can be tried.
fn tcp_hint(address: &SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match kind_of(error) {
        OpenErrorKind::InUse => format!(
            " (another program has port {port}: stop it or take another port; tcp:0 takes a free one)"
        ),
        OpenErrorKind::NotPermitted => {
            format!(" (port {port} needs root or CAP_NET_BIND_SERVICE; ports from 1024 on do not)")
        }
        OpenErrorKind::NoSuchAddress if is_without_family(error) => {
            " (this machine has no IPv6; interface=0.0.0.0 listens on all of IPv4)".to_owned()
        }
        OpenErrorKind::NoSuchAddress => {
            " (no interface of this machine has that address; leave interface out to listen on all)"
                .to_owned()
        }
        _ => String::new(),
    }
}

fn unix_hint(path: &Path, error: &io::Error) -> String {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = directory.display();
    match kind_of(error) {
        OpenErrorKind::NotFound => format!(" (there is no directory {directory}; make it first)"),
        OpenErrorKind::NotPermitted => {
            format!(" (this user may not make files in {directory}, or connect to the old socket)")
        }
        _ => String::new(),
    }
}

fn is_without_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn in_brackets(name: Option<&str>) -> String {
    name.map_or(String::new(), |name| format!(" ({name})"))
}
