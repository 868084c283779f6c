//! What a bundle is made of, whatever the format.

use crate::auditable::read::{self, Found, ReadError};
use crate::binary::BinaryError;
use crate::error::Error;
use auditable_serde::{DependencyKind, Package, VersionInfo};
use holdall_archive::{Entry, digest};
use holdall_bundle::{Bundle, BundleError, Digest, Manifest};
use object::ReadCache;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;

/// What a bundle is made of.
#[derive(Debug)]
pub struct Bill<'a> {
    /// What the bundle says of itself.
    pub manifest: &'a Manifest,
    /// The digest of the file.
    pub sha256: Digest,
    /// The length of the file in bytes.
    pub size: u64,
    /// The executable, and the payload if there is one.
    pub parts: Vec<Part>,
    /// The crates that these were built from, each once, in the order of their names and versions.
    pub crates: Vec<Crate>,
    /// The resources in the order of their names.
    pub resources: Vec<Resource>,
}

/// Which sums of the resources are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sums {
    /// The SHA-256 that was recorded; content is read where an edit lost it.
    Recorded,
    /// SHA-1 and SHA-256; all content is read.
    WithSha1,
}

/// A piece of code.
#[derive(Debug)]
pub struct Part {
    /// What it is there for.
    pub role: Role,
    /// The name of its package, or else of its file.
    pub name: String,
    /// The version of its package, if that is known.
    pub version: Option<String>,
    /// The name of its file: in the archive, or that of the bundle.
    pub file_name: String,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of the file that was packed.
    pub sha256: Digest,
    /// The crates that it is built from directly, by their places in the list.
    pub dependencies: BTreeSet<usize>,
    /// Why these are not known, if so.
    pub missing: Option<&'static str>,
}

/// What a piece of code is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The file begins with it.
    Executable,
    /// It is run by it.
    Payload,
}

/// A crate that a piece of code was built from.
#[derive(Debug, PartialEq, Eq)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it is from: `crates.io`, `git`, `local`, `registry`, or something newer.
    pub source: String,
    /// Whether it was needed to build only.
    pub is_build: bool,
    /// The crates that it is built from directly, by their places in the list.
    pub dependencies: BTreeSet<usize>,
}

/// A resource.
#[derive(Debug)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its permission bits.
    pub mode: u32,
    /// Its media type; empty where an edit lost it.
    pub media_type: String,
    /// The digest of its content.
    pub sha256: Digest,
    /// The other one, if it was wanted.
    pub sha1: Option<[u8; 20]>,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Executable => "executable",
            Self::Payload => "payload",
        })
    }
}

impl<'a> Bill<'a> {
    /// Gathers everything from `bundle`, which was opened at `path`.
    ///
    /// # Errors
    /// If the bundle is damaged or can't be read.
    pub fn new(bundle: &'a Bundle, path: &Path, sums: Sums) -> Result<Self, Error> {
        let (sha256, size) = file_digest(path).map_err(|source| unreadable(path, source))?;
        let mut found = vec![executable(bundle, path)?];
        if let Some(entry) = bundle.payload()? {
            found.push(payload(&entry)?);
        }
        let lists: Vec<&VersionInfo> = found.iter().filter_map(|(_, found)| found.list()).collect();
        let (crates, mut direct) = crates(&lists);
        let mut parts = Vec::new();
        for (mut part, found) in found.into_iter().rev() {
            match found {
                Found::List(list) => part.describe(&list, direct.pop().unwrap_or_default()),
                Found::NoSection => part.missing = Some("carries no list of dependencies"),
                Found::NotElf => part.missing = Some("is no ELF file, so it carries no list"),
            }
            parts.insert(0, part);
        }
        let mut resources = Vec::new();
        for entry in bundle.resources()? {
            resources.push(Resource::new(&entry?, sums).map_err(BundleError::from)?);
        }
        Ok(Self { manifest: bundle.manifest(), sha256, size, parts, crates, resources })
    }
}

impl Part {
    /// Takes name and version from the package at the root of the list.
    fn describe(&mut self, list: &VersionInfo, dependencies: BTreeSet<usize>) {
        if let Some(root) = list.packages.iter().find(|package| package.root) {
            self.name.clone_from(&root.name);
            self.version = Some(root.version.to_string());
        }
        self.dependencies = dependencies;
    }
}

impl Resource {
    fn new(entry: &Entry, sums: Sums) -> Result<Self, holdall_archive::Error> {
        let recorded = if sums == Sums::Recorded { entry.digest()? } else { None };
        let (sha256, sha1) = match recorded {
            Some(sha256) => (sha256, None),
            None => {
                let (mut sha256, mut sha1) = (Sha256::new(), Sha1::new());
                entry.reader()?.read_to_end_with(&mut |piece| {
                    sha256.update(piece);
                    sha1.update(piece);
                })?;
                (sha256.finalize().into(), Some(sha1.finalize().into()))
            }
        };
        Ok(Self {
            name: entry.name().to_owned(),
            size: entry.size(),
            mode: entry.mode() & 0o7777,
            media_type: entry.media_type()?.into_owned(),
            sha256: Digest(sha256),
            sha1,
        })
    }
}

