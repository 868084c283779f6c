//! Account keys: `client.key` for one authority, `account-AUTHORITY.key` for others; beside each,
//! with `.json` at its end, whose it is.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Store, StoreError, durable, held};
use crate::Authority;

/// The key of an account, and where the account is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AccountKey {
    /// Empty if the authority has not been asked yet.
    pub url: String,
    /// ECDSA on P-256.
    pub pkcs8: Vec<u8>,
}

/// What stands in the `.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Owner {
    /// The directory URL of the authority.
    directory: String,
    /// The URL of the account.
    account: String,
}

/// What a file has to offer.
enum Slot {
    /// It has the account of the authority.
    Its(AccountKey),
    /// It has a key of which nobody knows whose it is.
    Nobodys(AccountKey),
    Empty,
    /// It is of another authority, or a key of another kind: it is left as it is.
    Taken,
}

impl Store {
    /// The account with an authority, if there is one. A P-256 key in `client.key` of which
    /// nobody says whose it is counts as one; its URL is empty.
    pub fn account(&self, authority: &Authority) -> Result<Option<AccountKey>, StoreError> {
        let (_, slot) = self.slot(authority)?;
        Ok(match slot {
            Slot::Its(key) | Slot::Nobodys(key) => Some(key),
            Slot::Empty | Slot::Taken => None,
        })
    }

    /// Keeps an account, or a key that is to have one.
    pub fn save_account(&self, authority: &Authority, key: &AccountKey) -> Result<(), StoreError> {
        let (path, slot) = self.slot(authority)?;
        let is_there =
            matches!(slot, Slot::Its(old) | Slot::Nobodys(old) if old.pkcs8 == key.pkcs8);
        if !is_there {
            let pem = pem(&key.pkcs8).map_err(|error| damaged(&path, error))?;
            durable::write(&path, pem.as_bytes()).map_err(StoreError::io("write", &path))?;
        }
        let owner = Owner { directory: authority.directory.clone(), account: key.url.clone() };
        self.write_json(&owner_file(&path), &owner)
    }

    /// Renames the key of an account that is of no use any more.
    pub fn set_aside_account(
        &self,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (path, slot) = self.slot(authority)?;
        if matches!(slot, Slot::Empty | Slot::Taken) {
            return Ok(());
        }
        let aside = format!("{}.bad-{}", path.display(), now.strftime("%Y%m%dT%H%M%SZ"));
        fs::rename(&path, aside).map_err(StoreError::io("rename", &path))?;
        let owner = self.directory().join(owner_file(&path));
        durable::remove(&owner).map_err(StoreError::io("remove", &owner))
    }

    /// The file for an authority: the one that has its account, else the first that is free.
    fn slot(&self, authority: &Authority) -> Result<(PathBuf, Slot), StoreError> {
        let mut free = None;
        for file in files(authority) {
            let path = self.directory().join(file);
            match self.content_of(&path, authority)? {
                its @ Slot::Its(_) => return Ok((path, its)),
                Slot::Taken => {}
                slot => drop(free.get_or_insert((path, slot))),
            }
        }
        let last = || (self.directory().join(files(authority)[2].clone()), Slot::Taken);
        Ok(free.unwrap_or_else(last))
    }

    fn content_of(&self, path: &Path, authority: &Authority) -> Result<Slot, StoreError> {
        let bytes = held::read(path).map_err(|fault| damaged(path, fault))?;
        let owner: Option<Owner> = self.read_json(&owner_file(path));
        let is_anothers = owner.as_ref().is_some_and(|it| it.directory != authority.directory);
        if is_anothers {
            return Ok(Slot::Taken);
        }
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Ok(Slot::Empty) };
        let Some(pkcs8) = p256(&bytes) else {
            if self.is_news(path, "of another kind") {
                let path = path.display();
                tracing::info!(%path, "no ECDSA key on P-256: left as it is, another file is used");
            }
            return Ok(Slot::Taken);
        };
        Ok(match owner {
            Some(owner) => Slot::Its(AccountKey { url: owner.account, pkcs8 }),
            None => Slot::Nobodys(AccountKey { url: String::new(), pkcs8 }),
        })
    }
}

/// Where an account with an authority may be. The last is for the second of two authorities of
/// one host.
fn files(authority: &Authority) -> [String; 3] {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let host = authority.name().chars().map(|c| if is_safe(c) { c } else { '-' });
    let host: String = host.take(100).collect();
    let digest = Sha256::digest(&authority.directory);
    let digest: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let client = "client.key".to_owned();
    [client, format!("account-{host}.key"), format!("account-{host}-{digest}.key")]
}

fn owner_file(path: &Path) -> String {
    format!("{}.json", path.file_name().unwrap_or_default().display())
}

/// The PKCS#8 of a PEM file with a key of the kind that we use.
fn p256(pem: &[u8]) -> Option<Vec<u8>> {
    let key = str::from_utf8(pem).ok().filter(|pem| pem.contains("-----BEGIN PRIVATE KEY-----"))?;
    let key = KeyPair::from_pem(key).ok()?;
    (key.algorithm() == &PKCS_ECDSA_P256_SHA256).then(|| key.serialize_der())
}

fn pem(pkcs8: &[u8]) -> Result<String, rcgen::Error> {
    Ok(KeyPair::try_from(pkcs8)?.serialize_pem())
}

fn damaged(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), source: source.into() }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is a secret.
        formatter.debug_struct("AccountKey").field("url", &self.url).finish_non_exhaustive()
    }
}
