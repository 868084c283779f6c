//! The new file: nameless while it is written, checked, and only then put in its place.
//!
//! It is made with `O_TMPFILE` (open(2)) on the file system of its target, so that whatever ends
//! this process leaves nothing behind, and the old file stays until the new one takes its name.
//! Where the file system can't do that, it has a hidden name beside the target meanwhile.

use holdall_archive::Archive;
use holdall_bundle::{Bundle, BundleError, EntryPointKind, ExitCode, first_damage};
use rustix::fs::{self as at, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempPath;

/// What every bundle may take for its own verification, and what each 50 MB of it adds.
const VERIFY_LIMIT: Duration = Duration::from_secs(30);
const VERIFY_LIMIT_BYTES_PER_SECOND: u64 = 50 << 20;

/// Why the new file did not take its place; the old one is untouched.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// It can't be created.
    #[error("can't create {}", path.display())]
    Create {
        /// The target.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something that is no file is in its place.
    #[error("can't replace {}: it is not a regular file", path.display())]
    NotAFile {
        /// The target.
        path: PathBuf,
    },
    /// It can't be written to its end.
    #[error("can't write {}", path.display())]
    Write {
        /// The target.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What was written is not what it should be.
    #[error("the new {} is not right, so it was thrown away", path.display())]
    Damaged {
        /// The target.
        path: PathBuf,
        /// The first damage.
        source: BundleError,
    },
    /// The new file, when it was run, does not find itself right.
    #[error("the new {} fails its own --verify with {status}, so it was thrown away{}", path.display(), said(.message))]
    Refused {
        /// The target.
        path: PathBuf,
        /// How it ended.
        status: String,
        /// What it said.
        message: String,
    },
}

impl OutputError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Create { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => ExitCode::NoPermission,
                _ => ExitCode::CannotCreate,
            },
            Self::NotAFile { .. } => ExitCode::CannotCreate,
            Self::Write { source, .. } => ExitCode::for_output(source.kind()),
            Self::Damaged { .. } | Self::Refused { .. } => ExitCode::Internal,
        }
    }
}

/// A file that is being made.
#[derive(Debug)]
pub struct NewFile {
    target: PathBuf,
    directory: PathBuf,
    file: File,
    /// Its name meanwhile, where it must have one.
    name: Option<TempPath>,
}

impl NewFile {
    /// Begins the file that will be `target`, executable by all whom the umask does not exclude.
    ///
    /// # Errors
    /// [`OutputError::Create`] and [`OutputError::NotAFile`].
    pub fn create(target: &Path) -> Result<Self, OutputError> {
        Self::with_mode(target, 0o755)
    }

