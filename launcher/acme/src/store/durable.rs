//! Files that are there whole or not at all, also after a power loss.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How the names of files begin that are being written.
const TEMPORARY: &str = ".tmp-";

/// No write takes so long: what is older was left behind.
const STALE: Duration = Duration::from_secs(60);

/// Replaces a file: the old one is there until the new one is on disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = Temporary::write(parent(path), bytes)?;
    temporary.replace(path)
}

/// Makes a file, or fails where there is one.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = Temporary::write(parent(path), bytes)?;
    match fs::hard_link(&temporary.path, path) {
        Err(error) if has_no_links(&error) => drop(open_new(path)?),
        linked => linked?,
    }
    sync(parent(path))
}

/// Removes a file if it is there, also after a power loss.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync(parent(path))),
    }
}

/// A second name for what a file holds; where the file system knows none, a copy.
pub(super) fn keep(path: &Path, kept: &Path, bytes: &[u8]) -> io::Result<()> {
    match Temporary::link(path) {
        Ok(temporary) => temporary.replace(kept),
        Err(error) if has_no_links(&error) => write(kept, bytes),
        Err(error) => Err(error),
    }
}

/// Makes a directory for ourselves, if there is none.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| sync(parent(path))),
    }
}

/// Removes what writers left behind that were killed.
pub(super) fn remove_stale(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes());
        if is_ours && entry.metadata().and_then(|it| it.modified()).is_ok_and(is_stale) {
            // Where it can't be removed nothing can be written either, which is told then.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file that is being written; removed when it is dropped before it has its place.
pub(super) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// A new file with these bytes, on disk when this returns.
    pub fn write(directory: &Path, bytes: &[u8]) -> io::Result<Self> {
        let temporary = Self::name(directory);
        let mut file = open_new(&temporary.path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temporary)
    }

    /// A second name of another file, to be put in the place of a third.
    pub fn link(path: &Path) -> io::Result<Self> {
        let temporary = Self::name(parent(path));
        fs::hard_link(path, &temporary.path)?;
        Ok(temporary)
    }

    /// Puts it in the place of another file, or of none.
    pub fn replace(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        sync(parent(path))
    }

    fn name(directory: &Path) -> Self {
        // By chance: another machine may have the same process number and directory.
        let number = RandomState::new().hash_one(std::process::id());
        Self { path: directory.join(format!("{TEMPORARY}{number:016x}")) }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may have its place by now, or never have been made.
        let _ = fs::remove_file(&self.path);
    }
}

fn open_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Puts the names in a directory on disk.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some network file systems can't: their servers do it by themselves.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// Whether the file system has no second names: FAT, and some that are shared over a network.
fn has_no_links(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
}

fn is_stale(modified: SystemTime) -> bool {
    let now = SystemTime::now();
    // What is from the future was written with a wrong clock.
    now.duration_since(modified).unwrap_or_else(|ahead| ahead.duration()) > STALE
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
