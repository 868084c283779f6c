//! The files and directories that become resources: found, filtered, named, sorted.

use crate::globs::Globs;
use holdall_archive::{NameError, RESERVED};
use holdall_bundle::ExitCode;
use ignore::{DirEntry, WalkBuilder};
use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Which files of which directory become resources.
#[derive(Debug)]
pub struct TreeOptions {
    /// The directory that names are relative to.
    pub root: PathBuf,
    /// What is included and what is not.
    pub globs: Globs,
    /// What happens to symbolic links.
    pub symlinks: Symlinks,
    /// Whether .gitignore files count.
    pub gitignore: Gitignore,
    /// Paths that are never packed.
    pub never: Vec<PathBuf>,
}

/// What happens to symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symlinks {
    /// They are an error.
    Refuse,
    /// What they point to is packed, if it lies below the root.
    Follow,
}

/// Whether .gitignore files count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gitignore {
    /// What they name is left out.
    Respected,
    /// They are files like any other.
    Ignored,
}

/// A file or directory that becomes a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name in the bundle, without a slash at the end.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// `None` for a directory.
    pub stamp: Option<Stamp>,
}

/// By which a change of a file is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its size in bytes.
    pub size: u64,
    identity: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of an open file.
    pub fn new(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            identity: (metadata.dev(), metadata.ino()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Why the resources can't be found or named.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A directory or file can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The directory or file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The walk failed.
    #[error("can't read the resources")]
    Walk(#[source] ignore::Error),
    /// A symbolic link that was not to be followed.
    #[error("{} is a symbolic link: follow it with --follow-symlinks, or leave it out with --exclude", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// A symbolic link that leaves the root.
    #[error("the symbolic link {} leads out of {}", path.display(), root.display())]
    Outside {
        /// The link.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// Neither a file nor a directory.
    #[error("{} is neither a file nor a directory: leave it out with --exclude", path.display())]
    Special {
        /// The device, pipe or socket.
        path: PathBuf,
    },
    /// A name that is not UTF-8.
    #[error("the name of {path:?} is not UTF-8")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A name that no resource can have.
    #[error("{name:?} can't be the name of a resource")]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: NameError,
    },
    /// A name that is reserved.
    #[error(
        "{name:?} can't be the name of a resource: `{RESERVED}` is reserved for the bundle itself"
    )]
    Reserved {
        /// The name.
        name: String,
    },
}

impl TreeError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { source, .. } => ExitCode::for_input(source.kind()),
            Self::Walk(error) => error
                .io_error()
                .map_or(ExitCode::Damaged, |error| ExitCode::for_input(error.kind())),
            _ => ExitCode::Damaged,
        }
    }
}

/// Finds everything that becomes a resource, in the order of the archive.
///
/// # Errors
/// [`TreeError`].
pub fn find(options: &TreeOptions) -> Result<Vec<Item>, TreeError> {
    let unreadable = |source| TreeError::Read { path: options.root.clone(), source };
    let root = options.root.canonicalize().map_err(unreadable)?;
    let mut items = Vec::new();
    for entry in walker(options, &root).build() {
        let entry = entry.map_err(TreeError::Walk)?;
        if entry.depth() > 0
            && let Some(item) = item(&entry, &root, options)?
        {
            items.push(item);
        }
    }
    // The order of the archive is that of full names, where a directory's ends in a slash.
    items.sort_unstable_by(|a, b| a.full_name().cmp(b.full_name()));
    Ok(keep_parents(items, options))
}

/// The directories in which [`find`] looks, the root among them; what can't be read is left out.
pub fn directories(options: &TreeOptions) -> Vec<PathBuf> {
    let Ok(root) = options.root.canonicalize() else { return Vec::new() };
    let entries = walker(options, &root).build().filter_map(Result::ok);
    let directories = entries.filter(|entry| entry.file_type().is_some_and(|kind| kind.is_dir()));
    directories.map(DirEntry::into_path).collect()
}

/// Pairs of names that are one on a system that does not tell case apart.
pub fn case_clashes(items: &[Item]) -> Vec<(&str, &str)> {
    let mut seen = HashMap::with_capacity(items.len());
    let mut clashes = Vec::new();
    for item in items {
        if let Some(other) = seen.insert(item.name.to_lowercase(), item.name.as_str()) {
            clashes.push((other, item.name.as_str()));
        }
    }
    clashes
}

