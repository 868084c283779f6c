//! What the tests need of the machine, and what they say where it is not there.
//!
//! Nothing is skipped in silence: a program that is missing fails the test that wants it, and a
//! test that only the superuser can run says so on the terminal.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Run;

/// A program of the system, ready to be given arguments.
///
/// # Panics
/// If it is not installed: `tests/install-tools` knows its package.
pub fn tool(name: &str) -> Run {
    Run::new(path(name))
}

/// Where a program of the system is.
///
/// # Panics
/// If it is not installed: `tests/install-tools` knows its package.
pub fn path(name: &str) -> PathBuf {
    let places = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian keeps setcap and its like, which the PATH of an ordinary user lacks.
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut places = std::env::split_paths(&places).chain(more).map(|place| place.join(name));
    places
        .find(|place| place.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: run tests/install-tools"))
}

/// Whether the tests run as the superuser.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether the superuser runs the test; says on standard error that it was not run otherwise,
/// and why it has to be the superuser.
pub fn root_for(reason: &str) -> bool {
    if !is_root() {
        not_run(&format!("only root {reason}"));
    }
    is_root()
}

/// Says on standard error that a test was not run, and why.
pub fn not_run(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not by eprintln!, which the test harness hides where a test succeeds.
    let _ = writeln!(std::io::stderr(), "\nNOT RUN: {test}: {reason}");
}

/// A shell script in a mount namespace of its own, as root there; it ends at the first error.
/// `arguments` are its `$1`, `$2` and so on.
pub fn in_mount_namespace<S: AsRef<OsStr>>(
    script: &str,
    arguments: impl IntoIterator<Item = S>,
) -> Run {
    let run = tool("unshare").arg("--mount");
    let run = if is_root() { run } else { run.arg("--map-root-user") };
    run.args(["sh", "-euc", script, "sh"]).args(arguments)
}

/// A program that is run by a user who has no name, no group and no privilege.
///
/// # Panics
/// If the test is not run by root: see [`root_for`].
pub fn as_nobody(program: &Path) -> Run {
    assert!(is_root(), "only root can be somebody else");
    let identity = ["--reuid=12345", "--regid=12345", "--clear-groups", "--"];
    tool("setpriv").args(identity).arg(program)
}
