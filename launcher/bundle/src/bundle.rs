//! An open bundle: its archive and the manifest in it.

use crate::error::BundleError;
use crate::manifest::{Manifest, VARIANTS_PREFIX};
use holdall_archive::{Archive, Entry, Lookup, RESERVED};
use std::path::Path;

/// A bundle that was opened, and whose manifest was read and understood.
///
/// ```no_run
/// use holdall_bundle::Bundle;
///
/// let bundle = Bundle::open("sayhello".as_ref())?;
/// println!("{} {}", bundle.manifest().name, bundle.manifest().version);
/// # Ok::<(), holdall_bundle::BundleError>(())
/// ```
#[derive(Debug)]
pub struct Bundle {
    archive: Archive,
    manifest: Manifest,
}

impl Bundle {
    /// Opens the bundle at `path`.
    ///
    /// # Errors
    /// If it can't be read, has no archive, no manifest or a wrong one, or lacks the payload that
    /// the manifest names.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        Self::from_archive(Archive::open(path)?)
    }

    /// Opens the bundle that is running.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_running() -> Result<Self, BundleError> {
        Self::from_archive(Archive::open_running()?)
    }

    /// Takes an archive that is open already.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_archive(archive: Archive) -> Result<Self, BundleError> {
        let manifest = Self::read_manifest(&archive)?;
        Self::find_payload(&archive, &manifest)?;
        Ok(Self { archive, manifest })
    }

    /// The archive.
    pub fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The archive, to keep.
    pub fn into_archive(self) -> Archive {
        self.archive
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The entry that holds the code, where the entry point has one.
    ///
    /// # Errors
    /// [`BundleError::MissingPayload`] if it is not there, and those of the archive.
    pub fn payload(&self) -> Result<Option<Entry<'_>>, BundleError> {
        Self::find_payload(&self.archive, &self.manifest)
    }

    /// The resources in the order of their names, without directories and without the bundle's
    /// own entries.
    ///
    /// # Errors
    /// If the central directory is damaged or can't be read.
    pub fn resources(
        &self,
    ) -> Result<impl Iterator<Item = Result<Entry<'_>, BundleError>>, BundleError> {
        let visible = |entry: &Entry| !entry.name().starts_with(RESERVED);
        self.files_under("", visible)
    }

    /// The variants of resources in other codings than the archive's.
    ///
    /// # Errors
    /// As [`resources`](Self::resources).
    pub fn variants(
        &self,
    ) -> Result<impl Iterator<Item = Result<Entry<'_>, BundleError>>, BundleError> {
        self.files_under(VARIANTS_PREFIX.trim_end_matches('/'), |_| true)
    }

    fn files_under(
        &self,
        directory: &str,
        is_wanted: fn(&Entry) -> bool,
    ) -> Result<impl Iterator<Item = Result<Entry<'_>, BundleError>>, BundleError> {
        let is_kept = move |entry: &Entry| !entry.is_directory() && is_wanted(entry);
        Ok(self
            .archive
            .entries_under(directory)?
            .filter(move |entry| entry.as_ref().map_or(true, is_kept))
            .map(|entry| entry.map_err(BundleError::Archive)))
    }

    /// The resource `name`.
    ///
    /// # Errors
    /// [`BundleError::NoResource`] with the names nearest to it, [`BundleError::IsDirectory`], and
    /// those of the archive. The bundle's own entries are no resources.
    pub fn resource(&self, name: &str) -> Result<Entry<'_>, BundleError> {
        let lookup = match name.starts_with(RESERVED) {
            true => Lookup::Absent,
            false => self.archive.lookup(name)?,
        };
        match lookup {
            Lookup::File(entry) => Ok(entry),
            Lookup::Directory => Err(BundleError::IsDirectory { name: name.to_owned() }),
            Lookup::Absent => {
                Err(BundleError::NoResource { name: name.to_owned(), nearest: self.nearest(name)? })
            }
        }
    }

    /// Up to three names that are much like `name`.
    fn nearest(&self, name: &str) -> Result<Vec<String>, BundleError> {
        let mut scored = Vec::new();
        for entry in self.resources()? {
            let known = entry?.name().to_owned();
            let similarity = strsim::jaro_winkler(name, &known);
            if similarity > 0.8 {
                scored.push((similarity, known));
            }
        }
        scored.sort_by(|(a, a_name), (b, b_name)| b.total_cmp(a).then_with(|| a_name.cmp(b_name)));
        Ok(scored.into_iter().take(3).map(|(_, known)| known).collect())
    }

    pub(crate) fn find_payload<'a>(
        archive: &'a Archive,
        manifest: &'a Manifest,
    ) -> Result<Option<Entry<'a>>, BundleError> {
        let Some(name) = &manifest.entry_point.payload else { return Ok(None) };
        match archive.find(name)? {
            Some(entry) => Ok(Some(entry)),
            None => Err(BundleError::MissingPayload {
                path: archive.path().to_owned(),
                kind: manifest.entry_point.kind,
                name: name.clone(),
            }),
        }
    }

    pub(crate) fn read_manifest(archive: &Archive) -> Result<Manifest, BundleError> {
        Manifest::from_json(&crate::signature::manifest_bytes(archive)?)
            .map_err(|source| BundleError::Manifest { path: archive.path().to_owned(), source })
    }
}
