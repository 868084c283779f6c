//! `systemd:NAME` and `systemd:INDEX`, a socket that the service manager passed.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use crate::arguments::Arguments;
use crate::descriptor::Family;
use crate::endpoint::{Endpoint, Socket};
use crate::error::Problem;
use crate::inherited::Inherited;
use crate::kind::Form;
use crate::listener::{OpenSocket, Opened};
use crate::open_error::OpenError;
use crate::syntax::{Located, Segment, quote};

/// One of the sockets that were passed to this process (sd_listen_fds(3)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Systemd {
    /// Which one.
    pub which: Which,
    /// What it must be, if the string says so, as Twisted's do.
    pub domain: Option<Family>,
}

/// How a passed socket is told from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// By its place, from 0.
    Index(usize),
    /// By its name: `FileDescriptorName=` of systemd.socket(5).
    Name(String),
}

pub(crate) fn form(segments: &[Segment]) -> Form {
    Form::socket(segments, &["socket", "index", "name", "domain"], parse)
}

/// The first positional argument is the index or name, or with one of these the domain, as in
/// Twisted's `systemd:INET:index=0`.
fn parse(arguments: &Arguments) -> Located<Endpoint> {
    let index = arguments.optional("index", "a number from 0")?.map(Which::Index);
    let name = arguments.optional("name", "a name")?.map(Which::Name);
    let domain = arguments.optional("domain", DOMAINS)?;
    let (which, domain) = match (index, name) {
        (Some(_), Some(_)) => return Err(conflict(arguments, "name", "index")),
        (None, None) => {
            (arguments.required("socket", "the index or name of a descriptor")?, domain)
        }
        (Some(which), None) | (None, Some(which)) => {
            let first = arguments.optional("socket", DOMAINS)?;
            if first.is_some() && domain.is_some() {
                return Err(conflict(arguments, "domain", "socket"));
            }
            (which, first.or(domain))
        }
    };
    Ok(Socket::Systemd(Systemd { which, domain }).into())
}

fn conflict(arguments: &Arguments, first: &'static str, second: &'static str) -> (usize, Problem) {
    (arguments.column_of(first), Problem::Conflict { first, second })
}

impl Systemd {
    pub(crate) fn open(&self, inherited: &mut Inherited) -> Result<Opened, OpenError> {
        // What has an index here has another one where it is passed on beside other sockets, and
        // is found again by a name.
        let (name, passed) = match &self.which {
            Which::Name(name) => (name.clone(), inherited.take_named(name)),
            Which::Index(index) => {
                let name = format!("systemd.{index}");
                let passed = inherited.take_named(&name).or_else(|| inherited.take_indexed(*index));
                (name, passed)
            }
        };
        let passed = passed.ok_or_else(|| inherited.missing(self.to_string()))?;
        let (socket, family) = passed.listening(self.domain.map_or(Family::ALL, Family::alone))?;
        Ok(Opened { name, socket: OpenSocket::adopted(socket, family) })
    }
}

impl fmt::Display for Systemd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("systemd:")?;
        match &self.which {
            Which::Index(index) if self.domain.is_none() => write!(formatter, "{index}")?,
            Which::Index(index) => write!(formatter, "index={index}")?,
            Which::Name(name) if self.domain.is_none() && !is_index(name) => {
                formatter.write_str(&quote(name))?;
            }
            Which::Name(name) => write!(formatter, "name={}", quote(name))?,
        }
        match self.domain {
            Some(domain) => write!(formatter, ":domain={domain}"),
            None => Ok(()),
        }
    }
}

/// What a domain may be, for errors.
const DOMAINS: &str = "INET, INET6 or UNIX";

impl FromStr for Which {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        if is_index(text) { text.parse().map(Self::Index) } else { Ok(Self::Name(text.to_owned())) }
    }
}

fn is_index(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
