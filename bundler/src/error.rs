//! Everything that can make the bundler fail, and the exit code of each.

use crate::auditable::read::ReadError;
use crate::binary::BinaryError;
use crate::cargo::CargoError;
use crate::config::ConfigError;
use crate::deploy::DeployError;
use crate::globs::GlobError;
use crate::image::ImageError;
use crate::listening::ListeningError;
use crate::media::MediaTypeError;
use crate::output::OutputError;
use crate::pack::PackError;
use crate::plan::PlanError;
use crate::prefix::PrefixError;
use crate::run::RunError;
use crate::serving::ServeError;
use crate::set::SetError;
use crate::sign::SignError;
use crate::tree::TreeError;
use holdall_bundle::{BundleError, ExitCode, SignatureError};
use std::io;
use std::path::PathBuf;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The manifest of the inputs is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What was asked for makes no sense together.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Cargo failed, or did not build what was asked for.
    #[error(transparent)]
    Cargo(#[from] CargoError),
    /// A program or shared object can't be read.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The executable that the file begins with can't be used.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    /// A glob is wrong.
    #[error(transparent)]
    Glob(#[from] GlobError),
    /// A media type of the manifest of the inputs is wrong.
    #[error(transparent)]
    MediaType(#[from] MediaTypeError),
    /// Resources can't be served as the manifest of the inputs says.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The resources can't be found or named.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file can't be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The new file can't be written or is not right.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// What was packed can't be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A bundle can't be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A bundle can't be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A bundle is not signed as it has to be.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A default can't be set.
    #[error(transparent)]
    Set(#[from] SetError),
    /// The list of dependencies that a piece of code carries is damaged.
    #[error("the {role} {file_name} can't be searched for its dependencies")]
    Dependencies {
        /// `executable` or `payload`.
        role: String,
        /// Its file.
        file_name: String,
        /// What is wrong.
        source: ReadError,
    },
    /// A bundle can't be an image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Others can't be told how to run a bundle.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The arguments of a bundle don't tell where it listens.
    #[error(transparent)]
    Listening(#[from] ListeningError),
    /// Something can't be created.
    #[error("can't create {}", path.display())]
    Create {
        /// What.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something can't be written.
    #[error("can't write {}", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard output can't be written.
    #[error("can't write to standard output")]
    Stdout(#[source] io::Error),
    /// What is to be written would replace what it is made from.
    #[error("can't write to {}: that is the bundle itself", path.display())]
    OntoItself {
        /// The file.
        path: PathBuf,
    },
    /// Everything has been said already.
    #[error("failed")]
    Reported(ExitCode),
}

impl Error {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(error) => error.exit_code(),
            Self::Plan(error) => error.exit_code(),
            Self::Cargo(error) => error.exit_code(),
            Self::Binary(error) => error.exit_code(),
            Self::Prefix(error) => error.exit_code(),
            Self::Glob(_) | Self::Serve(_) | Self::MediaType(_) => ExitCode::Configuration,
            Self::Tree(error) => error.exit_code(),
            Self::Pack(error) => error.exit_code(),
            Self::Output(error) => error.exit_code(),
            Self::Run(error) => error.exit_code(),
            Self::Bundle(error) => error.exit_code(),
            Self::Sign(error) => error.exit_code(),
            Self::Signature(error) => error.exit_code(),
            Self::Set(error) => error.exit_code(),
            Self::Dependencies { .. } => ExitCode::Damaged,
            Self::Image(error) => error.exit_code(),
            Self::Deploy(error) => error.exit_code(),
            Self::Listening(error) => error.exit_code(),
            Self::Create { source, .. } => match ExitCode::for_output(source.kind()) {
                ExitCode::Io => ExitCode::CannotCreate,
                code => code,
            },
            Self::Write { source, .. } => ExitCode::for_output(source.kind()),
            Self::Stdout(_) => ExitCode::Io,
            Self::OntoItself { .. } => ExitCode::Usage,
            Self::Reported(code) => *code,
        }
    }
}

impl ConfigError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { source, .. } => ExitCode::for_input(source.kind()),
            Self::TooLong { .. } | Self::Wrong { .. } => ExitCode::Configuration,
        }
    }
}

impl BinaryError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Read { source, .. } => ExitCode::for_input(source.kind()),
            Self::NotAFile { .. } => ExitCode::NoInput,
            Self::Damaged { .. } => ExitCode::Damaged,
        }
    }
}
