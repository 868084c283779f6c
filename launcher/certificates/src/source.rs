//! Where certificates come from, and what is there now.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::care::Care;
use crate::error::{Fault, LoadError};
use crate::file::Contents;
use crate::identity::{Answers, Identities, Identity};
use crate::key::PrivateKey;
use crate::snapshot::Snapshot;
use crate::x509::Certificate;

/// Where certificates and their keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One certificate, named by its files; they may be one and the same.
    Files {
        /// The file with the private key.
        private_key: PathBuf,
        /// The file with the certificate, and perhaps its chain.
        certificate: PathBuf,
        /// A file with more certificates of the chain.
        chain: Option<PathBuf>,
    },
    /// Any number of certificates: the files `*.pem`, `*.crt` and `*.key` of a directory.
    ///
    /// The key of a certificate may be in the same file or in another one beside it; it is found
    /// by what it is, not by its name. A certificate in `DEFAULT.pem` answers clients that ask
    /// for no name, or for an unknown one. Passed over: hidden files, directories, `client.key`
    /// (an account's key of ACME clients), and an empty `NAME.pem` (a request for a certificate).
    Directory(PathBuf),
}

/// What a source has at one moment.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub identities: Vec<Identity>,
    pub faults: Vec<LoadError>,
    /// Empty files `NAME.pem`: each asks for a certificate for NAME, an ACME client will fill it.
    pub requests: Vec<LoadError>,
}

/// More files than any server has names; beyond it the directory is the wrong one.
const LIMIT_FILES: usize = 100_000;

impl Source {
    /// The directory, or the file of the certificate.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Files { certificate, .. } => certificate,
            Self::Directory(directory) => directory,
        }
    }

    /// The files that are there to be read.
    pub(crate) fn files(&self, care: Care) -> Result<Vec<PathBuf>, LoadError> {
        match self {
            Self::Files { private_key, certificate, chain } => {
                let files = [Some(private_key), Some(certificate), chain.as_ref()];
                Ok(files.into_iter().flatten().cloned().collect())
            }
            Self::Directory(directory) => candidates(directory, care),
        }
    }

    /// The identities in the files that were read.
    pub(crate) fn find(&self, snapshot: &Snapshot) -> Found {
        match self {
            Self::Files { private_key, certificate, chain } => {
                let identity = from_files(snapshot, private_key, certificate, chain.as_deref());
                Found::default().with(identity.map(Some))
            }
            Self::Directory(_) => from_directory(snapshot),
        }
    }
}

impl Found {
    /// What is served from the files alone.
    pub fn identities(&mut self) -> Identities {
        let identities = std::mem::take(&mut self.identities).into_iter();
        identities.map(|one| (one.path.clone(), Arc::new(one))).collect()
    }

    fn with(mut self, identity: Result<Option<Identity>, LoadError>) -> Self {
        match identity {
            Ok(identity) => self.identities.extend(identity),
            Err(fault) => self.faults.push(fault),
        }
        self
    }
}

/// The files of a directory that may have certificates or keys.
fn candidates(directory: &Path, care: Care) -> Result<Vec<PathBuf>, LoadError> {
    let fault = |error| LoadError::new(directory, Fault::Unreadable(error));
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        // Where ours was, a directory is damage, and no sign that nobody wants it any more.
        if is_candidate(&path) && (care == Care::Ourselves || !path.is_dir()) {
            files.push(path);
        }
        if files.len() > LIMIT_FILES {
            let fault = Fault::TooManyFiles { limit: LIMIT_FILES };
            return Err(LoadError::new(directory, fault));
        }
    }
    Ok(files)
}

fn is_candidate(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let extension = path.extension().unwrap_or_default();
    !name.starts_with(b".")
        && name != b"client.key"
        && ["pem", "crt", "key"].iter().any(|known| extension == *known)
}

fn from_files(
    snapshot: &Snapshot,
    key_path: &Path,
    path: &Path,
    chain_path: Option<&Path>,
) -> Result<Identity, LoadError> {
    let key = snapshot.contents(key_path)?.key.as_ref();
    let key = key.ok_or_else(|| LoadError::new(key_path, Fault::NoKey))?;
    let mut chain = certificates_in(snapshot, path)?;
    if let Some(chain_path) = chain_path.filter(|chain_path| *chain_path != path) {
        chain.extend(certificates_in(snapshot, chain_path)?);
    }
    let mismatch = || LoadError::new(path, Fault::KeyMismatch { key: key_path.to_owned() });
    Identity::new(path, &chain, key, Answers::NoName)?.ok_or_else(mismatch)
}

fn certificates_in<'a>(
    snapshot: &'a Snapshot,
    path: &Path,
) -> Result<Vec<&'a Certificate>, LoadError> {
    let certificates = &snapshot.contents(path)?.certificates;
    match certificates.is_empty() {
        true => Err(LoadError::new(path, Fault::NoCertificate)),
        false => Ok(certificates.iter().collect()),
    }
}

fn from_directory(snapshot: &Snapshot) -> Found {
    let keys = keys_by_public_key(snapshot);
    let mut found = snapshot.iter().fold(Found::default(), |found, (path, contents)| {
        found.with(match contents {
            Ok(contents) => from_contents(path, contents, &keys),
            Err(fault) => Err(LoadError::new(path, fault.clone())),
        })
    });
    (found.requests, found.faults) = found.faults.into_iter().partition(is_request);
    found
}

fn keys_by_public_key(snapshot: &Snapshot) -> HashMap<&[u8], &PrivateKey> {
    let contents = snapshot.iter().filter_map(|(_, contents)| contents.ok());
    let keys = contents.filter_map(|contents| contents.key.as_ref());
    keys.map(|key| (key.public_key.as_slice(), key)).collect()
}

/// The identity of one file, if it has a certificate that is not there for a chain only.
fn from_contents(
    path: &Path,
    contents: &Contents,
    keys: &HashMap<&[u8], &PrivateKey>,
) -> Result<Option<Identity>, LoadError> {
    let certificates: Vec<_> = contents.certificates.iter().collect();
    let of_certificate = |one: &&Certificate| keys.get(one.public_key.as_slice()).copied();
    let key = contents.key.as_ref().or_else(|| certificates.iter().find_map(of_certificate));
    let fault = match key {
        Some(_) if certificates.is_empty() => return Ok(None),
        Some(key) => {
            match Identity::new(path, &certificates, key, Answers::of(path, &certificates))? {
                Some(identity) => return Ok(Some(identity)),
                None => Fault::KeyMismatch { key: path.to_owned() },
            }
        }
        None if certificates.is_empty() => Fault::NoCertificate,
        None if certificates.iter().all(|one| one.is_authority) => return Ok(None),
        None => Fault::NoKeyBeside,
    };
    Err(LoadError::new(path, fault))
}

fn is_request(error: &LoadError) -> bool {
    matches!(*error.fault, Fault::Empty) && error.path.extension().is_some_and(|it| it == "pem")
}
