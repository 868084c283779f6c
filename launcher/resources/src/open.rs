//! Where a program finds its resources: the rules of [`Resources::open`].

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use holdall_archive::{Archive, MANIFEST};

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

    /// Looks through the places; notes those that are not there.
    fn look(looked_at: &mut Vec<Place>) -> Result<Option<Self>, Error> {
        if let Some(running) = running_bundle(looked_at)? {
            return Ok(Some(running));
        }
        let descriptor = variable(BUNDLE_FD, looked_at);
        let path = variable(BUNDLE, looked_at);
        if let Some(starter) = started_by(descriptor, path)? {
            return Ok(Some(starter));
        }
        let directory = variable(RESOURCES, looked_at);
        directory.map(from_directory_variable).transpose()
    }
}

/// The archive behind the running executable, unless it is a program on its own.
fn running_bundle(looked_at: &mut Vec<Place>) -> Result<Option<Resources>, Error> {
    use holdall_archive::Error as Archived;
    match Archive::open_running() {
        Ok(archive) => Ok(Some(Resources::from_archive(Arc::new(archive)))),
        Err(Archived::NoArchive { path } | Archived::Io { path, .. })
            if !Archive::is_expected() =>
        {
            looked_at.push(Place::Executable { path });
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The bundle whose `exec` entry point this program is.
///
/// The descriptor comes first: it is the very file that was started, even if the path names
/// another one by now. The path is for when a program in between has closed the descriptor.
fn started_by(
    descriptor: Option<OsString>,
    path: Option<OsString>,
) -> Result<Option<Resources>, Error> {
    let opened = descriptor.map(|number| from_descriptor(&number));
    match (opened, path) {
        (Some(Err(_)) | None, Some(path)) => from_bundle_variable(&path).map(Some),
        (opened, _) => opened.transpose(),
    }
}

/// Opens the descriptor anew, which leaves the original and its offset alone.
///
/// The number may be stale: closed by a program in between, and given to another file. So it must
/// be a regular file (opening anything else may block) and a bundle.
fn from_descriptor(number: &OsStr) -> Result<Resources, Error> {
    let wrong = |problem| move |source| variable_error(BUNDLE_FD, number, problem, source);
    let valid: u32 = number
        .to_str()
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| wrong("not the number of a descriptor")(None))?;
    let link = PathBuf::from(format!("/proc/self/fd/{valid}"));
    let is_file = fs::metadata(&link).map_err(io_error(&link)).map(|data| data.is_file());
    if !is_file.map_err(Some).map_err(wrong("not open"))? {
        return Err(wrong("not a file")(None));
    }
    let file = File::open(&link).map_err(io_error(&link));
    let file = file.map_err(Some).map_err(wrong("not open for reading"))?;
    let path = fs::read_link(&link).unwrap_or(link);
    let archive = Archive::from_file(file, path).map_err(Error::from);
    archive.and_then(checked).map_err(Some).map_err(wrong("not a bundle"))
}

fn from_bundle_variable(path: &OsStr) -> Result<Resources, Error> {
    let archive = Archive::open(path.as_ref()).map_err(Error::from);
    archive
        .and_then(checked)
        .map_err(|error| variable_error(BUNDLE, path, "not a bundle", Some(error)))
}

/// An archive is a bundle if it has a manifest: any other zip is not what the variable claims.
fn checked(archive: Archive) -> Result<Resources, Error> {
    if archive.find(MANIFEST)?.is_none() {
        return Err(Error::NotFound { name: MANIFEST.to_owned(), nearest: Vec::new() });
    }
    Ok(Resources::from_archive(Arc::new(archive)))
}

fn from_directory_variable(path: OsString) -> Result<Resources, Error> {
    Resources::from_directory(&path).map_err(|error| {
        variable_error(RESOURCES, &path, "not a directory that can be read", Some(error))
    })
}

/// The value of a variable, where it is set and not empty.
fn variable(name: &'static str, looked_at: &mut Vec<Place>) -> Option<OsString> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    if value.is_none() {
        looked_at.push(Place::Variable { name });
    }
    value
}

fn variable_error(
    variable: &'static str,
    value: &OsStr,
    problem: &'static str,
    source: Option<Error>,
) -> Error {
    let value = value.to_string_lossy().into_owned();
    Error::Variable { variable, value, problem, source: source.map(Box::new) }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action: "open", path: path.to_owned(), source }
}
