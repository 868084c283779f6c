//! The side of the server that has a hook run: a question to the nursery, and how the hook ended.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::Nursery;
use super::call::Call;
use super::message::{Ending, MAX_ENDING, Reply, Request};

/// How long a hook may run where nothing else is wanted.
pub const HOOK_LIMIT: Duration = Duration::from_secs(120);

/// A hook did not do what it was to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// What can't be passed on as it is.
    #[error(
        "{argument:?} can't be passed to a hook; wanted a path and at most 16 arguments, \
         each of at most 1024 bytes without control characters"
    )]
    BadArgument {
        /// The argument, or the path.
        argument: String,
    },
    /// No program but those that were named at the start is ever run.
    #[error(
        "the hook {path:?} was not named when this service or container was started; start it again"
    )]
    Unknown {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The file is missing, or may not be executed, or is a script that does not say of what.
    #[error(
        "the hook {path:?} can't be executed; it must be there, with the right to be executed, \
         and begin with #! and an interpreter if it is a script"
    )]
    Execute {
        /// The path of the hook.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The hook has ended, with another exit code than 0 or by a signal.
    #[error("the hook {path:?} has failed with {status}; its standard error may say why")]
    Failed {
        /// The path of the hook.
        path: PathBuf,
        /// The exit code or the signal.
        status: ExitStatus,
    },
    /// The hook was killed, with all processes of its group.
    #[error("the hook {path:?} was killed because it was not done after {limit:?}")]
    TimedOut {
        /// The path of the hook.
        path: PathBuf,
        /// How long it could run.
        limit: Duration,
    },
    /// The nursery was killed. What became of a hook that ran is not known.
    #[error("the process that runs hooks has ended; restart the service")]
    Gone {
        /// What the kernel said.
        source: io::Error,
    },
    /// There are too many processes, open files, or hooks that run.
    #[error("no process can be started for a hook")]
    Refused {
        /// What the kernel said.
        source: io::Error,
    },
}

impl Nursery {
    /// Runs one of the hooks that were named at the [start](Self::start), and waits for its end.
    ///
    /// It is executed as `HOOK ARGUMENT...` without a shell, with the rights, the directory and the
    /// environment that this service was started with: not as the user that the server became, and
    /// not in its sandbox. Its standard input is empty, its output goes to our standard error. When
    /// the limit is over, its process group is killed; [`HOOK_LIMIT`] is a good one.
    ///
    /// This blocks the calling thread only: other hooks, and upgrades, go on.
    ///
    /// # Errors
    /// [`HookError`]
    pub fn run_hook(
        &self,
        hook: &Path,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<(), HookError> {
        let request = Request::Hook(Call::new(hook, arguments, limit)?);
        let gone = |source| HookError::Gone { source };
        let errno = io::Error::from_raw_os_error;
        let path = hook.to_owned();
        match self.ask(&request).map_err(gone)? {
            (Reply::Running, Some(pipe)) => match read_ending(pipe).map_err(gone)? {
                Ending::Ended(status) => result_of(path, status),
                Ending::Late => Err(HookError::TimedOut { path, limit }),
            },
            (Reply::Unknown, _) => Err(HookError::Unknown { path }),
            (Reply::NotExecuted(number), _) => {
                Err(HookError::Execute { path, source: errno(number) })
            }
            (Reply::Refused(number), _) => Err(HookError::Refused { source: errno(number) }),
            _ => Err(gone(io::ErrorKind::InvalidData.into())),
        }
    }
}

/// Waits until the nursery has written how the hook ended, or is gone itself.
fn read_ending(pipe: OwnedFd) -> io::Result<Ending> {
    let mut text = String::new();
    File::from(pipe).take(MAX_ENDING).read_to_string(&mut text)?;
    if text.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ending::parse(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// `status` is one of wait(2).
fn result_of(path: PathBuf, status: i32) -> Result<(), HookError> {
    let status = ExitStatus::from_raw(status);
    if status.success() { Ok(()) } else { Err(HookError::Failed { path, status }) }
}
