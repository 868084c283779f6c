//! What is asked for in a cell, and what each server has to answer.

use std::io::Read as _;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

use crate::load::Protocol;

use super::{
    curl::{self, Answer},
    site::{PAGE, Site},
};

/// A part of what a file has.
const RANGE: std::ops::Range<usize> = 1000..2000;
const ONE_OF_MANY: &str = "many/0000.bin";
const BINARY: &str = "application/octet-stream";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// A whole file.
    File(&'static str),
    /// A page, as it is.
    Page,
    /// The page, compressed.
    Gzip,
    /// Many files, at random.
    Many,
    /// A part of a file.
    Range(&'static str),
    /// A file that the client has already.
    Unchanged(&'static str),
}

/// A request, and its answer.
#[derive(Debug)]
pub struct Exchange {
    /// With the slash.
    pub path: String,
    /// What the request has to say of it, but for validators, which differ from server to server.
    pub headers: Vec<String>,
    /// What the answer is.
    pub status: u16,
    /// What the answer says of it, as far as all servers agree.
    pub answer_headers: Vec<(&'static str, String)>,
    /// What is on the wire.
    pub content: Vec<u8>,
    /// Whether the request needs the validator.
    conditional: bool,
}

impl Exchange {
    /// What is asked for and answered, of the files of a site.
    pub fn of(ask: Ask, site: &Site) -> Result<Self> {
        Ok(match ask {
            Ask::File(name) => Self::plain(name, BINARY, site.read(name)?),
            Ask::Many => Self::plain(ONE_OF_MANY, BINARY, site.read(ONE_OF_MANY)?),
            Ask::Page => Self::plain(PAGE, "text/html", site.read(PAGE)?),
            Ask::Gzip => Self::gzip(site.read(&format!("{PAGE}.gz"))?),
            Ask::Range(name) => Self::range(name, &site.read(name)?),
            Ask::Unchanged(name) => Exchange {
                status: 304,
                answer_headers: Vec::new(),
                conditional: true,
                ..Self::plain(name, BINARY, Vec::new())
            },
        })
    }

    fn plain(name: &str, media_type: &str, content: Vec<u8>) -> Self {
        Exchange {
            path: format!("/{name}"),
            headers: Vec::new(),
            status: 200,
            answer_headers: vec![("content-type", media_type.to_owned())],
            content,
            conditional: false,
        }
    }

    fn gzip(compressed: Vec<u8>) -> Self {
        let mut exchange = Self::plain(PAGE, "text/html", compressed);
        exchange.headers.push("Accept-Encoding: gzip".to_owned());
        exchange.answer_headers.push(("content-encoding", "gzip".to_owned()));
        exchange
    }

    fn range(name: &str, whole: &[u8]) -> Self {
        let mut exchange = Self::plain(name, BINARY, whole[RANGE].to_owned());
        let (first, last) = (RANGE.start, RANGE.end - 1);
        exchange.status = 206;
        exchange.headers.push(format!("Range: bytes={first}-{last}"));
        let range = format!("bytes {first}-{last}/{}", whole.len());
        exchange.answer_headers.push(("content-range", range));
        exchange
    }

    /// All headers for the server at `base`.
    pub fn headers_for(&self, base: &str, protocol: Protocol) -> Result<Vec<String>> {
        let mut headers = self.headers.clone();
        if self.conditional {
            let answer = curl::get(&format!("{base}{}", self.path), protocol, &[])?;
            let etag = answer.header("etag").context("the answer has no ETag")?;
            headers.push(format!("If-None-Match: {etag}"));
        }
        Ok(headers)
    }

    /// Whether an answer is the one that was expected; compressed content may differ in how it was
    /// compressed.
    pub fn check(&self, answer: &Answer) -> Result<()> {
        let (status, expected) = (answer.status, self.status);
        ensure!(status == expected, "the status is {status}, not {expected}");
        for (name, expected) in &self.answer_headers {
            let value = answer.header(name).with_context(|| format!("there is no {name}"))?;
            ensure!(value.starts_with(expected), "{name} is {value:?}, not {expected:?}");
        }
        let same = match answer.header("content-encoding") {
            None => answer.content == self.content,
            Some(_) => inflate(&answer.content)? == inflate(&self.content)?,
        };
        ensure!(same, "the content differs ({} bytes)", answer.content.len());
        Ok(())
    }
}

fn inflate(compressed: &[u8]) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut content)?;
    Ok(content)
}
