//! `--list-resources`: what is in a bundle.

use crate::bundle::Bundle;
use crate::digest::Digest;
use crate::error::BundleError;
use crate::text::{escaped, ignore_broken_pipe};
use holdall_archive::Entry;
use serde::Serialize;
use std::io::{self, Write};

/// How a list looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// One name a line.
    Names,
    /// A table with a header.
    Long,
    /// An array of objects.
    Json,
}

impl Bundle {
    /// Writes the list of resources, in the order of their names.
    ///
    /// # Errors
    /// Those of the archive, and [`BundleError::Output`]. A closed pipe is no error.
    pub fn list(&self, format: ListFormat, out: &mut dyn Write) -> Result<(), BundleError> {
        let mut out = io::BufWriter::with_capacity(64 * 1024, out);
        let result = match format {
            ListFormat::Names => self.list_names(&mut out),
            ListFormat::Long => self.list_long(&mut out),
            ListFormat::Json => self.list_json(&mut out),
        };
        finish(result, out.flush())
    }

    fn list_names(&self, out: &mut dyn Write) -> Result<(), BundleError> {
        for entry in self.resources()? {
            writeln!(out, "{}", escaped(entry?.name())).map_err(BundleError::Output)?;
        }
        Ok(())
    }

    /// Goes through the resources twice: columns need their widths before the first line.
    fn list_long(&self, out: &mut dyn Write) -> Result<(), BundleError> {
        let mut widths = Widths { size: "size".len(), packed: "packed".len(), kind: "type".len() };
        for entry in self.resources()? {
            widths.fit(&Row::new(&entry?)?);
        }
        widths.write_header(out).map_err(BundleError::Output)?;
        for entry in self.resources()? {
            widths.write(&Row::new(&entry?)?, out).map_err(BundleError::Output)?;
        }
        Ok(())
    }

    fn list_json(&self, out: &mut dyn Write) -> Result<(), BundleError> {
        let mut separator = "[\n  ";
        for entry in self.resources()? {
            out.write_all(separator.as_bytes()).map_err(BundleError::Output)?;
            let json = serde_json::to_string(&Row::new(&entry?)?);
            // Nothing in a row can fail to be JSON; io::Error takes serde_json's in any case.
            let json = json.map_err(|error| BundleError::Output(error.into()))?;
            out.write_all(json.as_bytes()).map_err(BundleError::Output)?;
            separator = ",\n  ";
        }
        let end = if separator.starts_with('[') { "[]\n" } else { "\n]\n" };
        out.write_all(end.as_bytes()).map_err(BundleError::Output)
    }
}

/// Joins the results of writing and flushing; a pipe that was closed is no error.
pub(crate) fn finish(
    result: Result<(), BundleError>,
    flushed: io::Result<()>,
) -> Result<(), BundleError> {
    match result.and_then(|()| flushed.map_err(BundleError::Output)) {
        Err(BundleError::Output(error)) => {
            ignore_broken_pipe(Err(error)).map_err(BundleError::Output)
        }
        other => other,
    }
}

/// What is told of a resource.
#[derive(Serialize)]
struct Row {
    name: String,
    mode: String,
    size: u64,
    packed_size: u64,
    method: String,
    media_type: Option<String>,
    sha256: Option<Digest>,
    crc32: String,
}

impl Row {
    fn new(entry: &Entry) -> Result<Self, BundleError> {
        let media_type = entry.media_type()?.into_owned();
        Ok(Self {
            name: entry.name().to_owned(),
            mode: format!("{:04o}", entry.mode() & 0o7777),
            size: entry.size(),
            packed_size: entry.compressed_size(),
            method: entry.method().to_string(),
            media_type: (!media_type.is_empty()).then_some(media_type),
            sha256: entry.digest()?.map(Digest),
            crc32: format!("{:08x}", entry.crc32()),
        })
    }
}

/// The columns whose width depends on what is in them.
struct Widths {
    size: usize,
    packed: usize,
    kind: usize,
}

impl Widths {
    fn fit(&mut self, row: &Row) {
        self.size = self.size.max(row.size.to_string().len());
        self.packed = self.packed.max(row.packed_size.to_string().len());
        self.kind = self.kind.max(shown(&row.media_type).len());
    }

    fn write_header(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { size, packed, kind } = *self;
        writeln!(
            out,
            "mode  {:>size$}  {:>packed$}  method   {:kind$}  {:64}  name",
            "size", "packed", "type", "sha256"
        )
    }

    fn write(&self, row: &Row, out: &mut dyn Write) -> io::Result<()> {
        let Self { size, packed, kind } = *self;
        let digest = row.sha256.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
        writeln!(
            out,
            "{}  {:>size$}  {:>packed$}  {:7}  {:kind$}  {digest:64}  {}",
            row.mode,
            row.size,
            row.packed_size,
            row.method,
            shown(&row.media_type),
            escaped(&row.name)
        )
    }
}

/// What an edit with a zip tool lost is shown as a dash.
fn shown(media_type: &Option<String>) -> &str {
    media_type.as_deref().unwrap_or("-")
}
