//! Orders that are under way, and all else that is kept as JSON.

use std::fmt;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, durable, held};
use crate::Name;
use crate::setback::chain;

/// An order that an authority has, and the key of the certificate it is for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingOrder {
    /// The directory URL of the authority.
    pub authority: String,
    pub url: String,
    /// The private key of the certificate, PKCS#8.
    pub key_pem: String,
    pub names: Vec<String>,
    pub created: Timestamp,
}

impl Store {
    /// The order of a name that is under way, if there is one and `NAME.order` is whole.
    pub fn order(&self, name: &Name) -> Option<PendingOrder> {
        self.read_json(&order_file(name))
    }

    /// Writes `NAME.order`: from then on the order is resumed, whatever happens.
    pub fn save_order(&self, name: &Name, order: &PendingOrder) -> Result<(), StoreError> {
        self.write_json(&order_file(name), order)
    }

    pub fn remove_order(&self, name: &Name) -> Result<(), StoreError> {
        let path = self.directory().join(order_file(name));
        durable::remove(&path).map_err(StoreError::io("remove", &path))
    }

    /// `NAME.state`, if there is one and it is whole.
    pub fn record<R: DeserializeOwned>(&self, name: &Name) -> Option<R> {
        self.read_json(&record_file(name))
    }

    pub fn save_record<R: Serialize>(&self, name: &Name, record: &R) -> Result<(), StoreError> {
        self.write_json(&record_file(name), record)
    }

    /// Reads a file of ours in the directory; `None` if there is none or if it is damaged.
    pub fn read_json<T: DeserializeOwned>(&self, file: &str) -> Option<T> {
        let path = self.directory().join(file);
        match read(&path) {
            Ok(value) => value,
            Err(error) => {
                tracing::warn!(error = chain(&error), "file passed over, as if it were not there");
                None
            }
        }
    }

    /// Writes a file of ours in the directory, whole or not at all.
    pub fn write_json<T: Serialize>(&self, file: &str, value: &T) -> Result<(), StoreError> {
        let path = self.directory().join(file);
        let json = serde_json::to_vec_pretty(value).map_err(io::Error::from);
        let written = json.and_then(|json| durable::write(&path, &json));
        written.map_err(StoreError::io("write", &path))
    }
}

/// The value in a JSON file, if there is one.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    let damaged = |source| StoreError::Damaged { path: path.to_owned(), source };
    let content = held::read(path).map_err(|fault| damaged(fault.into()))?;
    let value = content.map(|json| serde_json::from_slice(&json)).transpose();
    value.map_err(|error| damaged(error.into()))
}

fn order_file(name: &Name) -> String {
    format!("{name}.order")
}

fn record_file(name: &Name) -> String {
    format!("{name}.state")
}

impl fmt::Debug for PendingOrder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is a secret.
        let mut debug = formatter.debug_struct("PendingOrder");
        debug.field("url", &self.url).field("names", &self.names).finish_non_exhaustive()
    }
}
