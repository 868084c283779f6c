//! `holdall run`: development. What is in a directory is packed and run, and again when it changes.
//!
//! This is what happens in production, only sooner: each state of the directory becomes a bundle, which
//! takes the place of the one before and over from it (SIGUSR2). So a service can't tell the difference,
//! every kind of entry point works, and what does not start leaves the old server where it is.

mod draft;
mod notices;
mod server;
mod signals;
mod watch;

use crate::cli::RunArgs;
use crate::error::Error;
use crate::shell::Shell;
use draft::{Changes, Draft};
use holdall_bundle::ExitCode;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use server::{Event, Server};
use signals::Signals;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};
use watch::Watch;

/// Quiet for so long, a change is over: editors rename, `git checkout` writes hundreds of files.
const SETTLE: Duration = Duration::from_millis(50);
/// A change that does not end is looked at all the same.
const SETTLE_LIMIT: Duration = Duration::from_secs(1);

/// Why what was packed can't be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no place for the bundle.
    #[error("can't make a temporary directory (TMPDIR says where)")]
    Temporary(#[source] io::Error),
    /// Something that only the system can give.
    #[error("can't {what}")]
    System {
        /// What.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}

impl RunError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Temporary(source) => match ExitCode::for_output(source.kind()) {
                ExitCode::Io => ExitCode::CannotCreate,
                code => code,
            },
            Self::System { .. } => ExitCode::Unavailable,
        }
    }

    fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

/// Runs what is in a directory, until a signal ends it.
///
/// # Errors
/// What can't be packed or started at first; later it is told, and what runs goes on.
pub fn run(args: RunArgs, shell: &Shell) -> Result<(), Error> {
    let directory = tempfile::Builder::new().prefix("holdall-run-").tempdir();
    let directory = directory.map_err(RunError::Temporary)?;
    let is_live = !args.no_reload;
    let (args, arguments) = args.into_bundle_args(directory.path().join("bundle"));
    let mut draft = Draft::new(args, directory.path(), shell)?;
    let mut watch = Watch::new()?;
    let signals = Signals::watch()?;
    // What changes from here on is seen.
    watch.renew(&draft.watched())?;
    draft.first(shell)?;
    let mut server = Server::new(draft.file(), directory.path(), arguments, is_live)?;
    server.start(draft.kind())?;
    shell.status("Watching", draft.root().display());
    let dev = Loop { draft, watch, signals, server, due: None, changed: None, shell };
    dev.run()
}

/// All that goes on.
struct Loop<'a> {
    draft: Draft,
    watch: Watch,
    signals: Signals,
    server: Server,
    /// When to look what has changed.
    due: Option<Due>,
    /// What the server that is being started is for.
    changed: Option<(Changes, Instant)>,
    shell: &'a Shell,
}

/// A change that may go on.
#[derive(Clone, Copy)]
struct Due {
    since: Instant,
    at: Instant,
}

impl Loop<'_> {
    fn run(mut self) -> Result<(), Error> {
        loop {
            self.wait()?;
            if self.signals.take() {
                return self.stop();
            }
            for event in self.server.events()? {
                self.tell(event)?;
            }
            if self.watch.drain() {
                self.put_off();
            }
            let is_due = self.due.is_some_and(|due| due.at <= Instant::now());
            if is_due && !self.server.is_busy() {
                self.look()?;
            }
        }
    }

    /// Waits for whatever comes first.
    fn wait(&self) -> Result<(), RunError> {
        let mut descriptors: Vec<PollFd> =
            self.descriptors().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let look = self.due.map(|due| due.at).filter(|_| !self.server.is_busy());
        let time = look.into_iter().chain(self.server.deadline()).min().map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() }
        });
        match poll(&mut descriptors, time.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(RunError::system("wait")(errno.into())),
        }
    }

    fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let own = [self.watch.descriptor(), self.signals.descriptor()];
        own.into_iter().chain(self.server.descriptors())
    }

    fn put_off(&mut self) {
        let now = Instant::now();
        let since = self.due.map_or(now, |due| due.since);
        self.due = Some(Due { since, at: (now + SETTLE).min(since + SETTLE_LIMIT) });
    }

    /// Packs and starts again, if there is a reason.
    fn look(&mut self) -> Result<(), Error> {
        let since = self.due.take().map_or_else(Instant::now, |due| due.since);
        self.watch.renew(&self.draft.watched())?;
        match self.draft.renew(self.shell) {
            Ok(None) => {}
            Ok(Some(changes)) => {
                self.changed = Some((changes, since));
                self.server.replace(self.draft.kind())?;
                if !self.server.is_busy() {
                    self.tell(Event::Up)?;
                }
                // A manifest may say that other directories count.
                self.watch.renew(&self.draft.watched())?;
            }
            Err(error) if draft::is_at_work(&error) => self.put_off(),
            Err(error) => self.shell.error(&error),
        }
        Ok(())
    }

    fn tell(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Serves(at) => self.shell.status("Serving", at),
            Event::Up => {
                if let Some((changes, since)) = self.changed.take() {
                    let time = since.elapsed().as_millis();
                    self.shell.status("Reloaded", format_args!("{changes}, {time} ms"));
                }
            }
            // The server has said why.
            Event::Refused => self.changed = None,
            Event::NeverUp(code) => return Err(Error::Reported(code)),
            Event::Ended(how) => self.shell.warn(format_args!(
                "{} ended with {how}; it is started again when something changes",
                self.draft.name()
            )),
        }
        Ok(())
    }

    fn stop(mut self) -> Result<(), Error> {
        let signals = self.signals;
        Ok(self.server.stop(|| signals.take())?)
    }
}
