//! What is told about certificates: one event for each.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::error::{Chain, LoadError};
use crate::identity::Identity;

/// Which faults are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    /// All of them: somebody asked.
    Everything,
    /// Those that were not there the last time.
    News,
}

/// Faults in words, by file.
type Faults = HashMap<PathBuf, String>;

/// What a start found.
pub(crate) fn loaded(identities: &BTreeMap<PathBuf, Arc<Identity>>) {
    for identity in identities.values() {
        tracing::debug!(
            path = %identity.path.display(),
            names = ?identity.names,
            not_after = %date(identity.not_after),
            "certificate loaded"
        );
        weak_points(identity);
    }
}

/// The files that a start does without.
pub(crate) fn left_out(faults: &[LoadError]) -> Faults {
    for fault in faults {
        let (path, error) = (fault.path.display(), Chain(&*fault.fault));
        tracing::warn!(%path, %error, "certificate not loaded, it is left out");
    }
    in_words(faults)
}

/// What a reload changed.
pub(crate) fn changes(
    old: &BTreeMap<PathBuf, Arc<Identity>>,
    new: &BTreeMap<PathBuf, Arc<Identity>>,
) {
    for (path, identity) in new {
        if old.get(path).is_some_and(|old| Arc::ptr_eq(old, identity)) {
            continue;
        }
        let not_after = date(identity.not_after);
        let names = &identity.names;
        tracing::info!(path = %path.display(), ?names, %not_after, "certificate loaded");
        weak_points(identity);
    }
    for (path, identity) in old.iter().filter(|(path, _)| !new.contains_key(*path)) {
        let names = &identity.names;
        tracing::warn!(path = %path.display(), ?names, "certificate removed with its file");
    }
}

/// What a reload could not use.
pub(crate) fn faults(faults: &[LoadError], told: &Faults, report: Report) -> Faults {
    for fault in faults {
        let error = Chain(&*fault.fault);
        let is_old = told.get(&fault.path).is_some_and(|words| *words == error.to_string());
        if report == Report::Everything || !is_old {
            let path = fault.path.display();
            tracing::error!(%path, %error, "certificate not loaded, what was there before stays");
        }
    }
    in_words(faults)
}

fn in_words(faults: &[LoadError]) -> Faults {
    let words = |fault: &LoadError| (fault.path.clone(), Chain(&*fault.fault).to_string());
    faults.iter().map(words).collect()
}

/// Warns of a certificate that clients will refuse. It is served all the same: that is better
/// than no answer, and the clock may be wrong.
fn weak_points(identity: &Identity) {
    let path = identity.path.display();
    let now = SystemTime::now();
    if identity.not_after < now {
        let not_after = date(identity.not_after);
        tracing::warn!(%path, %not_after, "certificate has expired, clients will refuse it");
    }
    if now < identity.not_before {
        let not_before = date(identity.not_before);
        tracing::warn!(%path, %not_before, "certificate is not yet valid, clients will refuse it");
    }
    if identity.names.is_empty() {
        tracing::warn!(%path, "certificate has no names (subjectAltName), clients will refuse it");
    }
}

/// In the form of RFC 3339; the last representable moment for those beyond the year 9999.
fn date(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}
