//! `tls:PORT:privateKey=FILE:certKey=FILE`, `tls:DIRECTORY:PORT` and `tls:path=DIRECTORY:ENDPOINT`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use crate::acme::Acme;
use crate::arguments::Arguments;
use crate::endpoint::{Endpoint, Socket};
use crate::error::Problem;
use crate::kind::Form;
use crate::syntax::{Located, Segment, quote};
use crate::tcp::Tcp;

/// Where the certificates of an encrypted endpoint are; they are not read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// One certificate in PEM files (RFC 7468), which may be the same file.
    Files {
        /// The private key.
        private_key: PathBuf,
        /// The certificate, and what of its chain follows it.
        certificate: PathBuf,
        /// More of the chain.
        chain: Option<PathBuf>,
    },
    /// Every `*.pem` file in a directory; the client's server name chooses.
    Directory(PathBuf),
    /// The same, and an authority is asked for those that are missing or end soon.
    Acme(Box<Acme>),
}

const WRAPPER: &[&str] = &["privateKey", "certKey", "extraCertChain", "path"];
const WITH_PORT: &[&str] = &[
    "port",
    "privateKey",
    "certKey",
    "extraCertChain",
    "interface",
    "backlog",
    "path",
    "reuseport",
    "v6only",
];
const WITH_DIRECTORY: &[&str] = &["path", "port", "backlog", "interface", "reuseport", "v6only"];

/// The kind has three forms, told apart by the first segment without a name.
///
/// A number is a port, as in Twisted's `ssl:443:privateKey=...`. Anything else is a directory where
/// it comes first, as in Twisted's newer `tls:/etc/certificates:443`, and what `tls` wraps where it
/// comes after arguments with names.
pub(crate) fn form(segments: &[Segment]) -> Form {
    match segments.iter().position(|segment| segment.name.is_none()) {
        Some(0) if !segments[0].is_number() => Form::socket(segments, WITH_DIRECTORY, port),
        Some(bare) if !segments[bare].is_number() => Form::wrapper(segments, WRAPPER, wrap),
        _ => Form::socket(segments, WITH_PORT, port),
    }
}

fn wrap(arguments: &Arguments, inner: Endpoint) -> Located<Endpoint> {
    let tls = Tls::parse(arguments)?;
    if inner.tls.is_some() {
        return Err(arguments.misplaced(Problem::Twice { kind: "tls" }));
    }
    if inner.redirect.is_some() {
        return Err(arguments.misplaced(Problem::RedirectOverTls));
    }
    Ok(Endpoint { tls: Some(tls), ..inner })
}

fn port(arguments: &Arguments) -> Located<Endpoint> {
    let tls = Tls::parse(arguments)?;
    let (any, default_port) = match tls {
        Tls::Files { .. } => (Ipv4Addr::UNSPECIFIED.into(), None),
        Tls::Directory(_) | Tls::Acme(_) => (Ipv6Addr::UNSPECIFIED.into(), Some(443)),
    };
    let wanted = "a number from 0 to 65535";
    let port = arguments.optional("port", wanted)?.or(default_port);
    let port = port.ok_or_else(|| arguments.missing("port", wanted))?;
    let socket = Socket::Tcp(Tcp::parse(arguments, port, any)?);
    Ok(Endpoint { tls: Some(tls), ..socket.into() })
}

impl Tls {
    fn parse(arguments: &Arguments) -> Located<Self> {
        let private_key = arguments.path("privateKey")?;
        let certificate = arguments.path("certKey")?;
        let chain = arguments.path("extraCertChain")?;
        let Some(directory) = arguments.path("path")? else {
            let wanted = "a PEM file; or give path=DIRECTORY";
            let private_key = private_key.ok_or_else(|| arguments.missing("privateKey", wanted))?;
            let certificate = certificate.unwrap_or_else(|| private_key.clone());
            return Ok(Tls::Files { private_key, certificate, chain });
        };
        let files =
            [("privateKey", private_key), ("certKey", certificate), ("extraCertChain", chain)];
        match files.into_iter().find(|(_, file)| file.is_some()) {
            Some((first, _)) => {
                let problem = Problem::Conflict { first, second: "path" };
                Err((arguments.column_of(first), problem))
            }
            None => Ok(Tls::Directory(directory)),
        }
    }
}

impl fmt::Display for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tls::Files { private_key, certificate, chain } => {
                write!(formatter, "tls:privateKey={}", quoted(private_key))?;
                if certificate != private_key {
                    write!(formatter, ":certKey={}", quoted(certificate))?;
                }
                match chain {
                    Some(chain) => write!(formatter, ":extraCertChain={}", quoted(chain)),
                    None => Ok(()),
                }
            }
            Tls::Directory(path) => write!(formatter, "tls:path={}", quoted(path)),
            Tls::Acme(acme) => acme.fmt(formatter),
        }
    }
}

pub(crate) fn quoted(path: &Path) -> String {
    quote(&path.to_string_lossy())
}
