//! Where a program finds its resources: the rules of [`Resources::open`].

use std::{env, ffi::OsString, path::PathBuf};

use crate::{Error, Place, Resources};

/// `HOLDALL_RESOURCES`: a directory of resources, for development.
pub const RESOURCES: &str = "HOLDALL_RESOURCES";

/// `HOLDALL_BUNDLE`: the path of the bundle that started this program by `exec`.
pub const BUNDLE: &str = "HOLDALL_BUNDLE";

/// `HOLDALL_BUNDLE_FD`: the number of an open descriptor of that bundle.
pub const BUNDLE_FD: &str = "HOLDALL_BUNDLE_FD";

impl Resources {
    /// The resources of the running program.
    ///
    /// The first of these that is there:
    /// 1. the archive behind the running executable;
    /// 2. the bundle that started this program by its `exec` entry point: the descriptor
    ///    `HOLDALL_BUNDLE_FD`, or else the path `HOLDALL_BUNDLE`;
    /// 3. the directory `HOLDALL_RESOURCES`.
    ///
    /// A variable that is empty counts as unset. What is there but unusable is an error, never a
    /// reason to go on to the next: a damaged bundle does not turn into a directory.
    ///
    /// # Errors
    /// [`Error::NoResources`] that says where was looked; otherwise what is wrong with the one
    /// that was found.
    pub fn open() -> Result<Self, Error> {
        let mut looked_at = Vec::new();
        match Self::look(&mut looked_at)? {
            Some(resources) => Ok(resources),
            None => Err(Error::NoResources { looked_at }),
        }
    }

    /// As [`open`](Self::open), with a compiled-in tree as the last of the places.
    ///
    /// # Errors
    /// What is wrong with the place that was found.
    #[cfg(feature = "include_dir")]
    pub fn open_or(dir: &'static include_dir::Dir<'static>) -> Result<Self, Error> {
        let found = Self::look(&mut Vec::new())?;
        Ok(found.unwrap_or_else(|| Self::from_embedded(dir)))
    }

    fn look(looked_at: &mut Vec<Place>) -> Result<Option<Self>, Error> {
        match variable(RESOURCES, looked_at) {
            Some(directory) => from_variable(PathBuf::from(directory)).map(Some),
            None => Ok(None),
        }
    }
}

fn variable(name: &'static str, looked_at: &mut Vec<Place>) -> Option<OsString> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    if value.is_none() {
        looked_at.push(Place::Variable { name });
    }
    value
}

fn from_variable(path: PathBuf) -> Result<Resources, Error> {
    Resources::from_directory(&path).map_err(|error| Error::Variable {
        variable: RESOURCES,
        value: path.display().to_string(),
        problem: "not a directory that can be read",
        source: Some(Box::new(error)),
    })
}
