//! Paths for code that insists on one: a file in memory, or a private copy of a directory.

use std::{
    fs::{DirBuilder, OpenOptions},
    io,
    ops::Deref,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{DirBuilderExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use crate::{Error, Resource, Resources, memfd::SealedFile};

/// The path of a resource: `/proc/self/fd/N`, of a sealed file in memory.
///
/// It derefs to [`Path`], and is valid as long as this value lives.
#[derive(Debug)]
pub struct ResourcePath {
    file: SealedFile,
    path: PathBuf,
}

/// The path of a directory of resources: a private copy on disk, removed with this value.
///
/// It derefs to [`Path`]. The directory and its subdirectories have mode 0700, files 0600.
#[derive(Debug)]
pub struct DirectoryPath(tempfile::TempDir);

impl ResourcePath {
    pub(crate) fn new(file: SealedFile) -> Self {
        let path = file.path();
        ResourcePath { file, path }
    }

    /// The path for other processes of the same user, such as a child: `/proc/PID/fd/N`.
    pub fn for_others(&self) -> PathBuf {
        self.file.path_for_others()
    }

    /// The sealed file itself.
    pub fn into_sealed_file(self) -> SealedFile {
        self.file
    }
}

impl Deref for ResourcePath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for ResourcePath {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl AsFd for ResourcePath {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Deref for DirectoryPath {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.0.path()
    }
}

impl AsRef<Path> for DirectoryPath {
    fn as_ref(&self) -> &Path {
        self.0.path()
    }
}

/// Copies everything below `dir`, under names relative to it.
pub(crate) fn copy_directory(resources: &Resources, dir: &str) -> Result<DirectoryPath, Error> {
    let files = resources.walk(dir)?;
    let copy = tempfile::Builder::new()
        .prefix("holdall-")
        .tempdir()
        .map_err(io_error("make a directory in", &std::env::temp_dir()))?;
    for resource in files {
        let resource = resource?;
        let below = resource.name().strip_prefix(dir).unwrap_or(resource.name());
        write_copy(&resource, &copy.path().join(below.trim_start_matches('/')))?;
    }
    Ok(DirectoryPath(copy))
}

fn write_copy(resource: &Resource<'_>, path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.map_err(io_error("make", parent))?;
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io_error("make", path))?;
    let copied = io::copy(&mut resource.reader_for_copies()?, &mut file);
    copied.map(drop).map_err(|error| match error.downcast::<Error>() {
        Ok(error) => error,
        Err(source) => io_error("write", path)(source),
    })
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io { action, path: path.to_owned(), source }
}
