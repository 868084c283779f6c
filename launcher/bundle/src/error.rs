//! What can be wrong with a bundle, and the exit code of each.

use crate::exit_code::ExitCode;
use crate::manifest::{EntryPointKind, ManifestError};
use crate::needs::NeedsError;
use std::io;
use std::path::PathBuf;

/// Why a bundle can't be opened, or can't be told of.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Its archive can't be read or is damaged.
    #[error(transparent)]
    Archive(#[from] holdall_archive::Error),
    /// It is an archive, but no bundle.
    #[error("{} is not a bundle: it has no manifest", path.display())]
    NoManifest {
        /// The file.
        path: PathBuf,
    },
    /// Its manifest is wrong.
    #[error("{}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
    /// The entry that the manifest says to run is not there.
    #[error("{}: the {kind} entry point {name:?} is not in the bundle", path.display())]
    MissingPayload {
        /// The file.
        path: PathBuf,
        /// How it should run.
        kind: EntryPointKind,
        /// The entry that is missing.
        name: String,
    },
    /// What is there is not what the manifest says.
    #[error("{}: {what} is {found}, but {expected} in the manifest", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// What the manifest says.
        expected: String,
        /// What is there.
        found: String,
    },
    /// What it needs of its host can't be told.
    #[error("{}: {what} does not tell what it needs", path.display())]
    Needs {
        /// The file.
        path: PathBuf,
        /// The part of it.
        what: String,
        /// Why.
        source: NeedsError,
    },
    /// There is no such resource.
    #[error("no resource {name:?}{}", hint(.nearest))]
    NoResource {
        /// The name that was asked for.
        name: String,
        /// The names nearest to it, nearest first.
        nearest: Vec<String>,
    },
    /// The name is that of a directory.
    #[error("{name:?} is a directory")]
    IsDirectory {
        /// The name that was asked for.
        name: String,
    },
    /// A file is in the way.
    #[error("{} exists already, and nothing is overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file or directory can't be made.
    #[error("can't create {}", path.display())]
    Create {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What is extracted can't be written.
    #[error("can't write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The output can't be written.
    #[error("can't write the output")]
    Output(#[source] io::Error),
}

impl BundleError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Archive(error) => match error.io() {
                Some(cause) => ExitCode::for_input(cause.kind()),
                None => ExitCode::Damaged,
            },
            Self::NoManifest { .. }
            | Self::Manifest { .. }
            | Self::MissingPayload { .. }
            | Self::Needs { .. }
            | Self::Mismatch { .. } => ExitCode::Damaged,
            Self::NoResource { .. } | Self::IsDirectory { .. } => ExitCode::NoInput,
            Self::Exists { .. } => ExitCode::CannotCreate,
            Self::Create { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => ExitCode::NoPermission,
                _ => ExitCode::CannotCreate,
            },
            Self::Write { source, .. } => ExitCode::for_output(source.kind()),
            Self::Output(_) => ExitCode::Io,
        }
    }
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    format!(
        "; the nearest are {}",
        nearest.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ")
    )
}
