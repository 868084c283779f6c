//! The nursery: a small process that keeps what a server gives up, for the next one and for hooks.
//!
//! How it works is in the documentation of the crate, under Upgrades and Hooks.

mod call;
mod hook;
mod hooks;
mod keeper;
mod launch;
mod message;
mod program;
mod successor;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use hook::{HOOK_LIMIT, HookError};
use hooks::Hooks;
use keeper::{Keeper, Role};
use message::{MAX_DESCRIPTORS, Reply, Request};
use program::Program;
pub(crate) use successor::READY_LINE;
pub use successor::{Outcome, Successor};

use crate::system::{self, Side, Signals};
use crate::threads::ThreadsError;
use crate::{fdname, handed};

/// The server's end of the socket to its nursery.
#[derive(Debug)]
pub struct Nursery {
    /// A question and its answer belong together.
    socket: Mutex<OwnedFd>,
    executable: PathBuf,
}

/// There is no nursery.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NurseryError {
    /// A copy of a process with several threads would lack all but one.
    #[error("the process for upgrades can't be started")]
    Threads {
        /// What is wrong.
        #[from]
        source: ThreadsError,
    },
    /// There is no `/proc`, for example.
    #[error("the path of this executable can't be found by /proc/self/exe")]
    Executable {
        /// What the kernel said.
        source: io::Error,
    },
    /// There are too many processes or open files.
    #[error("the process for upgrades can't be started")]
    System {
        /// What the kernel said.
        source: io::Error,
    },
}

/// A successor was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// A name that sd_listen_fds(3) does not allow.
    #[error("{name:?} can't name a socket; wanted 1 to 255 printable ASCII characters without ':'")]
    BadName {
        /// The name.
        name: String,
    },
    /// The file can't be executed: it is missing, or no executable, or it is still being written.
    #[error("{path:?} can't be executed; put the new executable there with one rename")]
    Execute {
        /// The path at which this executable was started.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// There are too many processes or open files.
    #[error("no process can be started")]
    Refused {
        /// What the kernel said.
        source: io::Error,
    },
    /// The nursery was killed. The server can serve on, but must be restarted to be upgraded.
    #[error("the process for upgrades has ended; restart the service instead")]
    Gone {
        /// What the kernel said.
        source: io::Error,
    },
}

impl Nursery {
    /// Splits the process in two, and returns in the one that is to be the server.
    ///
    /// To be called by the only thread, when the [`Predecessor`](crate::Predecessor) was taken and
    /// the sockets are open, and before anything is given up. In the nursery all descriptors but
    /// the standard streams are closed, and destructors do not run.
    ///
    /// `hooks` are all programs that [`run_hook`](Self::run_hook) can ever run. A successor under
    /// PID 1 gets the nursery of the first server, and with it the hooks that were named then.
    ///
    /// # Errors
    /// [`NurseryError`]; the process is then as it was.
    pub fn start(hooks: Vec<PathBuf>) -> Result<Self, NurseryError> {
        let program = Program::of_process();
        let program = program.map_err(|source| NurseryError::Executable { source })?;
        let executable = program.path().to_owned();
        let socket = match handed::take(handed::NURSERY) {
            Some(socket) => socket,
            None => split(program, Hooks::new(hooks))?,
        };
        Ok(Self { socket: Mutex::new(socket), executable })
    }

    /// The path at which this executable was started, and its successors will be.
    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// Starts the file that is now at [`executable`](Self::executable), with these sockets.
    ///
    /// It returns as soon as the file is executed, which takes milliseconds; how the start goes on
    /// is told by the [`Successor`].
    ///
    /// # Errors
    /// [`SpawnError`]; this server is not touched by any.
    pub fn spawn(&self, listeners: &[(&str, BorrowedFd<'_>)]) -> Result<Successor, SpawnError> {
        if let Some((name, _)) = listeners.iter().find(|(name, _)| !fdname::is_valid(name)) {
            return Err(SpawnError::BadName { name: (*name).to_owned() });
        }
        let gone = |source| SpawnError::Gone { source };
        let errno = io::Error::from_raw_os_error;
        let (reply, pipe) = self.ask_for_successor(listeners).map_err(gone)?;
        match (reply, pipe) {
            (Reply::Spawned(pid), Some(pipe)) => Ok(Successor::new(pid, pipe)),
            (Reply::NotExecuted(number), _) => {
                Err(SpawnError::Execute { path: self.executable.clone(), source: errno(number) })
            }
            (Reply::Refused(number), _) => Err(SpawnError::Refused { source: errno(number) }),
            _ => Err(gone(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Kills a successor, as one that does not get ready. Another user's process can't be killed
    /// by a server that dropped its privileges, so the nursery does it.
    ///
    /// # Errors
    /// What the kernel says where the nursery is gone. That the successor has ended is none.
    pub fn kill(&self, successor: &Successor) -> io::Result<()> {
        message::send(&*self.lock(), &Request::Kill(successor.process()).to_text(), &[])
    }

    pub(crate) fn report_up(&self) -> io::Result<()> {
        message::send(&*self.lock(), &Request::Up.to_text(), &[])
    }

    fn ask_for_successor(
        &self,
        listeners: &[(&str, BorrowedFd<'_>)],
    ) -> io::Result<(Reply, Option<OwnedFd>)> {
        let socket = self.lock();
        for some in listeners.chunks(MAX_DESCRIPTORS) {
            let names = some.iter().map(|(name, _)| (*name).to_owned()).collect();
            let descriptors: Vec<_> = some.iter().map(|(_, listener)| *listener).collect();
            message::send(&*socket, &Request::Offer(names).to_text(), &descriptors)?;
        }
        exchange(&socket, &Request::Spawn)
    }

    fn ask(&self, request: &Request) -> io::Result<(Reply, Option<OwnedFd>)> {
        exchange(&self.lock(), request)
    }

    fn lock(&self) -> MutexGuard<'_, OwnedFd> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks, and waits for the answer and the descriptor that may come with it.
fn exchange(socket: &OwnedFd, request: &Request) -> io::Result<(Reply, Option<OwnedFd>)> {
    message::send(socket, &request.to_text(), &[])?;
    let received = message::receive(socket)?;
    let (text, descriptors) = received.ok_or(io::ErrorKind::UnexpectedEof)?;
    let reply = Reply::parse(&text).ok_or(io::ErrorKind::InvalidData)?;
    Ok((reply, descriptors.into_iter().next()))
}

/// Forks, and returns in the server, with its end of the socket.
fn split(program: Program, hooks: Hooks) -> Result<OwnedFd, NurseryError> {
    let system = |source| NurseryError::System { source };
    let own = rustix::process::getpid();
    let role = if own.is_init() { Role::Init } else { Role::Beside };
    let (socket, keepers_end) = program::socket_pair().map_err(system)?;
    // Before the fork, so that none is lost in between.
    let signals = Signals::block(&keeper::SIGNALS).map_err(system)?;
    let forked = system::fork();
    match (&forked, role) {
        (Ok(Ok(Side::Child)), Role::Beside) => {
            Keeper::take_over(role, program, hooks, signals, own, keepers_end)
        }
        (Ok(Ok(Side::Parent { child })), Role::Init) => {
            Keeper::take_over(role, program, hooks, signals, *child, keepers_end)
        }
        _ => signals.unblock(),
    }
    forked?.map_err(system)?;
    Ok(socket)
}
