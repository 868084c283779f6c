//! What a bundle can tell of itself.

use std::{ffi::OsString, io, path::PathBuf};

use holdall_archive::Archive;
use holdall_bundle::{
    Bundle, BundleError, EntryPointKind, ExitCode, InfoFormat, ListFormat, print_verification,
};
use holdall_process::sandbox::{Confinement, Sandbox};

use crate::{failure::Failure, health::HealthUrl, say};

#[derive(Debug)]
pub(crate) enum Question {
    List(ListFormat),
    Info(InfoFormat),
    Cat(String),
    Extract(PathBuf),
    Verify,
    Health(HealthUrl),
}

impl Question {
    /// Answers on stdout.
    pub fn answer(&self, bundle: &Bundle) -> Result<ExitCode, Failure> {
        let mut out = io::stdout().lock();
        match self {
            Question::List(format) => bundle.list(*format, &mut out)?,
            Question::Info(format) => bundle.info(*format, Some(&sandbox(bundle)), &mut out)?,
            Question::Cat(name) => bundle.cat(name, &mut out)?,
            Question::Extract(directory) => {
                let extracted = bundle.extract(directory)?;
                say(format_args!("{} files written to {}", extracted.files, directory.display()));
            }
            Question::Verify => {
                return Ok(print_verification(bundle.archive(), None, &mut out, &mut io::stderr()));
            }
            Question::Health(url) => return ask_health(url),
        }
        Ok(ExitCode::Success)
    }
}

/// Asks a server whether it is well, and says so on stdout.
pub(crate) fn ask_health(url: &HealthUrl) -> Result<ExitCode, Failure> {
    use io::Write;
    let status = url.ask()?;
    // It is well all the same if nobody reads it.
    let _ = writeln!(io::stdout(), "healthy: {status}");
    Ok(ExitCode::Success)
}

/// What this kernel closes the bundle in with, unless it is told not to.
fn sandbox(bundle: &Bundle) -> String {
    match (bundle.manifest().entry_point.kind, Sandbox::available()) {
        (EntryPointKind::Exec, _) => "none: the program replaces the launcher".to_owned(),
        (_, Some(abi)) => Confinement::Landlock { abi }.to_string(),
        (_, None) => Confinement::Unavailable.to_string(),
    }
}

/// Whether `--verify` is all that is asked: it must not depend on what it checks.
pub(crate) fn is_verification(arguments: &[OsString]) -> bool {
    matches!(arguments, [only] if only == "--verify")
}

/// Verifies the running bundle, even one whose manifest is damaged.
pub(crate) fn verify_running() -> Result<ExitCode, Failure> {
    let archive =
        Archive::open_running().map_err(BundleError::from).map_err(Failure::not_opened)?;
    Ok(print_verification(&archive, None, &mut io::stdout().lock(), &mut io::stderr()))
}
