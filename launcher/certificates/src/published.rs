//! Certificates that are served though their files do not hold them yet.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::identity::{Identities, Identity};
use crate::snapshot::Snapshot;

/// By the file that is to hold them.
#[derive(Debug, Default)]
pub(crate) struct Published(BTreeMap<PathBuf, Publication>);

#[derive(Debug)]
struct Publication {
    identity: Arc<Identity>,
    /// What the file held when this was published.
    before: Option<Arc<Identity>>,
    /// Whether the file has been there since.
    is_file_seen: bool,
}

impl Published {
    /// Serves this from now on; `found` is what the files hold.
    pub fn put(&mut self, identity: Arc<Identity>, found: &Identities) {
        let before = found.get(&identity.path).cloned();
        let path = identity.path.clone();
        self.0.insert(path, Publication { identity, before, is_file_seen: false });
    }

    /// Puts what is published in the place of what the files hold, except where a file holds it,
    /// or something newer, or is gone.
    pub fn overlay(&mut self, snapshot: &Snapshot, found: &mut Identities) {
        self.0.retain(|path, publication| {
            publication.stands(snapshot.contains(path), found.get(path).map(|one| &**one))
        });
        let standing = self.0.iter();
        found.extend(standing.map(|(path, one)| (path.clone(), one.identity.clone())));
    }
}

impl Publication {
    fn stands(&mut self, is_there: bool, found: Option<&Identity>) -> bool {
        let is_removed = self.is_file_seen && !is_there;
        self.is_file_seen |= is_there;
        let is_old = |found| self.before.as_ref().is_some_and(|before| before.is_same(found));
        !is_removed && found.is_none_or(is_old)
    }
}
