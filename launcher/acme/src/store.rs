//! The directory of certificates, and what is kept beside them.
//!
//! `NAME.pem` (key, certificate and chain; empty where a certificate is wanted), `NAME.pem.prev`
//! (the one before), `NAME.pem.bad-TIME` (damage that was set aside), `NAME.order` (an order under
//! way), `NAME.state` (what happened), `client.key` and `account-*.key` (accounts), `.lock/NAME`
//! (leases). All that is written is written whole and to the disk.

mod account;
mod durable;
mod error;
mod held;
mod lease;
mod lock;
mod order;
mod publish;
mod quarantine;

use std::collections::HashMap;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Name;

pub(crate) use account::AccountKey;
pub use error::StoreError;
pub(crate) use held::{Held, Leaf, Version};
pub(crate) use lease::{Holder, Lease, Leased};
pub(crate) use order::PendingOrder;
pub(crate) use publish::Saved;

/// A directory with a file `NAME.pem` for each name. Clones are the same store.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    /// What was told of a file, so that it is told once.
    told: Mutex<HashMap<PathBuf, String>>,
}

/// Anyone but the owner may write.
const OTHERS_WRITE: u32 = 0o022;

/// Anyone but the owner may do anything.
const OTHERS: u32 = 0o077;

impl Store {
    /// The store in this directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// It can't be made, is none, or others may write to it.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let make = || {
            directory.parent().map_or(Ok(()), fs::create_dir_all)?;
            durable::directory(directory)?;
            fs::metadata(directory)
        };
        let metadata = make().map_err(StoreError::io("make", directory))?;
        if !metadata.is_dir() {
            let error = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(StoreError::io("use", directory)(error));
        }
        let (path, mode) = (directory.to_owned(), metadata.mode() & 0o7777);
        if mode & OTHERS_WRITE != 0 {
            return Err(StoreError::OpenToOthers { path, mode });
        }
        if mode & OTHERS != 0 {
            let (path, mode) = (path.display(), format!("{mode:04o}"));
            tracing::warn!(%path, mode, "others can see which certificates there are: chmod 700");
        }
        let store = Self::existing(directory);
        durable::remove_stale(directory);
        durable::remove_stale(&store.locks());
        Ok(store)
    }

    /// The store in a directory that is only to be read: nothing in it is made or mended.
    pub fn existing(directory: &Path) -> Self {
        Self(Arc::new(Inner { directory: directory.to_owned(), told: Mutex::default() }))
    }

    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// Where the certificate of a name is.
    pub fn path(&self, name: &Name) -> PathBuf {
        self.beside(name, "pem")
    }

    /// Every name that has a `NAME.pem`, in alphabetical order. Other files are left alone; a
    /// `*.pem` that is called like no host is told of once.
    pub fn names(&self) -> Result<Vec<Name>, StoreError> {
        let list = || fs::read_dir(self.directory())?.collect::<io::Result<Vec<_>>>();
        let entries = list().map_err(StoreError::io("read", self.directory()))?;
        let mut names: Vec<_> = entries.iter().filter_map(|entry| self.name(entry)).collect();
        names.sort();
        Ok(names)
    }

    /// Makes an empty `NAME.pem` if there is none.
    pub fn request(&self, name: &Name) -> Result<(), StoreError> {
        let path = self.path(name);
        match durable::create(&path, b"") {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made.map_err(StoreError::io("make", &path)),
        }
    }

    /// Whether the directory can be written to: asked before an order is made.
    pub fn writable(&self) -> Result<(), StoreError> {
        let written = durable::Temporary::write(self.directory(), b"A write test.\n");
        written.map(drop).map_err(StoreError::io("write to", self.directory()))
    }

    fn name(&self, entry: &DirEntry) -> Option<Name> {
        let file = entry.file_name();
        let text = file.to_string_lossy();
        let stem = text.strip_suffix(".pem").filter(|stem| !stem.starts_with('.'))?;
        if stem == "DEFAULT" {
            return None;
        }
        let name = stem.parse::<Name>();
        let name = name.map_err(|bad| bad.problem).and_then(|name| match name.as_str() == stem {
            true => Ok(name),
            false => Err("write it in lower case, without a dot at its end"),
        });
        if let Err(problem) = &name
            && self.is_news(&entry.path(), problem)
        {
            let path = entry.path();
            tracing::warn!(path = %path.display(), problem, "file left alone: it has no host's name");
        }
        name.ok()
    }

    /// `NAME.EXTENSION`
    fn beside(&self, name: &Name, extension: &str) -> PathBuf {
        self.directory().join(format!("{name}.{extension}"))
    }

    /// Whether this is not what was told of the file the last time.
    fn is_news(&self, path: &Path, what: &str) -> bool {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(path.to_owned(), what.to_owned()).is_none_or(|before| before != what)
    }

    /// Nothing is wrong with the file any more.
    fn is_well(&self, path: &Path) {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }
}
