//! What an origin must be able to do; everything else is written once, above it.

use crate::{Error, Resource};
use holdall_archive::Name;

/// A tree of named files.
///
/// An implementation leaves out `.holdall/` and whatever no bundle could hold. That a missing name
/// is an error, and which one, is not its concern.
pub(crate) trait Tree: Send + Sync {
    /// The file of this name; `None` if there is none, or if it is a directory.
    ///
    /// The name may be invalid: a tree of valid names finds it as little as a missing one, and
    /// whether it is valid need then be asked only for what is not found.
    fn find(&self, name: &str) -> Result<Option<Resource<'_>>, Error>;

    /// Whether there is a directory of this name. (The root, which has no name, always is.)
    fn is_dir(&self, name: Name<'_>) -> Result<bool, Error>;

    /// What is directly in a directory that exists, in any order.
    fn children(&self, dir: Dir<'_>) -> Result<Vec<Child>, Error>;

    /// All files below a directory that exists, in the order of the bytes of their names.
    fn files_below<'a>(&'a self, dir: Dir<'_>) -> Result<Files<'a>, Error>;

    /// Names below a directory, at most `limit`, cheaply: for suggestions.
    fn some_names(&self, dir: Dir<'_>, limit: usize) -> Vec<String>;
}

/// A directory: the root, or one with a valid name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dir<'a> {
    Root,
    Named(Name<'a>),
}

/// A lazy sequence of files.
pub(crate) type Files<'a> = Box<dyn Iterator<Item = Result<Resource<'a>, Error>> + Send + 'a>;

/// Something directly in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Child {
    /// The last segment of its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// A file or a directory: there is nothing else among resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// It has content.
    File,
    /// It has children.
    Directory,
}

/// The first segment that bundles keep for themselves.
const RESERVED: &str = ".holdall";

/// Whether `name` is the bundle's own, and so invisible.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.strip_prefix(RESERVED).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl<'a> Dir<'a> {
    /// Its name, `""` for the root.
    pub fn as_str(self) -> &'a str {
        match self {
            Dir::Root => "",
            Dir::Named(name) => name.as_str(),
        }
    }

    /// The name of a child of it.
    pub fn join(self, child: &str) -> String {
        match self {
            Dir::Root => child.to_owned(),
            Dir::Named(name) => format!("{name}/{child}"),
        }
    }
}
