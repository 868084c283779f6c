//! From a path to what is there: mounts, directories, clean URLs, single-page applications.

use std::borrow::Cow;

use holdall_bundle::Serving;
use holdall_resources::{Error, Resource, Resources};

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Place {
    /// A resource.
    Resource(Resource<'static>),
    /// The page of an application that knows what to do with this path.
    Fallback(Resource<'static>),
    /// The same with a slash at its end.
    Slash,
    /// The same without the slash at its end.
    NoSlash,
    /// A directory that may be shown.
    Listing { directory: String },
    /// Nothing; the page that says so, if there is one.
    Missing(Option<Resource<'static>>),
}

/// Which resources have which paths.
#[derive(Debug)]
pub(crate) struct Map {
    resources: &'static Resources,
    /// Prefix, with a slash at its end, and directory; the longest first.
    mounts: Vec<(String, String)>,
    index: String,
    not_found: String,
    fallback: Option<String>,
    has_clean_urls: bool,
    has_listings: bool,
}

impl Map {
    pub fn new(resources: &'static Resources, serving: &Serving) -> Self {
        let rules = &serving.rules;
        let mut mounts: Vec<_> = serving.mounts.iter().map(mount).collect();
        mounts.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self {
            resources,
            mounts,
            index: rules.index.clone(),
            not_found: rules.not_found.clone(),
            fallback: rules.fallback.clone(),
            has_clean_urls: rules.clean_urls,
            has_listings: rules.listing,
        }
    }

    /// What is at a decoded path; `wants_page` says whether a client takes HTML.
    pub fn place(&self, path: &str, wants_page: bool) -> Result<Place, Error> {
        let Some((directory, rest)) = self.mount_of(path) else { return Ok(Place::Missing(None)) };
        // The mount itself, without its slash.
        let Some(rest) = rest else { return self.directory(directory, "", false) };
        let found = match rest.strip_suffix('/').or(rest.is_empty().then_some("")) {
            Some(inner) => self.with_slash(directory, inner, rest.is_empty())?,
            None => self.without_slash(directory, rest)?,
        };
        match found {
            Place::Missing(_) => self.missing(directory, rest, wants_page),
            found => Ok(found),
        }
    }

    /// The directory of the longest prefix, and what follows it.
    fn mount_of<'p>(&self, path: &'p str) -> Option<(&str, Option<&'p str>)> {
        self.mounts.iter().find_map(|(prefix, directory)| match path.strip_prefix(&**prefix) {
            Some(rest) => Some((&**directory, Some(rest))),
            None if Some(path) == prefix.strip_suffix('/') => Some((&**directory, None)),
            None => None,
        })
    }

    fn without_slash(&self, directory: &str, rest: &str) -> Result<Place, Error> {
        let name = join(directory, rest);
        if let Some(resource) = self.find(&name)? {
            return Ok(Place::Resource(resource));
        }
        if let Some(resource) = self.clean(&name)? {
            return Ok(Place::Resource(resource));
        }
        self.directory(directory, rest, false)
    }

    fn with_slash(&self, directory: &str, rest: &str, is_mount: bool) -> Result<Place, Error> {
        if rest.is_empty() && !is_mount {
            return Ok(Place::Missing(None));
        }
        match self.directory(directory, rest, true)? {
            Place::Missing(_) if self.clean(&join(directory, rest))?.is_some() => {
                Ok(Place::NoSlash)
            }
            place => Ok(place),
        }
    }

    fn clean(&self, name: &str) -> Result<Option<Resource<'static>>, Error> {
        match self.has_clean_urls && !name.is_empty() {
            true => self.find(&format!("{name}.html")),
            false => Ok(None),
        }
    }

    fn directory(&self, directory: &str, rest: &str, has_slash: bool) -> Result<Place, Error> {
        let name = join(directory, rest);
        if !is_dir(self.resources, &name)? {
            return Ok(Place::Missing(None));
        }
        let index = self.find(&join(&name, &self.index))?;
        Ok(match (index, has_slash) {
            (Some(index), true) => Place::Resource(index),
            (None, true) if self.has_listings => Place::Listing { directory: name.into_owned() },
            (None, _) if !self.has_listings => Place::Missing(None),
            _ => Place::Slash,
        })
    }

    fn missing(&self, directory: &str, rest: &str, wants_page: bool) -> Result<Place, Error> {
        let last = rest.rsplit('/').next().unwrap_or(rest);
        if let Some(fallback) = self.fallback.as_ref().filter(|_| wants_page && !last.contains('.'))
            && let Some(resource) = self.find(&join(directory, fallback))?
        {
            return Ok(Place::Fallback(resource));
        }
        // Downwards, as far as there are directories, however long the path is: the last one is nearest.
        let mut page = self.find(&join(directory, &self.not_found))?;
        for (at, _) in rest.match_indices('/') {
            let below = join(directory, &rest[..at]);
            if !is_dir(self.resources, &below)? {
                break;
            }
            page = self.find(&join(&below, &self.not_found))?.or(page);
        }
        Ok(Place::Missing(page))
    }

    /// A name that no resource can have finds none.
    fn find(&self, name: &str) -> Result<Option<Resource<'static>>, Error> {
        match self.resources.find(name) {
            Err(Error::InvalidName { .. } | Error::Unusable { .. }) => Ok(None),
            found => found,
        }
    }
}

fn is_dir(resources: &Resources, name: &str) -> Result<bool, Error> {
    match resources.is_dir(name) {
        Err(Error::InvalidName { .. } | Error::Unusable { .. }) => Ok(false),
        found => found,
    }
}

fn mount((prefix, directory): (&String, &String)) -> (String, String) {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    (format!("{prefix}/"), directory.trim_matches('/').to_owned())
}

fn join<'n>(directory: &str, name: &'n str) -> Cow<'n, str> {
    match (directory, name) {
        ("", name) => Cow::Borrowed(name),
        (directory, "") => Cow::Owned(directory.to_owned()),
        (directory, name) => Cow::Owned(format!("{directory}/{name}")),
    }
}
