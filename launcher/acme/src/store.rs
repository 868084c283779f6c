//! The directory of certificates, and what is kept beside them.

mod account;
mod error;
mod held;
mod lease;
mod order;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Authority, Name};

pub(crate) use account::AccountKey;
pub use error::StoreError;
pub(crate) use held::{Held, Leaf, Version};
pub(crate) use lease::{Holder, Lease, Leased};
pub(crate) use order::PendingOrder;

/// A directory with a file `NAME.pem` for each name. Clones are the same store.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
}

/// What became of a certificate that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It is on disk, and survives a power loss.
    Saved,
    /// The file is not what it was expected to be: somebody else wrote it. Nothing was done.
    Conflict,
}

impl Store {
    /// The store in this directory, which is made if it is not there.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        todo!()
    }

    /// The store in a directory that is only to be read: nothing in it is made or mended.
    pub fn existing(directory: &Path) -> Self {
        todo!()
    }

    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// Where the certificate of a name is.
    pub fn path(&self, name: &Name) -> PathBuf {
        todo!()
    }

    /// Every name that has a `NAME.pem`, in alphabetical order.
    pub fn names(&self) -> Result<Vec<Name>, StoreError> {
        todo!()
    }

    /// Makes an empty `NAME.pem` if there is none.
    pub fn request(&self, name: &Name) -> Result<(), StoreError> {
        todo!()
    }

    /// What there is for a name; damage is set aside, told, and mended as far as it can be.
    pub fn look(&self, name: &Name, now: Timestamp) -> Held {
        todo!()
    }

    /// The same without changing or telling anything; damage in words.
    pub fn inspect(&self, name: &Name) -> Result<Held, StoreError> {
        todo!()
    }

    /// What `NAME.pem` holds now: to be taken before an order is made, for [`save`](Self::save).
    pub fn version(&self, name: &Name) -> Result<Version, StoreError> {
        todo!()
    }

    /// Keeps a key and a chain, if the file still is as expected.
    pub fn save(&self, name: &Name, pem: &str, expected: &Version) -> Result<Saved, StoreError> {
        todo!()
    }

    pub fn order(&self, name: &Name) -> Option<PendingOrder> {
        todo!()
    }
    pub fn save_order(&self, name: &Name, order: &PendingOrder) -> Result<(), StoreError> {
        todo!()
    }
    pub fn remove_order(&self, name: &Name) -> Result<(), StoreError> {
        todo!()
    }

    /// `NAME.state`; the default where there is none or where it is damaged.
    pub fn record<R: DeserializeOwned + Default>(&self, name: &Name) -> R {
        todo!()
    }
    pub fn save_record<R: Serialize>(&self, name: &Name, record: &R) -> Result<(), StoreError> {
        todo!()
    }

    pub fn account(&self, authority: &Authority) -> Result<Option<AccountKey>, StoreError> {
        todo!()
    }
    pub fn save_account(&self, authority: &Authority, key: &AccountKey) -> Result<(), StoreError> {
        todo!()
    }
    /// Renames the key of an account that is of no use any more.
    pub fn set_aside_account(
        &self,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        todo!()
    }

    /// Takes the lease of a name, if nobody has it.
    pub fn lease(&self, name: &Name, now: Timestamp) -> Result<Leased, StoreError> {
        todo!()
    }

    /// Whether the directory can be written to: done before an order is made.
    pub fn writable(&self) -> Result<(), StoreError> {
        todo!()
    }
}

impl Store {
    /// Reads a file of ours below the directory; `None` if there is none or if it is damaged.
    pub fn read_json<T: DeserializeOwned>(&self, file: &str) -> Option<T> {
        todo!()
    }

    /// Writes a file of ours below the directory, whole or not at all.
    pub fn write_json<T: Serialize>(&self, file: &str, value: &T) -> Result<(), StoreError> {
        todo!()
    }
}
