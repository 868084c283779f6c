//! All files below a directory, in the order of their names, one directory in memory at a time.

use std::{collections::VecDeque, vec};

use super::{Directory, errno_error};
use crate::{Child, Error, Kind, Resource, tree::Dir};
use holdall_archive::Name;

/// The files below a directory, depth first.
pub(super) struct FilesBelow<'a> {
    directory: &'a Directory,
    /// From the first directory to the one being read.
    levels: Vec<Level>,
}

struct Level {
    /// The directory's full name, or nothing for the root.
    name: Option<String>,
    identity: Identity,
    children: vec::IntoIter<Child>,
}

/// Device and inode: a directory that links lead back into is entered once only.
type Identity = (u64, u64);

impl<'a> FilesBelow<'a> {
    pub fn new(directory: &'a Directory, dir: Dir<'_>) -> Result<Self, Error> {
        let mut files = FilesBelow { directory, levels: Vec::new() };
        files.enter(dir)?;
        Ok(files)
    }

    fn enter(&mut self, dir: Dir<'_>) -> Result<(), Error> {
        let identity = self.directory.identity(dir)?;
        if self.levels.iter().any(|level| level.identity == identity) {
            return Ok(());
        }
        let mut children = self.directory.children(dir, usize::MAX)?;
        children.sort_by(|a, b| sort_key(a).cmp(sort_key(b)));
        let name = match dir {
            Dir::Root => None,
            Dir::Named(name) => Some(name.as_str().to_owned()),
        };
        self.levels.push(Level { name, identity, children: children.into_iter() });
        Ok(())
    }

    fn visit(&mut self, name: &str, kind: Kind) -> Result<Option<Resource<'a>>, Error> {
        let Ok(name) = Name::new(name) else {
            return Ok(None);
        };
        match kind {
            Kind::File => self.directory.open_file(name),
            Kind::Directory => match self.enter(Dir::Named(name)) {
                Err(error) if !error.is_not_found() => Err(error),
                _ => Ok(None),
            },
        }
    }
}

impl<'a> Iterator for FilesBelow<'a> {
    type Item = Result<Resource<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let level = self.levels.last_mut()?;
            let Some(child) = level.children.next() else {
                self.levels.pop();
                continue;
            };
            let name = join(level.name.as_deref(), &child.name);
            // What was deleted since it was listed is not there.
            if let Some(item) = self.visit(&name, child.kind).transpose() {
                return Some(item);
            }
        }
    }
}

/// Names of files below `dir`, breadth first, without any promise of order.
///
/// Directories that can't be read are passed over: this only feeds suggestions.
pub(super) fn some_names(directory: &Directory, dir: Dir<'_>, limit: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut waiting = VecDeque::from([dir.as_str().to_owned()]);
    let mut left = limit;
    while let Some(dir) = waiting.pop_front() {
        let at = Name::new(&dir).map_or(Dir::Root, Dir::Named);
        let children = directory.children(at, left).unwrap_or_default();
        left -= children.len();
        for child in children {
            match child.kind {
                Kind::File => names.push(at.join(&child.name)),
                Kind::Directory => waiting.push_back(at.join(&child.name)),
            }
        }
        if left == 0 {
            break;
        }
    }
    names
}

/// A directory sorts as its files do: by its name and a `/`.
fn sort_key(child: &Child) -> impl Iterator<Item = u8> {
    let slash = (child.kind == Kind::Directory).then_some(b'/');
    child.name.bytes().chain(slash)
}

fn join(dir: Option<&str>, child: &str) -> String {
    match dir {
        None => child.to_owned(),
        Some(dir) => format!("{dir}/{child}"),
    }
}

impl Directory {
    fn identity(&self, dir: Dir<'_>) -> Result<Identity, Error> {
        let stat = rustix::fs::fstat(self.open_dir(dir)?)
            .map_err(|errno| errno_error("examine", self.path.join(dir.as_str()), errno))?;
        Ok((stat.st_dev, stat.st_ino))
    }
}
