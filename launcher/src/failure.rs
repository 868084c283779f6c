//! Why a bundle does not run, and the exit code of each reason.

use std::io;

use holdall_acme::StoreError;
use holdall_bundle::{BundleError, ExitCode, SignatureError, chain};
use holdall_certificates::Fault;
use holdall_endpoint::{InheritError, OpenError, OpenErrorKind};
use holdall_log::LogError;
use holdall_process::{NurseryError, ThreadsError, identity::IdentityError, sandbox::SandboxError};
use holdall_resources::memfd;
use holdall_service::{BoxError, ServeError};
use thiserror::Error;

use crate::{health::HealthError, options::DeclarationError, say, tending::TendingError};

#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The command line asks for help, or can't be understood.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The service declares an option that can't be.
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    #[error(transparent)]
    Certificates(#[from] holdall_certificates::LoadError),
    #[error(transparent)]
    Tending(#[from] TendingError),
    #[error(transparent)]
    Inspect(#[from] StoreError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the bundle's variables of the environment can't be set")]
    Environment(#[from] ThreadsError),
    #[error("unhealthy")]
    Health(#[from] HealthError),
    #[error(
        "this launcher carries no bundle: `holdall bundle` makes one of it and a server or a folder"
    )]
    NoBundle,
    #[error("this program was not bundled yet: `holdall bundle` makes a bundle of it")]
    NotBundled,
    #[error("the entry point is linked, but this executable is the launcher, not the program")]
    NotLinked,
    #[cfg(not(feature = "plugin"))]
    #[error("this launcher is static and can't load a plug-in; bundle again with a dynamic one")]
    NoPlugins,
    #[error("can't open the resources")]
    Resources(#[from] holdall_resources::Error),
    #[error(transparent)]
    Inherit(#[from] InheritError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the service did not start")]
    Start(#[source] BoxError),
    #[cfg(feature = "plugin")]
    #[error(transparent)]
    Plugin(#[from] holdall_plugin::LoadError),
    #[error("can't serve")]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("can't raise the limit on open files")]
    FileLimit(#[source] io::Error),
    #[error(transparent)]
    Nursery(#[from] NurseryError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The system gives no thread, no descriptor, no handler for a signal.
    #[error("can't start to serve")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Memory(#[from] memfd::Error),
    /// The program of an `exec` entry point can't be run.
    #[error("can't run {name:?}{}", exec_hint(.source))]
    Exec { name: String, source: io::Error },
}

impl Failure {
    /// Tells a launcher on its own from a bundle that lost its archive.
    pub fn not_opened(error: BundleError) -> Self {
        match error {
            BundleError::Archive(holdall_archive::Error::NoArchive { .. }) => Failure::NoBundle,
            other => Failure::Bundle(other),
        }
    }

    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Usage(error) if error.use_stderr() => ExitCode::Usage,
            Failure::Usage(_) => ExitCode::Success,
            Failure::Declaration(_) => ExitCode::Configuration,
            Failure::Certificates(error) => certificate_code(&error.fault),
            Failure::Tending(error) => error.exit_code(),
            Failure::Inspect(_) => ExitCode::NoInput,
            Failure::Bundle(error) => error.exit_code(),
            Failure::Signature(error) => error.exit_code(),
            Failure::Environment(_) | Failure::Health(_) => ExitCode::Unavailable,
            Failure::NoBundle | Failure::NotBundled => ExitCode::Configuration,
            Failure::NotLinked => ExitCode::Configuration,
            #[cfg(not(feature = "plugin"))]
            Failure::NoPlugins => ExitCode::Configuration,
            Failure::Resources(_) => ExitCode::Damaged,
            Failure::Inherit(_) => ExitCode::Unavailable,
            Failure::Open(error) => match error.kind() {
                OpenErrorKind::NotPermitted => ExitCode::NoPermission,
                OpenErrorKind::NotASocket => ExitCode::CannotCreate,
                _ => ExitCode::Unavailable,
            },
            Failure::Start(_) => ExitCode::Unavailable,
            #[cfg(feature = "plugin")]
            Failure::Plugin(_) => ExitCode::Unavailable,
            Failure::Serve(_) => ExitCode::Unavailable,
            Failure::Log(_) => ExitCode::Io,
            Failure::FileLimit(_) | Failure::Nursery(_) => ExitCode::Unavailable,
            Failure::Identity(error) if error.is_not_permitted() => ExitCode::NoPermission,
            Failure::Identity(_) | Failure::Sandbox(_) => ExitCode::Configuration,
            Failure::Runtime(_) => ExitCode::Unavailable,
            Failure::Memory(_) => ExitCode::Unavailable,
            Failure::Exec { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => ExitCode::NoPermission,
                _ => ExitCode::Unavailable,
            },
        }
    }

    /// One line with its causes on stderr; help and version as they were asked for.
    pub fn print(&self, program: &str) {
        match self {
            Failure::Usage(error) if error.use_stderr() => {
                say(format_args!("{program}: {} (see {program} --help)", one_line(error)));
            }
            // Nothing can be done if the terminal is gone.
            Failure::Usage(help) => drop(help.print()),
            failure => say(format_args!("{program}: {}", chain(failure))),
        }
    }
}

/// What is wrong and what may be meant, without the usage below it.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_about_it = |line: &&str| !line.starts_with("Usage:") && !line.starts_with("For more");
    let lines: Vec<_> = lines.take_while(is_about_it).collect();
    lines.join(" ").trim_start_matches("error: ").replace(" tip: ", "; ")
}

/// A file that can't be read, or one that is no good.
fn certificate_code(fault: &Fault) -> ExitCode {
    match fault {
        Fault::Unreadable(error) => ExitCode::for_input(error.kind()),
        Fault::Directory | Fault::NotAFile => ExitCode::NoInput,
        _ => ExitCode::Configuration,
    }
}

/// What a kernel's refusal to execute usually means.
fn exec_hint(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOENT) => " (the interpreter or dynamic loader that it asks for is not here)",
        Some(libc::ENOEXEC) => " (it is for another architecture, or no program)",
        Some(libc::EACCES) => " (a policy forbids it: see sysctl vm.memfd_noexec)",
        _ => "",
    }
}
