//! The endpoint type and the table of its kinds.

use std::fmt;
use std::str::FromStr;

use crate::arguments::Arguments;
use crate::error::{BindError, ParseError, Problem};
use crate::listener::Listener;
use crate::syntax::{self, Located, Segment};
use crate::tcp::Tcp;

/// Where a service listens, parsed and checked, but not opened yet.
///
/// ```
/// use holdall_endpoint::Endpoint;
///
/// let endpoint: Endpoint = "8080".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp:8080");
/// let error = "tcp:99999".parse::<Endpoint>().unwrap_err();
/// assert_eq!(error.column, 5);
/// # Ok::<(), holdall_endpoint::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// A TCP port: `tcp:PORT[:interface=ADDRESS][:backlog=N]`.
    Tcp(Tcp),
}

/// Every kind of endpoint, by the name it has in a string.
const KINDS: &[Kind] = &[Kind {
    name: "tcp",
    arguments: &["port", "interface", "backlog"],
    parse: |arguments| Tcp::parse(arguments).map(Endpoint::Tcp),
}];

struct Kind {
    name: &'static str,
    /// The arguments in the order in which positional ones are taken.
    arguments: &'static [&'static str],
    parse: fn(&Arguments) -> Located<Endpoint>,
}

impl Endpoint {
    /// Opens the endpoint: from here on the system accepts connections for it.
    ///
    /// # Errors
    /// [`BindError`] names the address and what may be done; its
    /// [`kind`](BindError::kind) tells a port in use from a missing permission.
    pub fn bind(&self) -> Result<Listener, BindError> {
        match self {
            Endpoint::Tcp(tcp) => tcp.bind(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = ParseError;

    fn from_str(input: &str) -> Result<Self, ParseError> {
        parse(input).map_err(|(column, problem)| ParseError {
            input: input.to_owned(),
            column,
            problem,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(tcp) => tcp.fmt(formatter),
        }
    }
}

fn parse(input: &str) -> Located<Endpoint> {
    if input.is_empty() {
        return Err((1, Problem::Empty));
    }
    let mut segments = syntax::split(input)?;
    let name = kind_name(&mut segments);
    let Some(kind) = KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(&name)) else {
        return Err((1, unknown_kind(name)));
    };
    let end_column = input.chars().count() + 1;
    let arguments = Arguments::bind(kind.name, kind.arguments, segments, end_column)?;
    (kind.parse)(&arguments)
}

/// Takes the kind off the segments. A bare number has none: it is a TCP port.
fn kind_name(segments: &mut Vec<Segment>) -> String {
    let first = &segments[0];
    let is_number = first.name.is_none() && first.value.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && !first.value.is_empty() {
        return "tcp".to_owned();
    }
    let first = segments.remove(0);
    match first.name {
        Some(name) => format!("{name}={}", first.value),
        None => first.value,
    }
}

fn unknown_kind(found: String) -> Problem {
    let known = KINDS.iter().map(|kind| kind.name).collect();
    Problem::UnknownKind { found, known }
}
