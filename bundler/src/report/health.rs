//! Whether every byte of a bundle is as it was packed, for the page.

use super::anatomy::Anatomy;
use holdall_archive::{Archive, Error, Flaw, IndexState};
use holdall_bundle::{BundleError, Digest, ExitCode, Signature, chain, signatures, verify};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How many problems are kept: in a ruin, each of a million entries may have one.
const PROBLEMS_KEPT: usize = 1000;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The digest of the whole file, as `sha256sum` has it.
    pub sha256: Digest,
    /// What is wrong: the first of it, in the order in which it was found.
    pub problems: Vec<Problem>,
    /// How many problems there are.
    pub problems_len: u64,
    /// Who is said to have signed it: claims, which nobody has held against a key.
    pub signatures: Vec<Signature>,
    /// Where names are looked up: not in the index where the archive was edited.
    pub index: IndexState,
    /// What the process ends with.
    pub worst: ExitCode,
}

/// Something that is not as it was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What.
    pub text: String,
    /// The part that it is in, by its place in the list.
    pub part: Option<usize>,
}

impl Health {
    /// Reads the whole file.
    ///
    /// # Errors
    /// If it can't be read. What is damaged is no error here.
    pub fn examine(archive: &Archive, anatomy: &Anatomy) -> Result<Self, BundleError> {
        let mut health = Self {
            sha256: digest(archive.path())?,
            problems: Vec::new(),
            problems_len: 0,
            signatures: signatures(archive).unwrap_or_default(),
            index: archive.index_state()?,
            worst: ExitCode::Success,
        };
        let mut errors = Vec::new();
        let mut worst = ExitCode::Success;
        let mut report = |error: BundleError| {
            // The first damage decides, as it does for `verify`.
            if worst == ExitCode::Success {
                worst = error.exit_code();
            }
            health.problems_len += 1;
            if errors.len() < PROBLEMS_KEPT {
                errors.push(error);
            }
        };
        if let Err(error) = verify(archive, &mut report) {
            report(error);
        }
        health.worst = worst;
        let places = Places::new(anatomy);
        let problem = |error: &BundleError| Problem {
            text: without_directory(archive.path(), chain(error)),
            part: places.of(error),
        };
        health.problems = errors.iter().map(problem).collect();
        Ok(health)
    }
}

/// Where the parts are that a problem may be in.
struct Places<'a> {
    anatomy: &'a Anatomy,
    by_name: HashMap<&'a str, usize>,
}

impl<'a> Places<'a> {
    fn new(anatomy: &'a Anatomy) -> Self {
        let named = |(at, part): (usize, &'a super::anatomy::Part)| (part.name.as_str(), at);
        let parts = anatomy.parts.iter().enumerate();
        let by_name = parts.filter(|(_, part)| !part.name.is_empty()).map(named).collect();
        Self { anatomy, by_name }
    }

    fn of(&self, error: &BundleError) -> Option<usize> {
        let error = match error {
            BundleError::Archive(error) => error,
            // What does not belong to an entry is said of the executable that the file begins with.
            BundleError::Mismatch { what, .. } if what.starts_with("the executable") => {
                return self.anatomy.part_at(0);
            }
            _ => return None,
        };
        let name = match error {
            Error::Damaged { name, .. } | Error::BadData { name, .. } => name,
            Error::Malformed { flaw: Flaw::DigestMismatch { name }, .. } => name,
            Error::Malformed { offset, .. } => return self.anatomy.part_at(*offset),
            _ => return None,
        };
        self.by_name.get(name.as_str()).copied()
    }
}

/// Messages name the file as it was named on the command line; the page is the same wherever it is.
fn without_directory(path: &Path, text: String) -> String {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    match text.strip_prefix(&*path.to_string_lossy()) {
        Some(rest) => format!("{file_name}{rest}"),
        None => text,
    }
}

fn digest(path: &Path) -> Result<Digest, BundleError> {
    let hashed = || -> io::Result<[u8; 32]> {
        let (mut file, mut sha256) = (File::open(path)?, Sha256::new());
        let mut buffer = vec![0; 128 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(sha256.finalize().into()),
                len => sha256.update(&buffer[..len]),
            }
        }
    };
    let failed = |source| Error::Io { path: path.to_owned(), action: "read", source };
    Ok(hashed().map(Digest).map_err(failed)?)
}
