//! Resources from a directory: what development uses.
//!
//! A directory shows exactly what a bundle made of it would hold. So names are exact in case even
//! where the file system is not, links are followed only while they stay below the root, and
//! what has a name that no resource can have is not there.

mod beneath;
mod exact;
mod files;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{fs::FileType, io::Errno};

use self::{beneath::Found, files::FilesBelow};
use crate::{
    Child, Error, Kind, Resource, Unusable,
    resource::Content,
    tree::{Dir, Files, Tree, is_reserved},
};
use holdall_archive::Name;

/// A directory of resources, resolved again at each lookup.
pub(crate) struct Directory {
    path: PathBuf,
}

/// A file that was found, open.
pub(crate) struct OpenFile {
    pub name: String,
    pub path: PathBuf,
    pub file: File,
    /// In bytes, when it was opened.
    pub size: u64,
}

impl Directory {
    pub fn open(path: &Path) -> Result<Self, Error> {
        let directory =
            Directory { path: std::path::absolute(path).map_err(io_error("find", path))? };
        beneath::open_root(&directory.path)?;
        Ok(directory)
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn resolve(&self, name: Name<'_>) -> Result<Option<Found>, Error> {
        let found = beneath::open(&self.path, name)?;
        match found {
            Some(_) if !exact::is_exact(&self.path, name)? => Ok(None),
            found => Ok(found),
        }
    }

    fn open_file(&self, name: Name<'_>) -> Result<Option<Resource<'static>>, Error> {
        let Some(Found::File(file)) = self.resolve(name)? else {
            return Ok(None);
        };
        let path = self.path.join(name.as_str());
        let size = file.metadata().map_err(io_error("examine", &path))?.len();
        let file = OpenFile { name: name.as_str().to_owned(), path, file, size };
        Ok(Some(Resource::new(Content::File(Arc::new(file)))))
    }

    fn open_dir(&self, dir: Dir<'_>) -> Result<rustix::fd::OwnedFd, Error> {
        let found = match dir {
            Dir::Root => return beneath::open_root(&self.path),
            Dir::Named(name) => self.resolve(name)?,
        };
        match found {
            Some(Found::Directory(fd)) => Ok(fd),
            // It was a directory a moment ago.
            _ => Err(Error::NotFound { name: dir.as_str().to_owned(), nearest: Vec::new() }),
        }
    }

    /// The children of `dir` that can be resources, in the order of the system, at most `limit`.
    fn children(&self, dir: Dir<'_>, limit: usize) -> Result<Vec<Child>, Error> {
        let fd = self.open_dir(dir)?;
        let path = || self.path.join(dir.as_str());
        let listing =
            rustix::fs::Dir::new(fd).map_err(|errno| errno_error("list", path(), errno))?;
        let mut children = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|errno| errno_error("list", path(), errno))?;
            if let Some(child) = self.child(dir, &entry)? {
                children.push(child);
            }
            if children.len() == limit {
                break;
            }
        }
        Ok(children)
    }

    fn child(&self, dir: Dir<'_>, entry: &rustix::fs::DirEntry) -> Result<Option<Child>, Error> {
        let Ok(name) = entry.file_name().to_str() else {
            return Ok(None);
        };
        let full_name = dir.join(name);
        let Ok(valid) = Name::new(&full_name) else {
            return Ok(None);
        };
        if is_reserved(&full_name) {
            return Ok(None);
        }
        let kind = self.kind(valid, entry.file_type())?;
        Ok(kind.map(|kind| Child { name: name.to_owned(), kind }))
    }

    fn kind(&self, name: Name<'_>, listed_as: FileType) -> Result<Option<Kind>, Error> {
        match listed_as {
            FileType::RegularFile => Ok(Some(Kind::File)),
            FileType::Directory => Ok(Some(Kind::Directory)),
            // Some file systems do not say in a listing what an entry is.
            FileType::Symlink | FileType::Unknown => match beneath::open(&self.path, name) {
                Ok(found) => Ok(found.map(|found| found.kind())),
                Err(Error::Unusable { .. }) => Ok(None),
                Err(error) => Err(error),
            },
            _ => Ok(None),
        }
    }
}

impl Tree for Directory {
    fn find(&self, name: &str) -> Result<Option<Resource<'_>>, Error> {
        // What is not valid must not even be looked for: it may lead anywhere.
        Name::new(name).map_or(Ok(None), |name| self.open_file(name))
    }

    fn is_dir(&self, name: Name<'_>) -> Result<bool, Error> {
        Ok(matches!(self.resolve(name)?, Some(Found::Directory(_))))
    }

    fn children(&self, dir: Dir<'_>) -> Result<Vec<Child>, Error> {
        self.children(dir, usize::MAX)
    }

    fn files_below<'a>(&'a self, dir: Dir<'_>) -> Result<Files<'a>, Error> {
        Ok(Box::new(FilesBelow::new(self, dir)?))
    }

    fn some_names(&self, dir: Dir<'_>, limit: usize) -> Vec<String> {
        files::some_names(self, dir, limit)
    }
}

fn unusable(name: Name<'_>, reason: Unusable) -> Error {
    Error::Unusable { name: name.as_str().to_owned(), reason }
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

fn errno_error(action: &'static str, path: PathBuf, errno: Errno) -> Error {
    Error::Io { action, path, source: errno.into() }
}
