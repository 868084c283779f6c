//! `redirect:[port=PORT:]ENDPOINT`.

use std::fmt;
use std::num::NonZeroU16;

use crate::arguments::Arguments;
use crate::endpoint::Endpoint;
use crate::error::Problem;
use crate::kind::Form;
use crate::syntax::{Located, Segment};

/// The port of https where none is named.
const HTTPS: NonZeroU16 = NonZeroU16::new(443).unwrap();

/// Clients are not served: they are sent to the same host name and path with https.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirect {
    /// The https port to send them to; 443, which a URL leaves out, by default.
    pub port: NonZeroU16,
}

impl Default for Redirect {
    fn default() -> Self {
        Self { port: HTTPS }
    }
}

pub(crate) fn form(segments: &[Segment]) -> Form {
    Form::wrapper(segments, &["port"], wrap)
}

fn wrap(arguments: &Arguments, inner: Endpoint) -> Located<Endpoint> {
    let port = arguments.optional("port", "a number from 1 to 65535")?;
    if inner.redirect.is_some() {
        return Err(arguments.misplaced(Problem::Twice { kind: "redirect" }));
    }
    if inner.tls.is_some() {
        return Err(arguments.misplaced(Problem::RedirectOverTls));
    }
    Ok(Endpoint { redirect: Some(Redirect { port: port.unwrap_or(HTTPS) }), ..inner })
}

impl fmt::Display for Redirect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("redirect")?;
        match self.port {
            HTTPS => Ok(()),
            port => write!(formatter, ":port={port}"),
        }
    }
}
