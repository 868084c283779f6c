//! What a server gives up before the service's own code runs: its user, and the file system.

use std::{env, path::PathBuf};

use holdall_certificates::Certificates;
use holdall_process::{
    identity::Identity,
    sandbox::{Confinement, Sandbox},
};

use crate::{
    failure::Failure,
    options::{Lifecycle, Options},
    tending::Ready,
};

/// Directories that systemd makes for the service, each with the paths in a variable of its name
/// (systemd.exec(5)).
const READABLE: [&str; 2] = ["CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY"];
const WRITABLE: [&str; 4] =
    ["RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY"];

/// Becomes the user and the group that were asked for, if any were.
pub(crate) fn become_user(lifecycle: &Lifecycle) -> Result<(), Failure> {
    let (user, group) = (lifecycle.user.as_deref(), lifecycle.group.as_deref());
    if user.is_some() || group.is_some() {
        Identity::find(user, group)?.assume()?;
    }
    Ok(())
}

/// Closes the process in, unless it is told not to: from here on it opens its own file, its
/// certificates, what they are got with, and what it was allowed.
pub(crate) fn close_in(
    options: &Options,
    certificates: &[Certificates],
    tended: &Ready,
) -> Result<(), Failure> {
    let Some(allowed) = &options.sandbox else {
        tracing::info!("not confined: the service may open what its user may");
        return Ok(());
    };
    let certificates = certificates.iter().flat_map(Certificates::paths);
    let readable = tended.readable().into_iter().chain(allowed.readable.iter().cloned());
    let read: Vec<_> = certificates.chain(readable).chain(of_systemd(&READABLE)).collect();
    let logs = options.logs.directory().into_iter();
    let writable = tended.writable().chain(allowed.writable.iter().cloned());
    let write: Vec<_> = logs.chain(writable).chain(of_systemd(&WRITABLE)).collect();
    let (readable, writable) = (shown(&read), shown(&write));
    match (Sandbox { read, write }).close()? {
        Confinement::Unavailable => tracing::warn!(
            "not confined: this kernel has no Landlock, the service may open what its user may"
        ),
        confinement => tracing::info!(readable, writable, "confined by {confinement}"),
    }
    Ok(())
}

fn of_systemd(variables: &[&str]) -> impl Iterator<Item = PathBuf> {
    let values = variables.iter().filter_map(env::var_os);
    let paths = values.flat_map(|value| env::split_paths(&value).collect::<Vec<_>>());
    paths.filter(|path| path.is_absolute())
}

/// The paths in one line, if there are any.
fn shown(paths: &[PathBuf]) -> Option<String> {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    (!paths.is_empty()).then(|| paths.join(" "))
}
