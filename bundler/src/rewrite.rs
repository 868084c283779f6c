//! A bundle that is made of another one: the same executable and entries, with other words about them.
//!
//! Content is copied as it is packed, after it was found intact. The manifest is written anew where
//! the caller changes it; digests are those of what is really there, so a bundle that a zip tool has
//! edited comes out whole again. Time stamps are those of `SOURCE_DATE_EPOCH`, as in every new bundle.

use crate::error::Error;
use crate::output::NewFile;
use crate::pack::PackError;
use crate::plan;
use holdall_archive::{Entry, INDEX, MANIFEST, Name, Packed, SIGNATURES, Writer};
use holdall_bundle::{
    Bundle, BundleError, Content, Digest, MANIFEST_NAME, Manifest, Prefix, SIGNATURE_SUFFIX,
};
use std::path::{Path, PathBuf};

/// What the new bundle has that the old one has not.
#[derive(Debug)]
pub enum Change {
    /// Another manifest; its digests are written by [`rewrite`]. Signatures stay, and say that they
    /// are of another one.
    Manifest(Box<Manifest>),
    /// One more signature, in place of the one that the same key has made before.
    Signature {
        /// The identifier of the key, 16 hexadecimal digits.
        key_id: String,
        /// The signature as minisign writes it.
        text: String,
    },
}

/// Writes `bundle` with `change` into `output`, which may be the bundle's own path, and returns the
/// new one.
///
/// # Errors
/// If the old bundle is damaged or the new one can't be written; what was in its place stays then.
pub fn rewrite(
    bundle: &Bundle,
    change: &Change,
    output: &Path,
) -> Result<(PathBuf, Bundle), Error> {
    let new = NewFile::create(output)?;
    write(bundle, change, &new)?;
    let closed = new.close()?;
    closed.check()?;
    Ok(closed.commit()?)
}

fn write(bundle: &Bundle, change: &Change, new: &NewFile) -> Result<(), Error> {
    let executable = bundle.archive().executable().map_err(BundleError::Archive)?;
    let mut writer = Writer::new(new.writer()?, new.target(), &executable, plan::time()?)
        .map_err(PackError::Write)?;
    match change {
        Change::Manifest(manifest) => write_changed(bundle, manifest, &mut writer)?,
        Change::Signature { key_id, text } => write_signed(bundle, key_id, text, &mut writer)?,
    }
    writer.finish().map_err(PackError::Write)?;
    Ok(())
}

/// The manifest comes first but speaks of what follows: room is kept for the longest it can be.
fn write_changed(bundle: &Bundle, manifest: &Manifest, writer: &mut Writer) -> Result<(), Error> {
    let mut manifest = manifest.clone();
    let path = || bundle.archive().path().to_owned();
    manifest.prefix =
        Prefix { size: writer.archive_offset(), sha256: Digest(writer.prefix_digest()) };
    manifest.content = Content { files: u64::MAX, size: u64::MAX, digest: Digest([0; 32]) };
    manifest.check().map_err(|source| BundleError::Manifest { path: path(), source })?;
    let length = manifest.to_json().len();
    let name = name(MANIFEST_NAME)?;
    let reserved = writer.reserve(name, 0o644, "application/json", length as u64);
    let reserved = reserved.map_err(PackError::Write)?;
    for entry in entries(bundle)? {
        writer.add_entry(&entry).map_err(PackError::Write)?;
    }
    let content = writer.content();
    manifest.content =
        Content { files: content.files, size: content.size, digest: Digest(content.digest) };
    let mut json = manifest.to_json();
    // Space after the end is nothing to JSON.
    json.resize(length, b'\n');
    Ok(writer.fill(reserved, &json).map_err(PackError::Write)?)
}

/// The manifest stays as it is, to the byte: it is what is signed.
fn write_signed(
    bundle: &Bundle,
    key_id: &str,
    text: &str,
    writer: &mut Writer,
) -> Result<(), Error> {
    let json = Packed::stored(bundle.manifest_bytes()?);
    writer.add(name(MANIFEST_NAME)?, 0o644, "application/json", &json).map_err(PackError::Write)?;
    let signature = format!("{SIGNATURES}{key_id}{SIGNATURE_SUFFIX}");
    for entry in entries(bundle)?.iter().filter(|entry| entry.name() != signature) {
        writer.add_entry(entry).map_err(PackError::Write)?;
    }
    let packed = Packed::stored(text.as_bytes().to_vec());
    Ok(writer.add(name(&signature)?, 0o644, "text/plain", &packed).map_err(PackError::Write)?)
}

/// All entries but manifest and index, in the order of the file.
fn entries(bundle: &Bundle) -> Result<Vec<Entry<'_>>, Error> {
    let all = bundle.archive().entries_under("").map_err(BundleError::Archive)?;
    let mut entries = Vec::new();
    for entry in all {
        let entry = entry.map_err(BundleError::Archive)?;
        if entry.name() != MANIFEST && entry.name() != INDEX {
            entries.push(entry);
        }
    }
    entries.sort_by_key(Entry::data_offset);
    Ok(entries)
}

fn name(name: &str) -> Result<Name<'_>, PackError> {
    Name::new(name).map_err(|source| PackError::Name { name: name.to_owned(), source })
}