    /// Begins the file that will be `target`, which is no program.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_document(target: &Path) -> Result<Self, OutputError> {
        Self::with_mode(target, 0o644)
    }

    fn with_mode(target: &Path, mode: u32) -> Result<Self, OutputError> {
        let fail = |source| OutputError::Create { path: target.to_owned(), source };
        let target = match target.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => target.canonicalize().map_err(fail)?,
            Ok(metadata) if !metadata.is_file() => {
                return Err(OutputError::NotAFile { path: target.to_owned() });
            }
            _ => target.to_owned(),
        };
        let directory = crate::plan::parent(&target);
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match at::open(&directory, flags, Mode::from_raw_mode(mode)) {
            Ok(file) => Ok(Self { target, directory, file: file.into(), name: None }),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                Self::create_named(target, directory, mode).map_err(fail)
            }
            Err(errno) => Err(fail(errno.into())),
        }
    }

    /// For file systems without nameless files.
    fn create_named(target: PathBuf, directory: PathBuf, mode: u32) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let (file, name) = tempfile::Builder::new()
            .prefix(".holdall-")
            .suffix(".tmp")
            .permissions(std::fs::Permissions::from_mode(mode))
            .tempfile_in(&directory)?
            .into_parts();
        Ok(Self { target, directory, file, name: Some(name) })
    }

    /// The file that will be replaced, or made.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// A second descriptor to write through.
    ///
    /// # Errors
    /// [`OutputError::Write`].
    pub fn writer(&self) -> Result<File, OutputError> {
        self.file.try_clone().map_err(|source| self.write_error(source))
    }

    /// Brings the file to the disk and opens it as the bundle that it must be now.
    ///
    /// # Errors
    /// [`OutputError::Write`] and [`OutputError::Damaged`].
    pub fn close(self) -> Result<ClosedFile, OutputError> {
        self.file.sync_all().map_err(|source| self.write_error(source))?;
        // Opened again, read-only: a file that is open for writing can't be run.
        let reopened = File::open(descriptor_path(&self.file));
        let file = reopened.map_err(|source| self.write_error(source))?;
        let clone = file.try_clone().map_err(|source| self.write_error(source))?;
        let bundle = Archive::from_file(clone, self.target.clone())
            .map_err(BundleError::from)
            .and_then(Bundle::from_archive);
        match bundle {
            Ok(bundle) => Ok(ClosedFile { new: Self { file, ..self }, bundle }),
            Err(source) => Err(OutputError::Damaged { path: self.target, source }),
        }
    }

    /// Brings the file to the disk and gives it its name; from here on the old one is gone.
    ///
    /// # Errors
    /// [`OutputError::Write`] and [`OutputError::Create`].
    pub fn commit(self) -> Result<PathBuf, OutputError> {
        self.file.sync_all().map_err(|source| self.write_error(source))?;
        self.take_place()
    }

    fn take_place(self) -> Result<PathBuf, OutputError> {
        let Self { target, directory, file, name } = self;
        let fail = |source| OutputError::Create { path: target.clone(), source };
        match name {
            Some(name) => name.persist(&target).map_err(|error| fail(error.error))?,
            None => link(&file, &target, &directory).map_err(fail)?,
        }
        let directory = File::open(&directory).and_then(|directory| directory.sync_all());
        directory.map_err(fail)?;
        Ok(target)
    }

    /// What to make of a failure to write through [`writer`](Self::writer).
    pub fn write_error(&self, source: io::Error) -> OutputError {
        OutputError::Write { path: self.target.clone(), source }
    }
}

/// A new file that is complete, and still has to prove itself.
#[derive(Debug)]
pub struct ClosedFile {
    new: NewFile,
    bundle: Bundle,
}

/// What came of running the new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnVerdict {
    /// It finds itself right.
    Right,
    /// It could not be run here, or does not know the option; the reason.
    Unknown(String),
}

impl ClosedFile {
    /// The bundle in it.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Checks every byte, in this process.
    ///
    /// # Errors
    /// [`OutputError::Damaged`] with the first damage.
    pub fn check(&self) -> Result<(), OutputError> {
        match first_damage(self.bundle.archive()) {
            Ok(None) => Ok(()),
            Ok(Some(source)) | Err(source) => {
                Err(OutputError::Damaged { path: self.new.target.clone(), source })
            }
        }
    }

    /// Runs the file with `--verify`, with a time limit.
    ///
    /// # Errors
    /// [`OutputError::Refused`]. A linked program has a command line of its own: one that does not
    /// know the option is not refused for it.
    pub fn run(&self) -> Result<OwnVerdict, OutputError> {
        let path = format!("/proc/{}/fd/{}", std::process::id(), self.new.file.as_raw_fd());
        let child = Command::new(path)
            .arg("--verify")
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let ended = match child {
            Ok(child) => wait(child, self.time_limit()),
            Err(error) => return Ok(OwnVerdict::Unknown(error.to_string())),
        };
        let Ended { status, stdout, stderr } =
            ended.map_err(|source| self.new.write_error(source))?;
        let is_right = status == "exit status: 0" && stdout.contains(": ok, ");
        if is_right {
            return Ok(OwnVerdict::Right);
        }
        if self.bundle.manifest().entry_point.kind == EntryPointKind::Linked {
            return Ok(OwnVerdict::Unknown(format!("--verify ends with {status}")));
        }
        let message = stderr.lines().next().unwrap_or_default().to_owned();
        Err(OutputError::Refused { path: self.new.target.clone(), status, message })
    }

