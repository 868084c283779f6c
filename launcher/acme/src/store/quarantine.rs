//! What there is for a name; damage is set aside, and what is left is put in its place.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::durable::Temporary;
use super::held::{self, Damage, Held, Leaf};
use super::{OTHERS, Store, StoreError};
use crate::Name;
use crate::setback::chain;

/// What was changed so short a time ago may be half written yet.
const FRESH: Duration = Duration::from_millis(500);

const PAUSE: Duration = Duration::from_millis(50);

/// How often a file is looked at that changes again and again.
const LOOKS: u32 = 20;

/// How many damaged files of a name are kept.
const KEPT: usize = 3;

impl Store {
    /// What there is for a name. Damage is told, renamed to `NAME.pem.bad-TIME`, and replaced by
    /// `NAME.pem.prev`, or else by an empty file. What others may read is made private.
    pub fn look(&self, name: &Name, now: Timestamp) -> Held {
        let held = self.settled(name).unwrap_or_else(|damage| self.mend(name, &damage, now));
        if matches!(held, Held::Certificate(_)) {
            self.protect(&self.path(name));
        }
        held
    }

    /// The same without changing or telling anything.
    ///
    /// # Errors
    ///
    /// The file is damaged.
    pub fn inspect(&self, name: &Name) -> Result<Held, StoreError> {
        let damaged =
            |source: Damage| StoreError::Damaged { path: self.path(name), source: source.into() };
        self.examine(name).map_err(damaged)
    }

    fn examine(&self, name: &Name) -> Result<Held, Damage> {
        match held::read(&self.path(name)).map_err(Arc::new)? {
            None => Ok(Held::Gone),
            Some(bytes) if bytes.is_empty() => Ok(Held::Requested),
            Some(bytes) => Leaf::read(name, &bytes).map(Held::Certificate),
        }
    }

    /// Waits for as long as somebody writes the file.
    fn settled(&self, name: &Name) -> Result<Held, Damage> {
        for _ in 0..LOOKS {
            let examined = self.examine(name);
            if examined.is_ok() || !is_fresh(&self.path(name)) {
                return examined;
            }
            thread::sleep(PAUSE);
        }
        self.examine(name)
    }

    fn mend(&self, name: &Name, damage: &Damage, now: Timestamp) -> Held {
        match self.set_aside(name, now) {
            Ok(held) => held,
            Err(error) => {
                let (path, damage) = (self.path(name), chain(damage));
                if self.is_news(&path, &damage) {
                    let (path, error) = (path.display(), chain(&error));
                    tracing::error!(%path, damage, error, "file damaged, and not to be set aside");
                }
                Held::Requested
            }
        }
    }

    fn set_aside(&self, name: &Name, now: Timestamp) -> Result<Held, StoreError> {
        let path = self.path(name);
        let _lock = self.lock()?;
        // Another process may have mended it meanwhile.
        let damage = match self.examine(name) {
            Ok(held) => return Ok(held),
            Err(damage) => damage,
        };
        let aside = self.beside(name, &format!("pem.bad-{}", now.strftime("%Y%m%dT%H%M%SZ")));
        let last = self.last_good(name);
        exchange(&path, &aside, &self.beside(name, "pem.prev"), last.as_ref())
            .map_err(StoreError::io("rename", &path))?;
        self.is_well(&path);
        self.forget_old(name);
        let (path, damage, is_restored) = (aside.display(), chain(&damage), last.is_some());
        tracing::warn!(domain = %name, %path, damage, is_restored, "damaged file set aside");
        Ok(last.map_or(Held::Requested, |(leaf, _)| Held::Certificate(leaf)))
    }

    /// The certificate before the one that is damaged.
    fn last_good(&self, name: &Name) -> Option<(Leaf, Vec<u8>)> {
        let bytes = held::read(&self.beside(name, "pem.prev")).ok()??;
        Leaf::read(name, &bytes).ok().map(|leaf| (leaf, bytes))
    }

    /// Removes all but the last few damaged files.
    fn forget_old(&self, name: &Name) {
        let Ok(entries) = fs::read_dir(self.directory()) else { return };
        let beginning = format!("{name}.pem.bad-");
        let is_bad = |path: &PathBuf| {
            let file = path.file_name().unwrap_or_default();
            file.as_encoded_bytes().starts_with(beginning.as_bytes())
        };
        let mut bad: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_bad).collect();
        bad.sort();
        for old in bad.iter().rev().skip(KEPT) {
            // A directory stays: somebody put something into it.
            let _ = fs::remove_file(old);
        }
    }

    /// Makes a file private that others may read.
    fn protect(&self, path: &Path) {
        let Ok(metadata) = fs::metadata(path) else { return };
        let mode = metadata.mode() & 0o7777;
        if mode & OTHERS == 0 {
            return self.is_well(path);
        }
        let made = fs::set_permissions(path, Permissions::from_mode(0o600));
        let error = made.err().map(|error| error.to_string());
        if self.is_news(path, &format!("{mode:04o} {error:?}")) {
            let (path, mode) = (path.display(), format!("{mode:04o}"));
            match error {
                None => {
                    tracing::warn!(%path, mode, "its key was open to others, now it is private")
                }
                Some(error) => tracing::error!(%path, mode, error, "its key is open to others"),
            }
        }
    }
}

/// Gives a file another name, and puts the last good one, or an empty one, in its place; there is
/// no moment without a file where the file system has hard links.
fn exchange(
    path: &Path,
    aside: &Path,
    previous: &Path,
    last: Option<&(Leaf, Vec<u8>)>,
) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    let temporary = match last {
        // A second name of it takes no place on a disk that is full.
        Some((_, bytes)) => {
            Temporary::write(directory, bytes).or_else(|_| Temporary::link(previous))?
        }
        None => Temporary::write(directory, b"")?,
    };
    let _ = fs::remove_file(aside);
    if fs::hard_link(path, aside).is_err() {
        fs::rename(path, aside)?;
    }
    temporary.replace(path)
}

fn is_fresh(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = modified.ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    age.is_some_and(|age| age < FRESH)
}
