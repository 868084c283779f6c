//! A new certificate in the place of the old one, unless somebody else was faster.

use std::io;

use super::durable::{self, Temporary};
use super::held::{self, Leaf, Version};
use super::{Store, StoreError};
use crate::Name;
use crate::setback::chain;

/// What became of a certificate that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It is on disk, and survives a power loss.
    Saved,
    /// The file is not what it was expected to be: somebody else wrote it. Nothing was done.
    Conflict,
}

impl Store {
    /// What `NAME.pem` holds now: to be taken before an order is made, for [`save`](Self::save).
    pub fn version(&self, name: &Name) -> Result<Version, StoreError> {
        Ok(Version::of(self.content(name)?.as_deref()))
    }

    /// Keeps a key and a chain, if the file still is as expected; what was in it is kept as
    /// `NAME.pem.prev` if it is whole. At each moment the file is the old or the new one.
    pub fn save(&self, name: &Name, pem: &str, expected: &Version) -> Result<Saved, StoreError> {
        let path = self.path(name);
        let text = holdall_certificates::written(pem);
        let _lock = self.lock()?;
        let old = self.content(name)?;
        let written = match old.as_deref() {
            // It was written before, but perhaps not to the disk.
            Some(old) if old == text.as_bytes() => durable::sync(self.directory()),
            old if Version::of(old) != *expected => return Ok(Saved::Conflict),
            old => self.replace(name, old, text.as_bytes()),
        };
        written.map(|()| Saved::Saved).map_err(StoreError::io("write", &path))
    }

    fn replace(&self, name: &Name, old: Option<&[u8]>, new: &[u8]) -> io::Result<()> {
        let path = self.path(name);
        let temporary = Temporary::write(self.directory(), new)?;
        if let Some(old) = old.filter(|old| Leaf::read(name, old).is_ok()) {
            let kept = durable::keep(&path, &self.beside(name, "pem.prev"), old);
            if let Err(error) = kept {
                let error = chain(&error);
                tracing::warn!(domain = %name, error, "the certificate before the new one is not kept");
            }
        }
        temporary.replace(&path)
    }

    fn content(&self, name: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(name);
        held::read(&path).map_err(|fault| StoreError::Damaged { path, source: fault.into() })
    }
}
