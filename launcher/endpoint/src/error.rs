//! What can be wrong with an endpoint: in its string, and when it is opened.

use std::io;
use std::net::SocketAddr;

/// An endpoint string that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad endpoint {input:?}, column {column}: {problem}")]
pub struct ParseError {
    /// The whole string, as it was given.
    pub input: String,
    /// Where the problem is, in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong in an endpoint string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The string is empty.
    #[error("it is empty; try tcp:8080")]
    Empty,
    /// The first segment names no kind of endpoint.
    #[error("unknown kind {found:?}; known: {}", known.join(", "))]
    UnknownKind {
        /// What stands in the place of the kind.
        found: String,
        /// The kinds there are.
        known: Vec<&'static str>,
    },
    /// A named argument that the kind does not have.
    #[error("{kind} has no argument {found:?}; known: {}", known.join(", "))]
    UnknownName {
        /// The kind of endpoint.
        kind: &'static str,
        /// The name that was given.
        found: String,
        /// The names the kind has.
        known: &'static [&'static str],
    },
    /// An argument that was given twice, by name or by position.
    #[error("{name} is given twice")]
    Duplicate {
        /// The argument.
        name: &'static str,
    },
    /// More positional arguments than the kind has arguments.
    #[error("{kind} takes at most {most} arguments; escape a literal colon as \\:")]
    TooMany {
        /// The kind of endpoint.
        kind: &'static str,
        /// How many it takes.
        most: usize,
    },
    /// An argument that must be there is not.
    #[error("{name} is missing, wanted {wanted}")]
    Missing {
        /// The argument.
        name: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// A value that is not what the argument needs.
    #[error("{name} is {found:?}, wanted {wanted}")]
    BadValue {
        /// The argument.
        name: &'static str,
        /// The value that was given.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A `=` with no name before it.
    #[error("no name before \"=\"")]
    EmptyName,
    /// A backslash at the end, with nothing to escape.
    #[error("backslash with nothing after it")]
    TrailingBackslash,
    /// A `[` without its `]`.
    #[error("\"[\" without \"]\"")]
    UnclosedBracket,
}

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address}{}", hint(self))]
pub struct BindError {
    /// The address that was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub source: io::Error,
}

/// Why an address can't be listened on, for the caller that picks an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindErrorKind {
    /// Another socket has the address.
    InUse,
    /// The system does not let this user have the port.
    NotPermitted,
    /// The address belongs to no interface of this machine.
    NoSuchAddress,
    /// Anything else, such as no descriptors left.
    Other,
}

impl BindError {
    /// What kind of failure this is.
    pub fn kind(&self) -> BindErrorKind {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => BindErrorKind::InUse,
            io::ErrorKind::PermissionDenied => BindErrorKind::NotPermitted,
            io::ErrorKind::AddrNotAvailable => BindErrorKind::NoSuchAddress,
            _ => BindErrorKind::Other,
        }
    }
}

/// What to try, in brackets, for failures where something can be tried.
fn hint(error: &BindError) -> String {
    let port = error.address.port();
    match error.kind() {
        BindErrorKind::InUse => {
            format!(
                " (another program has port {port}: stop it or take another port; tcp:0 takes a free one)"
            )
        }
        BindErrorKind::NotPermitted => {
            format!(" (port {port} needs root or CAP_NET_BIND_SERVICE; ports from 1024 on do not)")
        }
        BindErrorKind::NoSuchAddress => {
            " (no interface of this machine has that address; leave interface out to listen on all)"
                .to_owned()
        }
        BindErrorKind::Other => String::new(),
    }
}
