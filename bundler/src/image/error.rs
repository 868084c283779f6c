//! What keeps a bundle from being an image.

use crate::image::platform::Platform;
use crate::image::reference::ReferenceError;
use holdall_bundle::{BundleError, EntryPointKind, ExitCode, Needs};
use std::io;
use std::path::PathBuf;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The bundle can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The bundle.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The bundle is none, or damaged.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It was written to while it was read.
    #[error("{} was changed while the image was made", path.display())]
    Changed {
        /// The bundle.
        path: PathBuf,
    },
    /// It can't run where nothing else is.
    #[error(
        "{} can't run in an image of its own, which has no files but the bundle: it needs {needs}; {}",
        path.display(),
        way_out(*.kind, needs, target)
    )]
    Needs {
        /// The bundle.
        path: PathBuf,
        /// What runs in it.
        kind: EntryPointKind,
        /// The target triple of its executable.
        target: String,
        /// What it needs.
        needs: Needs,
    },
    /// It is for another machine.
    #[error("{} is for {found}, not for {wanted}", path.display())]
    Platform {
        /// The bundle.
        path: PathBuf,
        /// What it is for.
        found: Platform,
        /// What it should be for.
        wanted: Platform,
    },
    /// It is for a machine that no image can name.
    #[error("{} does not begin with an executable for a machine that images know", path.display())]
    Machine {
        /// The bundle.
        path: PathBuf,
    },
    /// Name and version of the bundle make no name of an image.
    #[error("the bundle is {name}, which can't be the name of an image: give --tag NAME:TAG")]
    NoTag {
        /// Name and version of the bundle.
        name: String,
        /// What is wrong with them.
        source: ReferenceError,
    },
    /// The runtime has a directory of that name.
    #[error(
        "a bundle called {name} would lie under the container's own /{name}: holdall set --name gives it another name"
    )]
    Name {
        /// The name of the bundle.
        name: String,
    },
    /// No directory that could be a volume.
    #[error("{path:?} can't be a volume: {reason}")]
    Volume {
        /// The directory.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// No label.
    #[error("--label {given:?} is no NAME=VALUE")]
    Label {
        /// What was given.
        given: String,
    },
    /// No user.
    #[error("--user {given:?} is no UID or UID:GID: an image that holds one file knows no names")]
    User {
        /// What was given.
        given: String,
    },
    /// A program of its own has options of its own.
    #[error("--health is answered by bundles that serve, not by an exec program: leave it out")]
    Health,
    /// An archive is nothing to look at.
    #[error("standard output is a terminal: give --output FILE, or a pipe")]
    Terminal,
}

impl ImageError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { source, .. } => ExitCode::for_input(source.kind()),
            Self::Bundle(error) => error.exit_code(),
            Self::Changed { .. } => ExitCode::Io,
            Self::Needs { .. } | Self::Name { .. } | Self::Machine { .. } => ExitCode::Unavailable,
            Self::Platform { .. }
            | Self::NoTag { .. }
            | Self::Volume { .. }
            | Self::Label { .. }
            | Self::User { .. }
            | Self::Health
            | Self::Terminal => ExitCode::Usage,
        }
    }
}

/// How to get a bundle that needs nothing.
fn way_out(kind: EntryPointKind, needs: &Needs, target: &str) -> String {
    match kind {
        EntryPointKind::Exec if needs.libraries.is_empty() => {
            "a script needs an image that has its interpreter: COPY the bundle into that".to_owned()
        }
        EntryPointKind::Exec => "build the program static, and bundle it again".to_owned(),
        EntryPointKind::Plugin => {
            "a plug-in needs the dynamic loader: make a linked program of the service".to_owned()
        }
        EntryPointKind::Linked | EntryPointKind::Site => format!(
            "build it static: RUSTFLAGS='-C target-feature=+crt-static' holdall bundle --target {target}"
        ),
    }
}
