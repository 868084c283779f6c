//! The tree of resources: names in, resources out, the same way over every origin.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Child, DirectoryPath, Error, Resource,
    directory::Directory,
    nearest, paths,
    tree::{Dir, Files, Tree, is_reserved},
};
use holdall_archive::{Archive, Name};

/// A tree of read-only named files.
///
/// Cloning is cheap and shares the tree; all methods may be called from many threads at once.
/// [`Resources::open`] has the rules by which the origin is found.
#[derive(Clone)]
pub struct Resources {
    tree: Arc<dyn Tree>,
    origin: Origin,
}

/// Where resources come from; `Display` is for logs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A bundle.
    Bundle {
        /// The file.
        path: PathBuf,
    },
    /// A directory.
    Directory {
        /// Its absolute path.
        path: PathBuf,
    },
    /// The program itself: `include_dir`.
    Embedded,
}

/// All files below a directory: see [`Resources::walk`].
pub struct Walk<'a>(Files<'a>);

impl Resources {
    /// The resources in the bundle at `path`.
    ///
    /// It is read with `pread(2)`: whatever is done to the file meanwhile is an error, not SIGBUS.
    ///
    /// # Errors
    /// [`Error::Archive`] if it can't be opened or is no bundle.
    pub fn from_bundle(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self::from_archive(Arc::new(Archive::open(path.as_ref())?)))
    }

    /// The resources in an archive that is open already.
    pub fn from_archive(archive: Arc<Archive>) -> Self {
        let origin = Origin::Bundle { path: archive.path().to_owned() };
        Resources { tree: archive, origin }
    }

    /// The files below `path`.
    ///
    /// The path is resolved again at each lookup, so a directory that a build deletes and makes
    /// again stays usable. Symbolic links count as what they point to if they stay below `path`.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no such directory.
    pub fn from_directory(path: impl AsRef<Path>) -> Result<Self, Error> {
        let directory = Directory::open(path.as_ref())?;
        let origin = Origin::Directory { path: directory.path().to_owned() };
        Ok(Resources { tree: Arc::new(directory), origin })
    }

    /// The files that were compiled in.
    #[cfg(feature = "include_dir")]
    pub fn from_embedded(dir: &'static include_dir::Dir<'static>) -> Self {
        let tree = Arc::new(crate::embedded::Embedded::new(dir));
        Resources { tree, origin: Origin::Embedded }
    }

    /// Where the resources come from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The file called `name`.
    ///
    /// # Errors
    /// [`Error::NotFound`], with names that look like it (which costs up to some milliseconds:
    /// a server that is asked for whatever names uses [`find`](Self::find));
    /// [`Error::IsADirectory`]; [`Error::InvalidName`]; and what reading the origin can meet.
    pub fn get(&self, name: &str) -> Result<Resource<'_>, Error> {
        match self.find(name)? {
            Some(resource) => Ok(resource),
            None if self.is_dir(name)? => Err(Error::IsADirectory { name: name.to_owned() }),
            None => Err(self.not_found(name)),
        }
    }

    /// The file called `name`, if there is one; a directory is none.
    ///
    /// In the running bundle this allocates nothing.
    ///
    /// # Errors
    /// [`Error::InvalidName`], and what reading the origin can meet.
    pub fn find(&self, name: &str) -> Result<Option<Resource<'_>>, Error> {
        if is_reserved(name) {
            return parse(name).map(|_| None);
        }
        match self.tree.find(name)? {
            Some(resource) => Ok(Some(resource)),
            // Only now, as nothing that is found has an invalid name.
            None => parse(name).map(|_| None),
        }
    }

    /// Whether there is a file or a directory called `name`.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn exists(&self, name: &str) -> Result<bool, Error> {
        match self.find(name) {
            Ok(Some(_)) => Ok(true),
            Ok(None) => self.is_dir(name),
            Err(Error::Unusable { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether there is a directory called `name`. The root, `""`, always is.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn is_dir(&self, name: &str) -> Result<bool, Error> {
        match parse(name)? {
            Dir::Root => Ok(true),
            Dir::Named(name) if is_reserved(name.as_str()) => Ok(false),
            Dir::Named(name) => match self.tree.is_dir(name) {
                Err(Error::Unusable { .. }) => Ok(false),
                result => result,
            },
        }
    }

    /// What is directly in the directory `dir`, sorted by the bytes of the names; `""` is the root.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotADirectory`], [`Error::InvalidName`], and what reading the
    /// origin can meet.
    pub fn list(&self, dir: &str) -> Result<Vec<Child>, Error> {
        let dir = self.directory(dir)?;
        let mut children = self.tree.children(dir)?;
        if let Dir::Root = dir {
            children.retain(|child| !is_reserved(&child.name));
        }
        children.sort_unstable();
        Ok(children)
    }

    /// All files below `dir`, sorted by the bytes of their full names.
    ///
    /// It is lazy: a tree of any size is walked in little memory. A file that can't be read is an
    /// `Err` among the others.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub fn walk(&self, dir: &str) -> Result<Walk<'_>, Error> {
        let dir = self.directory(dir)?;
        Ok(Walk(self.tree.files_below(dir)?))
    }

    /// The content of `name`, copied.
    ///
    /// # Errors
    /// As [`get`](Self::get) and [`Resource::bytes`].
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        Ok(self.get(name)?.bytes()?.into_owned())
    }

    /// The text of `name`.
    ///
    /// # Errors
    /// As [`get`](Self::get) and [`Resource::read_to_string`].
    pub fn read_to_string(&self, name: &str) -> Result<String, Error> {
        self.get(name)?.read_to_string()
    }

    /// A real directory with everything below `dir`, for code that insists on one.
    ///
    /// It is a private copy in the system's temporary directory (`TMPDIR`), removed with the
    /// value. For one file, [`Resource::as_path`] gives a path that touches no disk.
    ///
    /// # Errors
    /// As [`walk`](Self::walk), and [`Error::Io`] if the copy can't be written.
    pub fn directory_as_path(&self, dir: &str) -> Result<DirectoryPath, Error> {
        paths::copy_directory(self, dir)
    }

    /// The tree for as long as the process lives: its resources then are `'static`.
    ///
    /// This is for servers, which hand content to tasks that outlive every borrow. The memory is
    /// not given back.
    pub fn into_static(self) -> &'static Resources {
        Box::leak(Box::new(self))
    }

    fn directory<'a>(&self, name: &'a str) -> Result<Dir<'a>, Error> {
        let dir = parse(name)?;
        if self.is_dir(name)? {
            return Ok(dir);
        }
        match self.find(name)? {
            Some(_) => Err(Error::NotADirectory { name: name.to_owned() }),
            None => Err(self.not_found(name)),
        }
    }

    fn not_found(&self, name: &str) -> Error {
        Error::NotFound { name: name.to_owned(), nearest: nearest::names(&*self.tree, name) }
    }
}

/// The one place where a string becomes a name.
fn parse(name: &str) -> Result<Dir<'_>, Error> {
    if name.is_empty() {
        return Ok(Dir::Root);
    }
    match Name::new(name) {
        Ok(name) => Ok(Dir::Named(name)),
        Err(reason) => Err(Error::InvalidName { name: name.to_owned(), reason }),
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Resource<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").finish_non_exhaustive()
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Bundle { path } => write!(f, "the bundle {}", path.display()),
            Origin::Directory { path } => write!(f, "the directory {}", path.display()),
            Origin::Embedded => f.write_str("the files compiled in"),
        }
    }
}