/// Whether `name` is a directory among `items`, which are in the order of the archive.
pub fn has_directory(items: &[Item], name: &str) -> bool {
    let full_name = || name.bytes().chain([b'/']);
    items.binary_search_by(|item| item.full_name().cmp(full_name())).is_ok()
}

impl Item {
    /// The bytes of its full name in the archive.
    fn full_name(&self) -> impl Iterator<Item = u8> + '_ {
        self.name.bytes().chain(self.stamp.is_none().then_some(b'/'))
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.stamp.map_or(0, |stamp| stamp.size)
    }
}

fn walker(options: &TreeOptions, root: &Path) -> WalkBuilder {
    let respected = options.gitignore == Gitignore::Respected;
    let in_repository = root.ancestors().any(|dir| dir.join(".git").exists());
    let never = resolved(&options.never);
    let globs = options.globs.clone();
    let base = root.to_owned();
    let mut walker = WalkBuilder::new(root);
    walker
        .standard_filters(false)
        .git_ignore(respected)
        // A .gitignore counts in an exported tree too; those above it only inside a repository.
        .require_git(false)
        .parents(respected && in_repository)
        .follow_links(options.symlinks == Symlinks::Follow)
        .filter_entry(move |entry| {
            entry.depth() == 0
                || entry.file_name() != ".git"
                    && !never.iter().any(|path| path == entry.path())
                    && !globs.excludes(relative(entry.path(), &base))
        });
    walker
}

/// The real place of each path, as far as it is there: the walk goes along real paths.
fn resolved(paths: &[PathBuf]) -> Vec<PathBuf> {
    let resolve = |path: &PathBuf| {
        let parent = crate::plan::parent(path).canonicalize().ok()?;
        Some(parent.join(path.file_name()?))
    };
    paths.iter().filter_map(resolve).collect()
}

fn relative<'a>(path: &'a Path, root: &Path) -> &'a Path {
    path.strip_prefix(root).unwrap_or(path)
}

/// What becomes of an entry of the walk; `None` if it is left out.
fn item(entry: &DirEntry, root: &Path, options: &TreeOptions) -> Result<Option<Item>, TreeError> {
    let path = entry.path();
    let below = relative(path, root);
    let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
    if !is_directory && !options.globs.includes(below) {
        return Ok(None);
    }
    if entry.path_is_symlink() {
        check_symlink(path, root, options.symlinks)?;
    }
    let name = name(below, path)?;
    let metadata = entry.metadata().map_err(TreeError::Walk)?;
    let stamp = if metadata.is_file() {
        Some(Stamp::new(&metadata))
    } else if metadata.is_dir() {
        None
    } else {
        return Err(TreeError::Special { path: path.to_owned() });
    };
    let mode = metadata.permissions().mode() & 0o777;
    Ok(Some(Item { name, path: path.to_owned(), mode, stamp }))
}

fn check_symlink(path: &Path, root: &Path, symlinks: Symlinks) -> Result<(), TreeError> {
    if symlinks == Symlinks::Refuse {
        return Err(TreeError::Symlink { path: path.to_owned() });
    }
    let target =
        path.canonicalize().map_err(|source| TreeError::Read { path: path.to_owned(), source })?;
    if target.starts_with(root) {
        return Ok(());
    }
    Err(TreeError::Outside { path: path.to_owned(), root: root.to_owned() })
}

fn name(below: &Path, path: &Path) -> Result<String, TreeError> {
    let Some(name) = below.to_str() else {
        return Err(TreeError::NotUtf8 { path: path.to_owned() });
    };
    if format!("{name}/").starts_with(RESERVED) {
        return Err(TreeError::Reserved { name: name.to_owned() });
    }
    match holdall_archive::Name::new(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(source) => Err(TreeError::Name { name: name.to_owned(), source }),
    }
}

/// Drops directories that are only there because something else was looked for in them.
fn keep_parents(items: Vec<Item>, options: &TreeOptions) -> Vec<Item> {
    if options.globs.includes_all() {
        return items;
    }
    // Backwards, so that a directory comes after everything that is in it.
    let mut kept: Vec<Item> = Vec::with_capacity(items.len());
    for item in items.into_iter().rev() {
        let is_parent = || kept.last().is_some_and(|last| is_below(&last.name, &item.name));
        let matches = || options.globs.includes(Path::new(&item.name));
        if item.stamp.is_some() || is_parent() || matches() {
            kept.push(item);
        }
    }
    kept.reverse();
    kept
}

