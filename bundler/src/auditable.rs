//! The list of Rust dependencies that an executable carries in its section `.dep-v0`: made for what
//! cargo builds, and read again for a bill of materials.
//!
//! The format is that of cargo-auditable (JSON, compressed by zlib), so every tool that knows it can
//! read it. It is added to what cargo has built, behind everything that runs, so that it costs no
//! other build. `build.rs` does the same for the launchers, with the files [`section`] and [`tree`].

pub mod read;
pub mod section;
pub mod tree;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why an executable is left without a list; the work goes on.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Cargo can't tell what was built upon.
    #[error("cargo tree fails{}", said(.message))]
    Cargo {
        /// Its own words.
        message: String,
    },
    /// A file can't be read or written.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file has no table of sections.
    #[error("{} has no table of sections", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
    },
}

/// A copy of `built` that carries its list of dependencies, in a directory beside it; `built` itself
/// if it has one. `command` makes a `cargo tree` of the package, with what chooses features and
/// target.
///
/// # Errors
/// [`ListError`].
pub fn with_list(built: &Path, command: &dyn Fn() -> Command) -> Result<PathBuf, ListError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| ListError::File { path, source }
    };
    let elf = std::fs::read(built).map_err(fail(built))?;
    if section::is_in(&elf) {
        return Ok(built.to_owned());
    }
    let [all, runtime] = tree::EDGES.map(|edges| run(command().args(edges)));
    let list = section::compress(&tree::list(&all?, &runtime?)).map_err(fail(built))?;
    let no_table = || ListError::NoTable { path: built.to_owned() };
    let elf = section::append(&elf, &list).ok_or_else(no_table)?;
    let name = built.file_name().unwrap_or_default();
    let copy = built.with_file_name(".bundled").join(name);
    write(&copy, &elf).map_err(fail(&copy))?;
    Ok(copy)
}

/// Writes an executable in one step: another bundler may read it at this moment.
fn write(path: &Path, elf: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let directory = path.parent().unwrap_or(path);
    std::fs::create_dir_all(directory)?;
    let mode = std::fs::Permissions::from_mode(0o755);
    let mut file = tempfile::Builder::new().permissions(mode).tempfile_in(directory)?;
    file.write_all(elf)?;
    file.persist(path)?;
    Ok(())
}

fn run(command: &mut Command) -> Result<String, ListError> {
    let fail = |message: String| ListError::Cargo { message };
    let output = command.stdin(Stdio::null()).output().map_err(|error| fail(error.to_string()))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(fail(message.lines().next().unwrap_or_default().to_owned()));
    }
    String::from_utf8(output.stdout).map_err(|error| fail(error.to_string()))
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
