//! A directory of a test's own, and the bundles that are made in it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Run, programs};

/// A new directory, which is removed at the end.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// A new empty directory, which every user may enter.
    pub fn new() -> Self {
        let directory = TempDir::with_prefix("holdall-test-").expect("a temporary directory");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), mode).expect("a directory of ours");
        Self { directory }
    }

    /// The directory itself.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// A path in the directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir().join(name)
    }

    /// Writes a file, and makes the directories that it lies in.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file in the directory")).expect("directories");
        write(&path, content.as_ref());
        path
    }

    /// Writes a file that can be executed.
    pub fn write_program(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(name, content);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of ours");
        path
    }

    /// The names in a directory of it, sorted.
    pub fn names(&self, directory: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.path(directory)).expect("a directory");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("an entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    /// The bundler, run in the directory.
    pub fn holdall(&self) -> Run {
        Run::new(programs::holdall()).current_dir(self.dir())
    }

    /// `holdall bundle` with the output `output` in the directory, still without its inputs.
    pub fn bundler(&self, output: &str) -> Run {
        self.holdall().args(["bundle", "--output", output])
    }

    /// Packs the directory `input` of it, with more `arguments`, into the file `output`.
    pub fn bundle(&self, input: &str, output: &str, arguments: &[&str]) -> PathBuf {
        self.bundler(output).arg(input).args(arguments).ok();
        self.path(output)
    }
}

/// Writes a file; waits for its end where it is a program that still runs, as the helpers of a
/// server may that was killed.
fn write(path: &Path, content: &[u8]) {
    let start = Instant::now();
    while let Err(error) = fs::write(path, content) {
        let is_busy = error.kind() == ErrorKind::ExecutableFileBusy;
        let may_end = is_busy && start.elapsed() < Duration::from_secs(10);
        assert!(may_end, "{}: {error}", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}
