//! `--bundle-info`: what a bundle is.

use crate::bundle::Bundle;
use crate::digest::Digest;
use crate::error::BundleError;
use crate::list::finish;
use crate::manifest::Manifest;
use crate::needs::{Needs, told};
use crate::signature::{Signature, signatures};
use crate::text::escaped;
use holdall_archive::{IndexState, grouped};
use serde::Serialize;
use std::io::{self, Write};

/// How the information looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InfoFormat {
    /// One line a property.
    Text,
    /// One object: the manifest, and what was seen of the file.
    Json,
}

impl Bundle {
    /// Writes what the bundle is: name, version, entry point, sizes, digests, what built it, what
    /// it needs of a host; and what closes it in on this one, where the caller knows that.
    ///
    /// # Errors
    /// Those of the archive, and [`BundleError::Output`]. A closed pipe is no error.
    pub fn info(
        &self,
        format: InfoFormat,
        sandbox: Option<&str>,
        out: &mut dyn Write,
    ) -> Result<(), BundleError> {
        let info = Info { sandbox, ..Info::new(self)? };
        let mut out = io::BufWriter::new(out);
        let result = match format {
            InfoFormat::Text => info.write_text(&mut out),
            InfoFormat::Json => info.write_json(&mut out),
        };
        finish(result.map_err(BundleError::Output), out.flush())
    }
}

#[derive(Serialize)]
struct Info<'a> {
    #[serde(flatten)]
    manifest: &'a Manifest,
    file: FileInfo,
    resources: ResourcesInfo,
    variants: VariantsInfo,
    signatures: Vec<Signature>,
    /// Nothing where the code is damaged: then the rest is still worth to be told.
    needs: Option<Needs>,
    #[serde(skip)]
    needs_told: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<&'a str>,
}

#[derive(Serialize)]
struct FileInfo {
    path: String,
    size: u64,
    archive_offset: u64,
    entries: u64,
    index: &'static str,
}

#[derive(Serialize, Default)]
struct ResourcesInfo {
    files: u64,
    size: u64,
    packed_size: u64,
}

/// Resources in other codings than the archive's.
#[derive(Serialize, Default)]
struct VariantsInfo {
    files: u64,
    size: u64,
}

impl<'a> Info<'a> {
    fn new(bundle: &'a Bundle) -> Result<Self, BundleError> {
        let archive = bundle.archive();
        let mut resources = ResourcesInfo::default();
        for entry in bundle.resources()? {
            let entry = entry?;
            resources.files += 1;
            resources.size += entry.size();
            resources.packed_size += entry.compressed_size();
        }
        let mut variants = VariantsInfo::default();
        for entry in bundle.variants()? {
            variants.files += 1;
            variants.size += entry?.size();
        }
        let file = FileInfo {
            path: archive.path().to_string_lossy().into_owned(),
            size: archive.file_len(),
            archive_offset: archive.archive_offset()?,
            entries: archive.entries_len(),
            index: index_state(archive.index_state()?),
        };
        let signatures = signatures(archive)?;
        let manifest = bundle.manifest();
        let needs = bundle.needs();
        let (needs_told, needs) = (told(&needs), needs.ok());
        Ok(Self {
            manifest,
            file,
            resources,
            variants,
            signatures,
            needs,
            needs_told,
            sandbox: None,
        })
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        out.write_all(b"\n")
    }

    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Manifest { name, version, built, prefix, content, .. } = self.manifest;
        let Self { file, resources, .. } = self;
        let mut line =
            |label: &str, value: String| writeln!(out, "{label:<12} {}", escaped(&value));
        line("name", name.clone())?;
        line("version", version.clone())?;
        line("entry point", self.entry_point())?;
        if !self.manifest.arguments.is_empty() {
            line("arguments", format!("{:?}", self.manifest.arguments))?;
        }
        for (name, value) in &self.manifest.environment {
            line("environment", format!("{name}={value}"))?;
        }
        if let Some(description) = &self.manifest.about.description {
            line("description", description.clone())?;
        }
        line("built by", format!("{} for {}", built.by, built.target))?;
        line("needs", self.needs_told.clone())?;
        line("file", format!("{}, {} bytes", file.path, grouped(file.size)))?;
        line("executable", sized(prefix.size, prefix.sha256))?;
        line(
            "content",
            format!("{} files, {}", grouped(content.files), sized(content.size, content.digest)),
        )?;
        line(
            "resources",
            format!(
                "{} files, {} bytes, packed {}",
                grouped(resources.files),
                grouped(resources.size),
                grouped(resources.packed_size)
            ),
        )?;
        if self.variants.files > 0 {
            let VariantsInfo { files, size } = self.variants;
            line("variants", format!("{} files, {} bytes", grouped(files), grouped(size)))?;
        }
        if let Some(served) = self.manifest.served() {
            line("served", served.to_string())?;
        }
        for signature in &self.signatures {
            line("signature", signature.claim())?;
        }
        line("index", format!("{}, {} entries", file.index, grouped(file.entries)))?;
        match self.sandbox {
            Some(sandbox) => line("sandbox", sandbox.to_owned()),
            None => Ok(()),
        }
    }

    fn entry_point(&self) -> String {
        let entry_point = &self.manifest.entry_point;
        match &entry_point.payload {
            Some(payload) => format!("{} {payload}", entry_point.kind),
            None => entry_point.kind.to_string(),
        }
    }
}

fn sized(size: u64, digest: Digest) -> String {
    format!("{} bytes, sha256 {digest}", grouped(size))
}

fn index_state(state: IndexState) -> &'static str {
    match state {
        IndexState::Used => "used",
        IndexState::Absent => {
            "absent: the archive was edited, names come from its central directory"
        }
        IndexState::Stale => "stale: the archive was edited, names come from its central directory",
    }
}