fn is_below(name: &str, directory: &str) -> bool {
    name.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A directory with these files; a name that ends in a slash is a directory.
    fn tree(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            if name.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, *name).unwrap();
            }
        }
        dir
    }

    fn options(root: &Path, include: Option<&[&str]>, exclude: &[&str]) -> TreeOptions {
        let owned = |globs: &[&str]| globs.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>();
        TreeOptions {
            root: root.to_owned(),
            globs: Globs::new(include.map(owned).as_deref(), &owned(exclude)).unwrap(),
            symlinks: Symlinks::Refuse,
            gitignore: Gitignore::Respected,
            never: vec![],
        }
    }

    fn names(options: &TreeOptions) -> Vec<String> {
        let slash = |item: &Item| if item.stamp.is_none() { "/" } else { "" };
        find(options).unwrap().iter().map(|i| format!("{}{}", i.name, slash(i))).collect()
    }

    #[test]
    fn everything_is_found_in_the_order_of_full_names() {
        let dir = tree(&["b", "a/x", "a-b", ".hidden", "empty/", ".git/config", "a/.git/x"]);
        let found = names(&options(dir.path(), None, &[]));
        assert_eq!(found, [".hidden", "a-b", "a/", "a/x", "b", "empty/"]);
    }

    #[test]
    fn globs_match_as_in_gitignore() {
        let dir = tree(&["a.map", "js/b.map", "js/b.js", "data/1", "js/data/2", "docs/"]);
        let excluded = names(&options(dir.path(), None, &["*.map", "/data", "docs"]));
        assert_eq!(excluded, ["js/", "js/b.js", "js/data/", "js/data/2"]);
        let included = names(&options(dir.path(), Some(&["data/**", "js/*.js"]), &[]));
        assert_eq!(included, ["data/", "data/1", "js/", "js/b.js"]);
    }

    #[test]
    fn gitignore_counts_without_a_repository() {
        let dir = tree(&["keep", "drop.log", "sub/drop.log", "sub/keep"]);
        fs::write(dir.path().join(".gitignore"), "*.log\n").unwrap();
        let mut options = options(dir.path(), None, &[]);
        assert_eq!(names(&options), [".gitignore", "keep", "sub/", "sub/keep"]);
        options.gitignore = Gitignore::Ignored;
        assert_eq!(names(&options).len(), 6);
    }

    #[test]
    fn what_is_never_packed_is_left_out_by_its_real_path() {
        let dir = tree(&["holdall.toml", "sub/holdall.toml"]);
        let mut options = options(dir.path(), None, &[]);
        options.never = vec![dir.path().join("sub/../holdall.toml")];
        assert_eq!(names(&options), ["sub/", "sub/holdall.toml"]);
    }

    #[test]
    fn symlinks_are_refused_unless_they_are_excluded() {
        let dir = tree(&["file"]);
        symlink("file", dir.path().join("link")).unwrap();
        let error = find(&options(dir.path(), None, &[])).unwrap_err();
        assert!(matches!(error, TreeError::Symlink { .. }), "{error}");
        assert_eq!(names(&options(dir.path(), None, &["link"])), ["file"]);
    }

    #[test]
    fn followed_symlinks_stay_below_the_root_and_do_not_loop() {
        let dir = tree(&["root/file", "root/sub/x", "outside"]);
        let root = dir.path().join("root");
        let mut options = options(&root, None, &[]);
        options.symlinks = Symlinks::Follow;
        symlink("sub", root.join("link")).unwrap();
        assert_eq!(names(&options), ["file", "link/", "link/x", "sub/", "sub/x"]);
        symlink("../outside", root.join("out")).unwrap();
        assert!(matches!(find(&options), Err(TreeError::Outside { .. })));
        fs::remove_file(root.join("out")).unwrap();
        symlink("..", root.join("sub/up")).unwrap();
        assert!(matches!(find(&options), Err(TreeError::Walk(_) | TreeError::Outside { .. })));
    }

    #[test]
    fn names_that_no_resource_can_have_are_refused() {
        use std::os::unix::ffi::OsStrExt;
        for name in [&b"a\\b"[..], b"a\nb", b"\xff", b".holdall"] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
            let error = find(&options(dir.path(), None, &[])).unwrap_err();
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn special_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        let error = find(&options(dir.path(), None, &[])).unwrap_err();
        assert!(matches!(error, TreeError::Special { .. }), "{error}");
    }

    #[test]
    fn names_that_differ_in_case_alone_are_found() {
        let dir = tree(&["readme", "README", "other"]);
        let items = find(&options(dir.path(), None, &[])).unwrap();
        assert_eq!(case_clashes(&items), [("README", "readme")]);
    }
}
