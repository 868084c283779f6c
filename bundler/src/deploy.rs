//! `holdall deploy`: what others have to be told to run a bundle.

mod error;
mod kubernetes;

pub use error::DeployError;

use crate::cli::{DeployArgs, DeployTarget, KubernetesArgs};
use crate::error::Error;
use crate::output::NewFile;
use crate::shell::Shell;
use holdall_bundle::Bundle;
use std::io::{self, Write};

/// Writes what the target wants to have.
///
/// # Errors
/// Whatever can go wrong; the file that was there before is untouched then.
pub fn run(args: &DeployArgs, shell: &Shell) -> Result<(), Error> {
    match &args.target {
        DeployTarget::Kubernetes(args) => to_kubernetes(args, shell),
    }
}

fn to_kubernetes(args: &KubernetesArgs, shell: &Shell) -> Result<(), Error> {
    let bundle = Bundle::open(&args.file)?;
    let text = kubernetes::manifests(bundle.manifest(), args)?;
    let Some(output) = &args.output else {
        return io::stdout().write_all(text.as_bytes()).map_err(Error::Stdout);
    };
    let new = NewFile::create_document(output)?;
    let written = new.writer()?.write_all(text.as_bytes());
    written.map_err(|source| new.write_error(source))?;
    shell.status("Wrote", new.commit()?.display());
    Ok(())
}
