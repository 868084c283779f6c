//! Resources in a bundle: [`holdall_archive`] under the rules of this package.

use holdall_archive::{Archive, Entry, Flaw, Lookup, Name};

use crate::{
    Child, Error, Kind, Resource,
    resource::Content,
    tree::{Dir, Files, Tree, is_reserved},
};

impl Tree for Archive {
    fn find(&self, name: &str) -> Result<Option<Resource<'_>>, Error> {
        Ok(Archive::find(self, name)?.map(resource))
    }

    fn is_dir(&self, name: Name<'_>) -> Result<bool, Error> {
        Ok(matches!(self.lookup(name.as_str())?, Lookup::Directory))
    }

    fn children(&self, dir: Dir<'_>) -> Result<Vec<Child>, Error> {
        let children = Archive::children(self, dir.as_str())?;
        Ok(children.into_iter().map(Child::from).collect())
    }

    fn files_below<'a>(&'a self, dir: Dir<'_>) -> Result<Files<'a>, Error> {
        let entries = self.entries_under(dir.as_str())?;
        Ok(Box::new(entries.filter_map(|entry| match entry {
            Ok(entry) => is_resource(&entry).then(|| Ok(resource(entry))),
            Err(error) => Some(Err(error.into())),
        })))
    }

    fn some_names(&self, dir: Dir<'_>, limit: usize) -> Vec<String> {
        let Ok(entries) = self.entries_under(dir.as_str()) else {
            return Vec::new();
        };
        let entries = entries.take(limit).filter_map(Result::ok);
        entries.filter(is_resource).map(|entry| entry.name().to_owned()).collect()
    }
}

fn is_resource(entry: &Entry<'_>) -> bool {
    !entry.is_directory() && !is_reserved(entry.name())
}

fn resource(entry: Entry<'_>) -> Resource<'_> {
    Resource::new(Content::Bundled(entry))
}

impl From<holdall_archive::Child> for Child {
    fn from(child: holdall_archive::Child) -> Self {
        let kind = if child.is_directory { Kind::Directory } else { Kind::File };
        Child { name: child.name, kind }
    }
}

impl From<holdall_archive::Error> for Error {
    /// What can happen to a file anywhere gets the variant that it has everywhere.
    fn from(error: holdall_archive::Error) -> Self {
        use holdall_archive::Error as Archive;
        match error {
            Archive::Damaged { name, expected, found, .. } => {
                Error::Damaged { name, expected_crc: expected, found_crc: found }
            }
            Archive::BadData { name, flaw: Flaw::Size { declared, found }, .. } => {
                Error::WrongSize { name, expected_bytes: declared, found_bytes: found }
            }
            source => Error::Archive { source },
        }
    }
}
