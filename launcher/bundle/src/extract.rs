//! `--extract-resources`: the resources as files below a directory.
//!
//! Every step goes through the descriptor of the directory it happens in, and no symbolic link is
//! followed: whatever is there or is put there meanwhile, nothing is written anywhere else. A file
//! appears under its name once it is complete.

use crate::bundle::Bundle;
use crate::cat;
use crate::error::BundleError;
use holdall_archive::{Entry, RESERVED};
use rustix::fs::{self as at, AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What was extracted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extracted {
    /// How many files.
    pub files: u64,
    /// How many bytes they have.
    pub size: u64,
}

impl Bundle {
    /// Writes every resource below `dir`, which is made if it is not there. Permission bits are
    /// kept, set-user-ID, set-group-ID and sticky bits are not.
    ///
    /// # Errors
    /// [`BundleError::Exists`] before anything is written, if a file is in the way;
    /// [`BundleError::Create`] and [`BundleError::Write`], and those of the archive.
    pub fn extract(&self, dir: &Path) -> Result<Extracted, BundleError> {
        self.refuse_existing(dir)?;
        let mut tree = Tree::open(dir)?;
        let mut extracted = Extracted::default();
        let mut directories = Vec::new();
        for entry in self.archive().entries_under("")? {
            let entry = entry?;
            if entry.name().starts_with(RESERVED) {
                continue;
            }
            if let Some(name) = entry.name().strip_suffix('/') {
                tree.enter(name)?;
                directories.push((name.to_owned(), entry.mode()));
                continue;
            }
            tree.write(&entry)?;
            extracted.files += 1;
            extracted.size += entry.size();
        }
        // Last, and children first: a directory that can't be written gets its mode when it is full.
        for (name, mode) in directories.iter().rev() {
            tree.set_mode(name, *mode)?;
        }
        Ok(extracted)
    }

    fn refuse_existing(&self, dir: &Path) -> Result<(), BundleError> {
        for entry in self.resources()? {
            let path = dir.join(entry?.name());
            if path.symlink_metadata().is_ok() {
                return Err(BundleError::Exists { path });
            }
        }
        Ok(())
    }
}

/// The directory that is written below, with the descriptors of the one that was used last.
struct Tree {
    path: PathBuf,
    root: OwnedFd,
    /// The directories between the root and the current one: segment and descriptor.
    open: Vec<(String, OwnedFd)>,
}

impl Tree {
    fn open(path: &Path) -> Result<Self, BundleError> {
        let fail = |source| BundleError::Create { path: path.to_owned(), source };
        std::fs::create_dir_all(path).map_err(fail)?;
        // The user's own word may be a link: only what is below has to be real.
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let root = at::open(path, flags, Mode::empty()).map_err(|errno| fail(errno.into()))?;
        Ok(Self { path: path.to_owned(), root, open: Vec::new() })
    }

    /// Makes `directory` the current one, and makes it at all if it is not there.
    fn enter(&mut self, directory: &str) -> Result<(), BundleError> {
        let segments: Vec<&str> = directory.split('/').filter(|s| !s.is_empty()).collect();
        let pairs = self.open.iter().zip(&segments);
        let shared = pairs.take_while(|((open, _), wanted)| open == *wanted).count();
        self.open.truncate(shared);
        for segment in &segments[shared..] {
            let descriptor = make_directory(self.current(), segment).map_err(|errno| {
                let path = self.path.join(directory);
                BundleError::Create { path, source: errno.into() }
            })?;
            self.open.push(((*segment).to_owned(), descriptor));
        }
        Ok(())
    }

    fn current(&self) -> &OwnedFd {
        self.open.last().map_or(&self.root, |(_, descriptor)| descriptor)
    }

    fn set_mode(&mut self, directory: &str, mode: u32) -> Result<(), BundleError> {
        self.enter(directory)?;
        at::fchmod(self.current(), permissions(mode)).map_err(|errno| BundleError::Write {
            path: self.path.join(directory),
            source: errno.into(),
        })
    }

    fn write(&mut self, entry: &Entry) -> Result<(), BundleError> {
        let (directory, name) = entry.name().rsplit_once('/').unwrap_or(("", entry.name()));
        self.enter(directory)?;
        let path = self.path.join(entry.name());
        let temporary = Temporary::create(self.current(), &path)?;
        temporary.write(entry, &path)?;
        temporary.rename(name, &path)
    }
}

/// Opens a directory below `parent`, and makes it first if it is not there.
fn make_directory(parent: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    match at::mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    at::openat(parent, name, flags, Mode::empty())
}

/// A file that is not complete; it is removed unless it gets its name.
struct Temporary<'a> {
    directory: &'a OwnedFd,
    name: String,
    file: File,
}

impl<'a> Temporary<'a> {
    fn create(directory: &'a OwnedFd, path: &Path) -> Result<Self, BundleError> {
        let name = format!(".holdall-{}.tmp", std::process::id());
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        let file = at::openat(directory, &name, flags, mode)
            .map_err(|errno| BundleError::Create { path: path.to_owned(), source: errno.into() })?;
        Ok(Self { directory, name, file: file.into() })
    }

    fn write(&self, entry: &Entry, path: &Path) -> Result<(), BundleError> {
        let fail = |source| BundleError::Write { path: path.to_owned(), source };
        cat::copy(entry, |piece| (&self.file).write_all(piece).map_err(fail))?;
        at::fchmod(self.file.as_fd(), permissions(entry.mode())).map_err(|errno| fail(errno.into()))
    }

    /// Gives the file its name, but never that of another file.
    fn rename(self, name: &str, path: &Path) -> Result<(), BundleError> {
        let flags = RenameFlags::NOREPLACE;
        let renamed = at::renameat_with(self.directory, &self.name, self.directory, name, flags);
        let named = match renamed {
            // Not every file system knows the flag; a second link never replaces anything either.
            Err(Errno::INVAL | Errno::NOSYS) => {
                at::linkat(self.directory, &self.name, self.directory, name, AtFlags::empty())
            }
            other => other,
        };
        named.map_err(|errno| match errno {
            Errno::EXIST => BundleError::Exists { path: path.to_owned() },
            _ => BundleError::Create { path: path.to_owned(), source: errno.into() },
        })
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove.
        let _ = at::unlinkat(self.directory, &self.name, AtFlags::empty());
    }
}

fn permissions(mode: u32) -> Mode {
    Mode::from_raw_mode(mode & 0o777)
}
