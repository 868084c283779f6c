//! What the constant server is told: `--listen ADDRESS [--tls PEM] [--status N] [--header NAME:VALUE]… FILE`.

use std::{fs, net::SocketAddr, path::PathBuf};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lexopt::{Arg, Error, ValueExt};

/// All of it.
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Key and certificate, if it speaks TLS.
    pub pem: Option<PathBuf>,
    /// What it says.
    pub answer: Answer,
}

/// The answer to every request.
#[derive(Default)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub content: Bytes,
}

impl Options {
    /// Understands the command line.
    pub fn parse(mut arguments: lexopt::Parser) -> Result<Options, Error> {
        let (mut listen, mut pem, mut answer) = (None, None, Answer::default());
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("listen") => listen = Some(arguments.value()?.parse()?),
                Arg::Long("tls") => pem = Some(arguments.value()?.into()),
                Arg::Long("status") => answer.status = arguments.value()?.parse()?,
                Arg::Long("header") => {
                    let (name, value) = arguments.value()?.parse_with(header)?;
                    answer.headers.insert(name, value);
                }
                Arg::Value(file) => answer.content = fs::read(file).map_err(custom)?.into(),
                other => return Err(other.unexpected()),
            }
        }
        let listen = listen.ok_or("--listen is missing: give it an address with its port")?;
        Ok(Options { listen, pem, answer })
    }
}

fn header(
    text: &str,
) -> Result<(HeaderName, HeaderValue), Box<dyn std::error::Error + Send + Sync>> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME:VALUE")?;
    Ok((name.parse()?, value.trim().parse()?))
}

fn custom(error: std::io::Error) -> Error {
    Error::Custom(error.into())
}
