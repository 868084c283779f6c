//! Many files, each read once; what did not change is taken over from the time before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::care::Care;
use crate::error::{Fault, LoadError};
use crate::file::{Contents, File};

/// The files of a source at one moment, by path.
#[derive(Debug, Default)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Arc<File>>);

impl Snapshot {
    /// Reads those of `paths` that are not for certain as they were in `before`.
    pub fn take(paths: impl IntoIterator<Item = PathBuf>, before: &Self, care: Care) -> Self {
        let read = |path: PathBuf| {
            let known = before.0.get(&path).filter(|file| file.is_current(&path)).cloned();
            let file = known.unwrap_or_else(|| Arc::new(File::read(&path, care)));
            (path, file)
        };
        Self(paths.into_iter().map(read).collect())
    }

    /// Whether no file was read, come or gone since `before`.
    pub fn is_same(&self, before: &Self) -> bool {
        self.0.len() == before.0.len()
            && self.0.iter().zip(&before.0).all(|((path, file), (old_path, old_file))| {
                path == old_path && Arc::ptr_eq(file, old_file)
            })
    }

    pub fn contains(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    /// Which files these are.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.keys().cloned().collect()
    }

    /// The contents of a file of this snapshot.
    pub fn contents(&self, path: &Path) -> Result<&Contents, LoadError> {
        let Some(file) = self.0.get(path) else {
            let error = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(LoadError::new(path, Fault::Unreadable(error)));
        };
        file.contents.as_ref().map_err(|fault| LoadError::new(path, fault.clone()))
    }

    /// All files, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, Result<&Contents, &Arc<Fault>>)> {
        self.0.iter().map(|(path, file)| (path.as_path(), file.contents.as_ref()))
    }
}