fn executable(bundle: &Bundle, path: &Path) -> Result<(Part, Found), Error> {
    let manifest = bundle.manifest();
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let found = read::read(&ReadCache::new(file));
    let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = found.map_err(|source| wrong_list(Role::Executable, &file_name, source))?;
    let part = Part {
        role: Role::Executable,
        name: file_name.clone(),
        version: None,
        file_name,
        size: manifest.prefix.size,
        sha256: manifest.prefix.sha256,
        dependencies: BTreeSet::new(),
        missing: None,
    };
    Ok((part, found))
}

fn payload(entry: &Entry) -> Result<(Part, Found), Error> {
    let content = entry.bytes().map_err(BundleError::from)?;
    let found = read::read(&*content);
    let found = found.map_err(|source| wrong_list(Role::Payload, entry.name(), source))?;
    let part = Part {
        role: Role::Payload,
        name: entry.name().rsplit('/').next().unwrap_or_default().to_owned(),
        version: None,
        file_name: entry.name().to_owned(),
        size: entry.size(),
        sha256: Digest(digest(&content)),
        dependencies: BTreeSet::new(),
        missing: None,
    };
    Ok((part, found))
}

/// The crates of several lists, each once, and for each list those that its root needs directly.
fn crates(lists: &[&VersionInfo]) -> (Vec<Crate>, Vec<BTreeSet<usize>>) {
    let packages = lists.iter().flat_map(|list| &list.packages).filter(|package| !package.root);
    let mut places: BTreeMap<[String; 3], usize> =
        packages.map(|package| (key(package), 0)).collect();
    places.values_mut().zip(0..).for_each(|(place, number)| *place = number);
    let mut crates: Vec<Crate> = places.keys().map(Crate::new).collect();
    let direct = lists.iter().map(|list| add(list, &places, &mut crates)).collect();
    (crates, direct)
}

fn key(package: &Package) -> [String; 3] {
    [package.name.clone(), package.version.to_string(), package.source.clone().into()]
}

impl Crate {
    fn new([name, version, source]: &[String; 3]) -> Self {
        let (name, version, source) = (name.clone(), version.clone(), source.clone());
        Self { name, version, source, is_build: true, dependencies: BTreeSet::new() }
    }
}

/// Adds what a list says to `crates`; returns what its root needs, or what nothing in it does.
fn add(
    list: &VersionInfo,
    places: &BTreeMap<[String; 3], usize>,
    crates: &mut [Crate],
) -> BTreeSet<usize> {
    let place = |package: &Package| places.get(&key(package)).copied().filter(|_| !package.root);
    let own: Vec<Option<usize>> = list.packages.iter().map(place).collect();
    let mut direct: BTreeSet<usize> = own.iter().flatten().copied().collect();
    let mut of_root = None;
    for (package, place) in list.packages.iter().zip(&own) {
        // A number that leads nowhere is left out.
        let needed = package.dependencies.iter().filter_map(|at| own.get(*at).copied().flatten());
        let needed: BTreeSet<usize> = needed.filter(|at| Some(*at) != *place).collect();
        match place {
            Some(place) => {
                direct = &direct - &needed;
                crates[*place].is_build &= package.kind == DependencyKind::Build;
                crates[*place].dependencies.extend(needed);
            }
            None => of_root = Some(needed),
        }
    }
    of_root.unwrap_or(direct)
}

/// The digest and the length of a file.
fn file_digest(path: &Path) -> io::Result<(Digest, u64)> {
    let mut sha256 = Sha256::new();
    let size = io::copy(&mut File::open(path)?, &mut Hasher(&mut sha256))?;
    Ok((Digest(sha256.finalize().into()), size))
}

struct Hasher<'a>(&'a mut Sha256);

impl io::Write for Hasher<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    BinaryError::Read { path: path.to_owned(), source }.into()
}

fn wrong_list(role: Role, file_name: &str, source: ReadError) -> Error {
    Error::Dependencies { role: role.to_string(), file_name: file_name.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list in which each package is `name needs…`, the first being the root.
    fn list(packages: &[(&str, &[usize])], has_root: bool) -> VersionInfo {
        let object = |(at, (name, needed)): (usize, &(&str, &[usize]))| {
            serde_json::json!({
                "name": name, "version": "1.0.0", "source": "crates.io",
                "dependencies": needed, "root": has_root && at == 0,
            })
        };
        let packages: Vec<_> = packages.iter().enumerate().map(object).collect();
        serde_json::from_value::<serde_json::Value>(serde_json::json!({ "packages": packages }))
            .unwrap()
            .to_string()
            .parse()
            .unwrap()
    }

    fn shown(crates: &[Crate]) -> Vec<String> {
        let show = |package: &Crate| format!("{} {:?}", package.name, package.dependencies);
        crates.iter().map(show).collect()
    }

    #[test]
    fn lists_are_joined() {
        let one = list(&[("launcher", &[1, 2]), ("bytes", &[]), ("http", &[1])], true);
        let other = list(&[("plugin", &[2]), ("axum", &[]), ("http", &[1])], true);
        let (crates, direct) = crates(&[&one, &other]);
        assert_eq!(shown(&crates), ["axum {}", "bytes {}", "http {0, 1}"]);
        assert_eq!(direct, [BTreeSet::from([1, 2]), BTreeSet::from([2])]);
    }

    #[test]
    fn without_a_root_what_nothing_needs_is_direct() {
        let (_, direct) = crates(&[&list(&[("a", &[1]), ("b", &[]), ("c", &[7])], false)]);
        assert_eq!(direct, [BTreeSet::from([0, 2])]);
    }
}
