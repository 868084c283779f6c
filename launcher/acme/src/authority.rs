//! Certificate authorities: where they are, and what they ask of an account.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::SignedDuration;

/// Let's Encrypt, whose certificates browsers trust.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Let's Encrypt's copy of itself to try things out: nobody trusts it, and its limits are wide.
pub const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// A certificate authority that speaks ACME, and how it is to be spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The URL of its directory (RFC 8555, section 7.1.1).
    pub directory: String,
    /// PEM files of the roots by which its own TLS certificate is trusted; those of the system
    /// without it, and those compiled in where the system has none.
    pub roots: Option<PathBuf>,
    /// An e-mail address that it may write to.
    pub email: Option<String>,
    /// What binds the account to one that it knows already (RFC 8555, section 7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// Which of its profiles certificates are to have; its default without one.
    pub profile: Option<String>,
    /// The common name of an issuer that one of the alternate chains has (RFC 8555, section
    /// 7.4.2).
    pub chain: Option<String>,
}

/// A key by which an authority knows its customer.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The key identifier.
    pub key_id: String,
    /// The HMAC key, decoded.
    pub key: Vec<u8>,
}

/// A line that names no external account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExternalAccountError {
    /// There are too few words, or too many.
    #[error("line {line} has {found} words; wanted: KEY-ID HMAC-KEY, and maybe a directory URL")]
    Words {
        /// The line, from 1.
        line: usize,
        /// How many words there are.
        found: usize,
    },
    /// The key is not what authorities give.
    #[error("the HMAC key in line {line} is not written in base64url")]
    Key {
        /// The line, from 1.
        line: usize,
    },
}

/// How often an authority lets things happen; `None` where it says nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// New orders of an account.
    pub orders: Option<Limit>,
    /// Certificates for exactly the same names.
    pub duplicates: Option<Limit>,
    /// Failed validations of a name.
    pub failures: Limit,
    /// New accounts from one address.
    pub accounts: Option<Limit>,
}

/// So many in any such span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub count: u32,
    pub span: SignedDuration,
}

const fn limit(count: u32, hours: i64) -> Limit {
    Limit { count, span: SignedDuration::from_hours(hours) }
}

impl Authority {
    /// One with nothing set but its directory.
    pub fn new(directory: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            roots: None,
            email: None,
            external_account: None,
            profile: None,
            chain: None,
        }
    }

    /// A short name for logs and file names: the host of the directory, and the port if it is not
    /// that of https.
    pub fn name(&self) -> &str {
        let rest = self.directory.split_once("://").map_or(&*self.directory, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Let's Encrypt publishes its limits (letsencrypt.org/docs/rate-limits); others are only not
    /// to be asked for what just failed.
    pub(crate) fn limits(&self) -> Limits {
        // One less than it allows, as another program may use the same account.
        let failures = limit(4, 1);
        if self.directory != LETS_ENCRYPT {
            return Limits { orders: None, duplicates: None, failures, accounts: None };
        }
        Limits {
            orders: Some(limit(300, 3)),
            duplicates: Some(limit(5, 7 * 24)),
            failures,
            accounts: Some(limit(10, 3)),
        }
    }
}

impl ExternalAccount {
    /// Finds the account for an authority in a text with one on each line: key identifier, HMAC key
    /// in base64url, and the directory URL that it is for. An account without a URL is for the
    /// authority that `is_first`.
    ///
    /// # Errors
    /// [`ExternalAccountError`] names the line that can't be understood.
    ///
    /// ```
    /// use holdall_acme::ExternalAccount;
    ///
    /// let text = "kid-1 c2VjcmV0\nkid-2 c2VjcmV0 https://ca.example/dir\n";
    /// let found = ExternalAccount::find(text, "https://ca.example/dir", false)?;
    /// assert_eq!(found.unwrap().key_id, "kid-2");
    /// assert_eq!(ExternalAccount::find(text, "https://other.example", false)?, None);
    /// # Ok::<(), holdall_acme::ExternalAccountError>(())
    /// ```
    pub fn find(
        text: &str,
        directory: &str,
        is_first: bool,
    ) -> Result<Option<Self>, ExternalAccountError> {
        let mut default = None;
        for (line, words) in text.lines().enumerate() {
            let words: Vec<_> = words.split_whitespace().collect();
            let line = line + 1;
            let (key_id, key, url) = match words[..] {
                [] => continue,
                [first, ..] if first.starts_with('#') => continue,
                [key_id, key] => (key_id, key, None),
                [key_id, key, url] => (key_id, key, Some(url)),
                _ => return Err(ExternalAccountError::Words { line, found: words.len() }),
            };
            let key = BASE64_URL_SAFE_NO_PAD.decode(key.trim_end_matches('='));
            let key = key.map_err(|_| ExternalAccountError::Key { line })?;
            let account = Self { key_id: key_id.to_owned(), key };
            match url {
                Some(url) if url == directory => return Ok(Some(account)),
                None if is_first => drop(default.get_or_insert(account)),
                _ => {}
            }
        }
        Ok(default)
    }
}

impl std::fmt::Debug for ExternalAccount {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is a secret.
        formatter.debug_struct("ExternalAccount").field("key_id", &self.key_id).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_name_no_account_are_told() {
        let find = |text| ExternalAccount::find(text, "https://ca.example", true);
        for (text, error) in [
            ("one", ExternalAccountError::Words { line: 1, found: 1 }),
            ("\n# why\na b c d", ExternalAccountError::Words { line: 3, found: 4 }),
            ("a b!", ExternalAccountError::Key { line: 1 }),
        ] {
            assert_eq!(find(text), Err(error), "{text:?}");
        }
        assert_eq!(find("\n"), Ok(None));
        assert_eq!(find(" a  c2VjcmV0PQ== \nb c2VjcmV0").unwrap().unwrap().key_id, "a");
    }
}
