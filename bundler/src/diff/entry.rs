//! What is told of an entry, and what differs between two.

use holdall_archive::{Entry, Error};
use holdall_bundle::Digest;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is new.
    Added,
    /// It is not there any more.
    Removed,
    /// Something that a program may notice differs.
    Changed,
    /// The same, but packed to another size.
    Repacked,
}

/// What can differ between two entries of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// The bytes.
    Content,
    /// The permission bits.
    Mode,
    /// The media type.
    MediaType,
    /// Whether it is stored or deflated.
    Method,
    /// The size in the archive.
    PackedSize,
    /// What HTTP may have instead.
    Variants,
}

/// An entry that differs.
#[derive(Debug, Serialize)]
pub struct Change {
    /// Its full name.
    pub name: String,
    /// What became of it.
    pub status: Status,
    /// In what it differs; empty where it is on one side only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Facts>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Facts>,
    /// Its variants that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantChange>,
}

/// What is told of an entry, as `holdall list --json` tells it.
#[derive(Debug, Serialize)]
pub struct Facts {
    /// The permission bits, in octal.
    pub mode: String,
    /// The size in bytes.
    pub size: u64,
    /// The size in the archive, in bytes.
    pub packed_size: u64,
    /// `stored` or `deflated`.
    pub method: String,
    /// The media type; `None` where an edit lost it.
    pub media_type: Option<String>,
    /// The digest; `None` where an edit lost it.
    pub sha256: Option<Digest>,
    /// The sum that every zip archive has.
    pub crc32: String,
}

/// A variant of a resource that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VariantChange {
    /// How it is coded: `br` or `zst`, as the ends of the names say.
    pub coding: String,
    /// Its size in bytes as it was.
    pub old: Option<u64>,
    /// Its size in bytes as it is.
    pub new: Option<u64>,
}

impl Change {
    /// An entry that only the old bundle has.
    pub fn removed(entry: &Entry, variants: Vec<VariantChange>) -> Result<Self, Error> {
        let (old, new) = (Some(Facts::new(entry)?), None);
        let (name, status) = (entry.name().to_owned(), Status::Removed);
        Ok(Self { name, status, differences: Vec::new(), old, new, variants })
    }

    /// An entry that only the new bundle has.
    pub fn added(entry: &Entry, variants: Vec<VariantChange>) -> Result<Self, Error> {
        let (old, new) = (None, Some(Facts::new(entry)?));
        let (name, status) = (entry.name().to_owned(), Status::Added);
        Ok(Self { name, status, differences: Vec::new(), old, new, variants })
    }

    /// What differs between two entries of one name; `None` if nothing does.
    pub fn between(
        old: &Entry,
        new: &Entry,
        variants: Vec<VariantChange>,
    ) -> Result<Option<Self>, Error> {
        let mut differences = differences(old, new)?;
        if !variants.is_empty() {
            differences.push(Difference::Variants);
        }
        let status = match differences.as_slice() {
            [] => return Ok(None),
            [Difference::PackedSize] => Status::Repacked,
            _ => Status::Changed,
        };
        let (name, old, new) = (new.name().to_owned(), Facts::new(old)?, Facts::new(new)?);
        Ok(Some(Self { name, status, differences, old: Some(old), new: Some(new), variants }))
    }

    /// By how many bytes it grew.
    pub fn growth(&self) -> i128 {
        let size = |facts: &Option<Facts>| facts.as_ref().map_or(0, |facts| facts.size.into());
        size(&self.new) - size(&self.old)
    }

    /// Whether it differs in this.
    pub fn has(&self, difference: Difference) -> bool {
        self.differences.contains(&difference)
    }
}

impl Facts {
    fn new(entry: &Entry) -> Result<Self, Error> {
        let media_type = entry.media_type()?.into_owned();
        Ok(Self {
            mode: format!("{:04o}", permissions(entry)),
            size: entry.size(),
            packed_size: entry.compressed_size(),
            method: entry.method().to_string(),
            media_type: (!media_type.is_empty()).then_some(media_type),
            sha256: entry.digest()?.map(Digest),
            crc32: format!("{:08x}", entry.crc32()),
        })
    }
}

fn permissions(entry: &Entry) -> u32 {
    entry.mode() & 0o7777
}

fn differences(old: &Entry, new: &Entry) -> Result<Vec<Difference>, Error> {
    let mut differences = Vec::new();
    let mut note = |differs: bool, difference| {
        if differs {
            differences.push(difference);
        }
    };
    note(!is_same_content(old, new)?, Difference::Content);
    note(permissions(old) != permissions(new), Difference::Mode);
    let types = [old.media_type()?, new.media_type()?];
    let are_known = types.iter().all(|media_type| !media_type.is_empty());
    note(are_known && types[0] != types[1], Difference::MediaType);
    note(old.method() != new.method(), Difference::Method);
    note(old.compressed_size() != new.compressed_size(), Difference::PackedSize);
    Ok(differences)
}

/// Whether two entries hold the same bytes: by size and CRC-32 where these differ, else by digest.
pub fn is_same_content(old: &Entry, new: &Entry) -> Result<bool, Error> {
    if old.size() != new.size() || old.crc32() != new.crc32() {
        return Ok(false);
    }
    // The digest of a directory is nothing, and an edit does not keep it.
    Ok(old.is_directory() || digest(old)? == digest(new)?)
}

/// The digest that was recorded, or else the one of what is read.
fn digest(entry: &Entry) -> Result<[u8; 32], Error> {
    if let Some(digest) = entry.digest()? {
        return Ok(digest);
    }
    let mut sha256 = Sha256::new();
    entry.reader()?.read_to_end_with(&mut |bytes| sha256.update(bytes))?;
    Ok(sha256.finalize().into())
}
