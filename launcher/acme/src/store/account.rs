//! Account keys.

/// The key of an account, and where the account is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountKey {
    pub url: String,
    pub pkcs8: Vec<u8>,
}
