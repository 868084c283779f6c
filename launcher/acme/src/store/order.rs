//! Orders that are under way.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
