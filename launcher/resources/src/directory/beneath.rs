//! Opening a name below a root, never outside of it.
//!
//! The name is resolved first, links and all, and what it resolves to must be below the root.
//! Then the resolved path, which has no link in it, is opened segment by segment without
//! following any: whoever swaps a segment for a link in between gets a refusal.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    path::{Component, Path},
};

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, FileType, Mode, OFlags},
    io::Errno,
};

use super::{errno_error, io_error, unusable};
use crate::{Error, Kind, Unusable};
use holdall_archive::Name;

/// What a name leads to, open for reading.
pub(super) enum Found {
    File(File),
    Directory(OwnedFd),
}

impl Found {
    pub fn kind(&self) -> Kind {
        match self {
            Found::File(_) => Kind::File,
            Found::Directory(_) => Kind::Directory,
        }
    }
}

/// Opens the root itself.
pub(super) fn open_root(root: &Path) -> Result<OwnedFd, Error> {
    rustix::fs::open(root, READ | OFlags::DIRECTORY, Mode::empty())
        .map_err(|errno| errno_error("open", root.to_owned(), errno))
}

/// Opens `name` below `root`; `None` if there is nothing of this name.
///
/// # Errors
/// [`Error::Unusable`] if it leads out of the root or is neither a file nor a directory;
/// [`Error::Io`] if the system refuses.
pub(super) fn open(root: &Path, name: Name<'_>) -> Result<Option<Found>, Error> {
    let path = root.join(name.as_str());
    let real_root = root.canonicalize().map_err(io_error("open", root))?;
    let target = match path.canonicalize() {
        Ok(target) => target,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(io_error("open", &path)(error)),
    };
    let Ok(below) = target.strip_prefix(&real_root) else {
        return Err(unusable(name, Unusable::LeadsOut));
    };
    match open_without_links(&real_root, below) {
        Ok(Some(found)) => Ok(Some(found)),
        Ok(None) => Err(unusable(name, Unusable::Special)),
        // A segment was swapped for a link.
        Err(Errno::LOOP) => Err(unusable(name, Unusable::LeadsOut)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno_error("open", path, errno)),
    }
}

/// Nothing is there: also where a link dangles or leads to itself, a file is taken for a
/// directory, or a segment is longer than the file system can hold.
fn is_absence(error: &io::Error) -> bool {
    let absences = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::NAMETOOLONG];
    absences.iter().any(|absence| error.raw_os_error() == Some(absence.raw_os_error()))
}

fn open_without_links(real_root: &Path, below: &Path) -> rustix::io::Result<Option<Found>> {
    let mut dir = rustix::fs::open(real_root, PASS, Mode::empty())?;
    let mut segments: Vec<&OsStr> = below.components().filter_map(normal).collect();
    let Some(last) = segments.pop() else {
        // A link to the root.
        return open_last(dir.as_fd(), OsStr::new("."));
    };
    for segment in segments {
        dir = rustix::fs::openat(&dir, segment, PASS, Mode::empty())?;
    }
    open_last(dir.as_fd(), last)
}

fn normal(component: Component<'_>) -> Option<&OsStr> {
    match component {
        Component::Normal(segment) => Some(segment),
        _ => None,
    }
}

/// Looks before it opens: opening a device can have effects.
fn open_last(dir: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<Option<Found>> {
    let before = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if !matches!(
        FileType::from_raw_mode(before.st_mode),
        FileType::RegularFile | FileType::Directory | FileType::Symlink
    ) {
        return Ok(None);
    }
    let fd = rustix::fs::openat(dir, name, READ | OFlags::NOFOLLOW, Mode::empty())?;
    let opened = rustix::fs::fstat(&fd)?;
    Ok(match FileType::from_raw_mode(opened.st_mode) {
        FileType::RegularFile => Some(Found::File(File::from(fd))),
        FileType::Directory => Some(Found::Directory(fd)),
        _ => None,
    })
}

/// To read; a pipe that took the place of a file does not block.
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// To pass through a directory, which needs no permission to list it.
const PASS: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
