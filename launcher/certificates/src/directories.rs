//! Which directories hold the files of a source, through symbolic links.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::care::Care;
use crate::source::Source;

/// As many symbolic links as the kernel follows on one path (path_resolution(7)).
const LIMIT_LINKS: usize = 40;

/// The directories from which a source is read, without symbolic links.
pub(crate) fn readable(source: &Source) -> Vec<PathBuf> {
    let mut directories = BTreeSet::new();
    for path in named(source) {
        directories.extend(fs::canonicalize(parent(&path)));
        directories.extend(fs::canonicalize(&path).map(|real| parent(&real).to_owned()));
    }
    if let Source::Directory(directory) = source {
        directories.extend(fs::canonicalize(directory));
    }
    directories.into_iter().collect()
}

/// The directories in which a change may be one of the source: those of the files, and those of
/// the symbolic links on the way to them.
pub(crate) fn watched(source: &Source) -> BTreeSet<PathBuf> {
    let mut directories = BTreeSet::new();
    for path in named(source) {
        resolve(&path, &mut directories);
    }
    if let Source::Directory(directory) = source {
        // The name of no file, so that the directory itself is the last one on the way.
        resolve(&directory.join("*"), &mut directories);
    }
    directories
}

/// The files of the source, in a directory only those that are symbolic links.
fn named(source: &Source) -> Vec<PathBuf> {
    let files = source.files(Care::Others).unwrap_or_default();
    match source {
        Source::Files { .. } => files,
        Source::Directory(_) => files.into_iter().filter(|file| file.is_symlink()).collect(),
    }
}

/// Walks to `path` as the kernel does, and notes the directory of every symbolic link on the way
/// and of the file itself.
fn resolve(path: &Path, directories: &mut BTreeSet<PathBuf>) {
    let Ok(path) = std::path::absolute(path) else { return };
    let mut here = PathBuf::from("/");
    let mut ahead = names_reversed(&path);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&name);
        let Ok(target) = fs::read_link(&next) else {
            if ahead.is_empty() {
                directories.insert(here.clone());
            }
            here = next;
            continue;
        };
        links += 1;
        if links > LIMIT_LINKS {
            return;
        }
        directories.insert(here.clone());
        ahead.extend(names_reversed(&target));
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
    }
}

/// The names on a path, the first one last, without the root and `.`.
fn names_reversed(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    names.collect()
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}
