//! `holdall set`: new defaults for a bundle that is there, without building it again.

use crate::cli::SetArgs;
use crate::error::Error;
use crate::rewrite::{Change, rewrite};
use crate::shell::Shell;
use holdall_bundle::{Bundle, BundleError, ExitCode, Manifest, signatures};

/// What can't be set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// Nothing is to be changed.
    #[error("nothing to set: give --arg, --env, --name or another (see holdall set --help)")]
    Nothing,
    /// No variable.
    #[error("--env {given:?} is no NAME=VALUE")]
    Variable {
        /// What was given.
        given: String,
    },
    /// A variable to take away that is not there.
    #[error("--no-env {name}: the bundle sets {}", listed(.known))]
    NoVariable {
        /// What was given.
        name: String,
        /// What is there.
        known: Vec<String>,
    },
}

impl SetError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::Usage
    }
}

/// Makes a bundle with other defaults.
///
/// # Errors
/// Whatever can go wrong; the file that was there before is untouched then.
pub fn run(args: &SetArgs, shell: &Shell) -> Result<(), Error> {
    let bundle = Bundle::open(&args.file)?;
    let manifest = changed(bundle.manifest(), args)?;
    if manifest == *bundle.manifest() {
        return Err(SetError::Nothing.into());
    }
    let output = args.output.as_ref().unwrap_or(&args.file);
    let (output, new) = rewrite(&bundle, &Change::Manifest(Box::new(manifest)), output)?;
    shell.status("Wrote", output.display());
    for signature in signatures(new.archive()).map_err(Error::Bundle)? {
        shell.warn(format_args!("{} {}", output.display(), signature.claim()));
    }
    Ok(())
}

fn changed(manifest: &Manifest, args: &SetArgs) -> Result<Manifest, Error> {
    let mut new = manifest.clone();
    if args.no_args || !args.args.is_empty() {
        new.arguments.clone_from(&args.args);
    }
    for name in &args.no_env {
        if new.environment.remove(name).is_none() {
            let known = manifest.environment.keys().cloned().collect();
            return Err(SetError::NoVariable { name: name.clone(), known }.into());
        }
    }
    for given in &args.env {
        let pair = given.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = pair.ok_or_else(|| SetError::Variable { given: given.clone() })?;
        new.environment.insert(name.to_owned(), value.to_owned());
    }
    if let Some(name) = &args.name {
        new.name.clone_from(name);
    }
    if let Some(version) = &args.bundle_version {
        new.version.clone_from(version);
    }
    if let Some(description) = &args.description {
        new.about.description = Some(description.clone()).filter(|text| !text.is_empty());
    }
    let wrong = |source| BundleError::Manifest { path: args.file.clone(), source };
    new.check().map_err(wrong)?;
    Ok(new)
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "no variables".to_owned() } else { known.join(", ") }
}