    fn time_limit(&self) -> Duration {
        let seconds = self.bundle.archive().file_len() / VERIFY_LIMIT_BYTES_PER_SECOND;
        VERIFY_LIMIT + Duration::from_secs(seconds)
    }

    /// Gives the file its name; from here on the old one is gone.
    ///
    /// # Errors
    /// [`OutputError::Create`].
    pub fn commit(self) -> Result<(PathBuf, Bundle), OutputError> {
        Ok((self.new.take_place()?, self.bundle))
    }
}

/// Gives a nameless file the name `target`, in place of the file that has it.
fn link(file: &File, target: &Path, directory: &Path) -> io::Result<()> {
    let source = descriptor_path(file);
    let link = |to: &Path| at::linkat(CWD, &source, CWD, to, AtFlags::SYMLINK_FOLLOW);
    match link(target) {
        Err(Errno::EXIST) => {}
        other => return Ok(other?),
    }
    // A link never replaces a file, but a rename does.
    let hidden = tempfile::Builder::new()
        .prefix(".holdall-")
        .suffix(".tmp")
        .make_in(directory, |path| Ok(link(path)?))?;
    hidden.into_temp_path().persist(target).map_err(|error| error.error)
}

/// A path that leads to an open file, with or without a name (proc(5), `/proc/self/fd`).
fn descriptor_path(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// What a process said until it ended.
struct Ended {
    status: String,
    stdout: String,
    stderr: String,
}

/// Waits for `child`, and ends it when the time is over.
fn wait(mut child: Child, limit: Duration) -> io::Result<Ended> {
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let start = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status.to_string(),
            None if start.elapsed() > limit => {
                child.kill()?;
                child.wait()?;
                break format!("no answer in {} s", limit.as_secs());
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let text = |thread: std::thread::JoinHandle<String>| thread.join().unwrap_or_default();
    Ok(Ended { status, stdout: text(stdout), stderr: text(stderr) })
}

/// Reads a pipe beside the waiting, so that the process never blocks on it; only a little is kept.
fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut start = Vec::new();
        if let Some(mut pipe) = pipe {
            // What can't be read was not said.
            let _ = pipe.by_ref().take(4096).read_to_end(&mut start);
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        String::from_utf8_lossy(&start).into_owned()
    })
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn nothing_is_seen_until_a_file_is_linked() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        std::fs::write(&target, "old").unwrap();
        let new = NewFile::create(&target).unwrap();
        new.writer().unwrap().write_all(b"new").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(std::fs::read(&target).unwrap(), b"old");
        link(&new.file, &target, &new.directory).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_named_file_vanishes_when_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let new =
            NewFile::create_named(dir.path().join("out"), dir.path().to_owned(), 0o644).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(new);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_bundle_is_thrown_away() {
        let dir = tempfile::tempdir().unwrap();
        let new = NewFile::create(&dir.path().join("out")).unwrap();
        new.writer().unwrap().write_all(b"no bundle").unwrap();
        assert!(matches!(new.close(), Err(OutputError::Damaged { .. })));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn devices_and_missing_directories_are_refused() {
        assert!(matches!(
            NewFile::create(Path::new("/dev/null")),
            Err(OutputError::NotAFile { .. })
        ));
        let error = NewFile::create(Path::new("/nowhere/out")).unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::CannotCreate);
    }

    #[test]
    fn a_process_that_does_not_end_is_ended() {
        let mut command = Command::new("sleep");
        let child = command.arg("60").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let ended = wait(child.unwrap(), Duration::from_millis(50)).unwrap();
        assert_eq!(ended.status, "no answer in 0 s");
    }
}
