//! What `[serve]` and `[static]` ask for, held against what is there.

use crate::config::{Found, Place};
use crate::tree::Item;
use holdall_bundle::{EntryPointKind, Serving, ServingError, Static};
use std::collections::BTreeMap;

/// Which resources are served over HTTP, and how, as the manifest of the inputs has it.
#[derive(Debug, Clone)]
pub struct Served {
    serving: Serving,
    /// The places of the directories in `[serve]`, by prefix; none if there is no such table.
    mounts: BTreeMap<String, Place>,
    /// The place of `[static]`.
    rules: Option<Place>,
}

/// Why resources can't be served as the manifest of the inputs says.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A rule that can't be followed.
    #[error("{place}")]
    Rule {
        /// Where.
        place: Place,
        /// The rule.
        source: ServingError,
    },
    /// One prefix, twice.
    #[error("{place}: [serve] has {prefix:?} twice")]
    Twice {
        /// Where the second one is.
        place: Place,
        /// The prefix.
        prefix: String,
    },
    /// A program has the whole of HTTP to itself.
    #[error("{place}: an exec entry point serves itself: leave out [serve] and [static]")]
    Exec {
        /// Where the table is.
        place: Place,
    },
    /// Rules for what is not served.
    #[error(
        "{place}: [static] without [serve]: a {kind} entry point serves resources only where \
         [serve] says so, as in \"/static\" = \"assets\""
    )]
    NothingServed {
        /// Where the rules are.
        place: Place,
        /// The kind of entry point.
        kind: EntryPointKind,
    },
    /// There is nothing to serve in a directory.
    #[error("{place}: no resource is packed in the directory {directory:?}")]
    NoDirectory {
        /// Where it is named.
        place: Place,
        /// The directory.
        directory: String,
    },
    /// The page of a single-page application is not there.
    #[error("{place}: no resource is packed for fallback = {fallback:?}: {}", tried(.names))]
    NoFallback {
        /// Where the rules are.
        place: Place,
        /// What the rules say.
        fallback: String,
        /// The names that it could have.
        names: Vec<String>,
    },
}

impl Served {
    /// Takes what the manifest says; `None` if it says nothing of serving.
    ///
    /// # Errors
    /// [`ServeError::Rule`] and [`ServeError::Twice`].
    pub fn new(found: &Found) -> Result<Option<Self>, ServeError> {
        let rules = found.config.rules.as_ref();
        if found.config.serve.is_empty() && rules.is_none() {
            return Ok(None);
        }
        let place = rules.map(|rules| found.place(rules.span()));
        let mut served =
            Self { serving: Serving::default(), mounts: BTreeMap::new(), rules: place };
        served.take_mounts(found)?;
        if let Some(rules) = rules {
            served.take_rules(rules.get_ref(), found.place(rules.span()))?;
        }
        Ok(Some(served))
    }

    fn take_mounts(&mut self, found: &Found) -> Result<(), ServeError> {
        let serve = &found.config.serve;
        if !serve.is_empty() {
            self.serving.mounts.clear();
        }
        for (prefix, directory) in serve {
            let place = found.place(prefix.span());
            check_prefix(prefix.get_ref(), &place)?;
            let prefix = normal_prefix(prefix.get_ref());
            if self.mounts.insert(prefix.clone(), found.place(directory.span())).is_some() {
                return Err(ServeError::Twice { place, prefix });
            }
            self.serving.mounts.insert(prefix, normal_directory(directory.get_ref()));
        }
        Ok(())
    }

    fn take_rules(&mut self, rules: &Static, place: Place) -> Result<(), ServeError> {
        self.serving.rules = rules.clone();
        self.serving.check().map_err(|source| ServeError::Rule { place, source })
    }

    /// What the manifest of the bundle gets.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// Checks that an entry point of this kind can have resources served.
    ///
    /// # Errors
    /// [`ServeError::Exec`] and [`ServeError::NothingServed`].
    pub fn check_kind(&self, kind: EntryPointKind) -> Result<(), ServeError> {
        let place = || self.rules.iter().chain(self.mounts.values()).next().cloned();
        match (kind, place()) {
            (EntryPointKind::Exec, Some(place)) => Err(ServeError::Exec { place }),
            (EntryPointKind::Plugin | EntryPointKind::Linked, Some(place))
                if self.mounts.is_empty() =>
            {
                Err(ServeError::NothingServed { place, kind })
            }
            _ => Ok(()),
        }
    }

    /// Checks that what is to be served is packed.
    ///
    /// # Errors
    /// [`ServeError::NoDirectory`] and [`ServeError::NoFallback`].
    pub fn check_resources(&self, items: &[Item]) -> Result<(), ServeError> {
        let names = || items.iter().filter(|item| item.stamp.is_some()).map(|item| &*item.name);
        for (prefix, place) in &self.mounts {
            let directory = &self.serving.mounts[prefix];
            let below = join(directory, "");
            if !names().any(|name| name.starts_with(&below)) {
                let (place, directory) = (place.clone(), directory.clone());
                return Err(ServeError::NoDirectory { place, directory });
            }
        }
        let (Some(fallback), Some(place)) = (&self.serving.rules.fallback, &self.rules) else {
            return Ok(());
        };
        let wanted: Vec<String> =
            self.serving.mounts.values().map(|directory| join(directory, fallback)).collect();
        if names().any(|name| wanted.iter().any(|wanted| wanted == name)) {
            return Ok(());
        }
        let (place, fallback) = (place.clone(), fallback.clone());
        Err(ServeError::NoFallback { place, fallback, names: wanted })
    }
}

/// Checks one prefix alone, so that the mistake has its place.
fn check_prefix(prefix: &str, place: &Place) -> Result<(), ServeError> {
    let mounts = BTreeMap::from([(prefix.to_owned(), String::new())]);
    let serving = Serving { mounts, rules: Static::default() };
    serving.check().map_err(|source| ServeError::Rule { place: place.clone(), source })
}

/// One spelling of a prefix that was checked: `/a/` is `/a`.
fn normal_prefix(prefix: &str) -> String {
    match prefix.strip_suffix('/') {
        Some("") | None => prefix.to_owned(),
        Some(prefix) => prefix.to_owned(),
    }
}

/// One spelling of a directory: `./a/` is `a`, `.` the root.
fn normal_directory(directory: &str) -> String {
    let directory = directory.trim_end_matches('/');
    match directory.strip_prefix("./").unwrap_or(directory) {
        "." => String::new(),
        directory => directory.to_owned(),
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

fn tried(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("it could be {}", names.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_directories_have_one_spelling() {
        for (prefix, expected) in [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("/a/b/", "/a/b")] {
            assert_eq!(normal_prefix(prefix), expected);
        }
        let cases = [("", ""), (".", ""), ("./", ""), ("a", "a"), ("./a/b/", "a/b"), (".a", ".a")];
        for (directory, expected) in cases {
            assert_eq!(normal_directory(directory), expected, "{directory}");
        }
    }
}
