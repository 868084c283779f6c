//! From an issued certificate to clients: file, memory, and a look at what they are shown.

use std::time::Duration;

use crate::Name;
use crate::handshake::{self, Unseen};
use crate::office::Office;
use crate::order::Issued;
use crate::setback::chain;
use crate::store::{Saved, Version};

/// How a delivery went.
#[derive(Debug)]
pub(crate) struct Delivered {
    /// The file holds it; without that it is served from memory until it does.
    pub is_saved: bool,
    /// Whether clients are shown it.
    pub seen: Result<(), Unseen>,
}

/// How often clients' view is looked at; a store in memory takes no time, so that this is for a
/// machine that has none.
const LOOKS: u32 = 3;

/// Puts a certificate in the place of another, whose version is `expected`.
///
/// It is served even where the disk is full: the authority will not issue it a second time. Where
/// another process has put one there meanwhile, that one stays, and nothing is delivered.
pub(crate) async fn deliver(
    office: &Office,
    name: &Name,
    issued: &Issued,
    expected: &Version,
) -> Option<Delivered> {
    let written = save(office, name, issued, expected);
    if written == Some(Saved::Conflict) {
        return None;
    }
    publish(office, name, issued.pem.as_bytes());
    Some(Delivered { is_saved: written.is_some(), seen: look(office, name, issued).await })
}

fn save(office: &Office, name: &Name, issued: &Issued, expected: &Version) -> Option<Saved> {
    match office.store.save(name, &issued.pem, expected) {
        Ok(saved) => {
            if saved == Saved::Conflict {
                tracing::warn!(domain = %name, "another process was faster, its certificate stays");
            }
            // An order that stays is looked at again, and then found to be done.
            let _ = office.store.remove_order(name);
            Some(saved)
        }
        Err(error) => {
            let error = chain(&error);
            tracing::error!(domain = %name, error, "certificate not written, it is served from memory");
            office.unsaved().insert(name.clone(), issued.pem.clone());
            None
        }
    }
}

fn publish(office: &Office, name: &Name, pem: &[u8]) {
    let path = office.store.path(name);
    if let Err(error) = office.certificates.publish(&path, pem) {
        tracing::error!(domain = %name, error = chain(&error), "certificate not served");
    }
}

async fn look(office: &Office, name: &Name, issued: &Issued) -> Result<(), Unseen> {
    let mut seen = handshake::shows(office, name, &issued.leaf.der).await;
    for _ in 1..LOOKS {
        if seen.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        seen = handshake::shows(office, name, &issued.leaf.der).await;
    }
    seen
}

/// Writes what could not be written before; whether it is done.
pub(crate) fn save_again(office: &Office, name: &Name) -> bool {
    let Some(pem) = office.unsaved().get(name).cloned() else { return true };
    let saved = office.store.version(name).and_then(|now| office.store.save(name, &pem, &now));
    if saved.is_ok() {
        office.unsaved().remove(name);
        let _ = office.store.remove_order(name);
        tracing::info!(domain = %name, "certificate written at last");
    }
    saved.is_ok()
}
