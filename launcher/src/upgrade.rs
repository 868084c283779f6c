//! The upgrade: the file that is now at this path is started with the listening sockets.

use std::{
    future::pending,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use holdall_endpoint::{Listener, SocketPath};
use holdall_process::{Nursery, Outcome, SpawnError, Successor, notify::Notify};
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::lifecycle::Life;

/// Copies of the listening sockets, each under the name by which a successor knows it, and the
/// paths of those that have one.
#[derive(Default)]
pub(crate) struct Sockets {
    copies: Arc<Vec<(String, OwnedFd)>>,
    paths: Vec<SocketPath>,
}

impl Sockets {
    pub fn of<'a>(listeners: impl Iterator<Item = &'a mut Listener>) -> io::Result<Self> {
        let (mut copies, mut paths) = (Vec::new(), Vec::new());
        for listener in listeners {
            if let Some(descriptor) = listener.descriptor() {
                copies.push((listener.name().to_owned(), descriptor.try_clone_to_owned()?));
            }
            paths.extend(listener.take_path());
        }
        Ok(Self { copies: Arc::new(copies), paths })
    }

    /// Lets systemd keep them, so that a restart refuses nobody.
    pub fn store(&self, notify: &Notify) {
        for (name, socket) in self.copies.iter() {
            notify.store(name, socket.as_fd());
        }
    }

    /// Closes them and removes the paths, so that clients are refused once the server has closed
    /// its own.
    pub fn close(&mut self) {
        *self = Self::default();
    }

    /// Leaves them to the successor.
    pub fn leave(&mut self) {
        self.paths.drain(..).for_each(SocketPath::leave);
        self.close();
    }
}

/// An upgrade under way, if there is one.
#[derive(Default)]
pub(crate) struct Upgrade(Option<Running>);

struct Running {
    outcome: JoinHandle<Result<u32, UpgradeError>>,
    attempt: Arc<Attempt>,
}

impl Upgrade {
    /// Begins one, unless one is under way.
    pub fn begin(&mut self, life: &Life) {
        if self.0.is_some() {
            return tracing::warn!("an upgrade is under way already");
        }
        tracing::info!(path = %life.nursery.executable().display(), "upgrading");
        let attempt =
            Arc::new(Attempt { nursery: Arc::clone(&life.nursery), state: Mutex::default() });
        let copies = Arc::clone(&life.sockets.copies);
        let timeout = life.upgrade_timeout;
        let working = Arc::clone(&attempt);
        let outcome = spawn_blocking(move || working.run(&copies, timeout));
        self.0 = Some(Running { outcome, attempt });
    }

    /// Waits for its end: the process id of the successor, which serves.
    pub async fn outcome(&mut self) -> Result<u32, UpgradeError> {
        let Some(running) = &mut self.0 else { return pending().await };
        let outcome = (&mut running.outcome).await;
        self.0 = None;
        outcome.unwrap_or_else(|source| Err(UpgradeError::Task { source }))
    }

    /// Gives it up, as the service is to end: the successor must not live on.
    pub async fn give_up(&mut self) {
        let Some(running) = &self.0 else { return };
        running.attempt.give_up();
        // It may just have begun to serve, and is then asked to end like this process.
        let pid = self.outcome().await.ok().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid
            && let Err(error) = kill_process(pid, Signal::TERM)
        {
            tracing::error!(%pid, %error, "the new process can't be stopped");
        }
    }
}

/// One start of a successor: one thread waits for it, another may give it up.
struct Attempt {
    nursery: Arc<Nursery>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_given_up: bool,
    /// From its start until it serves or has failed.
    successor: Option<Arc<Successor>>,
}

impl Attempt {
    fn run(&self, copies: &[(String, OwnedFd)], timeout: Duration) -> Result<u32, UpgradeError> {
        let listeners: Vec<_> =
            copies.iter().map(|(name, socket)| (name.as_str(), socket.as_fd())).collect();
        let successor = Arc::new(self.nursery.spawn(&listeners)?);
        let pid = successor.pid();
        self.begun(Arc::clone(&successor));
        let outcome = successor.wait_ready(timeout);
        self.state().successor = None;
        match outcome.map_err(|source| UpgradeError::Wait { source })? {
            Some(Outcome::Ready) => Ok(pid),
            Some(Outcome::Failed { reason }) => Err(UpgradeError::Failed { pid, reason }),
            Some(Outcome::Ended) => Err(UpgradeError::Ended { pid }),
            None => {
                self.kill(&successor);
                Err(UpgradeError::Late { pid, timeout })
            }
        }
    }

    fn begun(&self, successor: Arc<Successor>) {
        let mut state = self.state();
        if state.is_given_up {
            self.kill(&successor);
        }
        state.successor = Some(successor);
    }

    fn give_up(&self) {
        let mut state = self.state();
        state.is_given_up = true;
        state.successor.iter().for_each(|successor| self.kill(successor));
    }

    fn kill(&self, successor: &Successor) {
        // Where the nursery is gone, its children are not ours to end.
        let _ = self.nursery.kill(successor);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why there is no successor; the server serves on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    #[error("the new process can't be started")]
    Spawn(#[from] SpawnError),
    #[error("the new process {pid} did not start: {reason}")]
    Failed { pid: u32, reason: String },
    #[error("the new process {pid} ended before it served")]
    Ended { pid: u32 },
    #[error("the new process {pid} did not serve within {timeout:?}, and was stopped")]
    Late { pid: u32, timeout: Duration },
    #[error("can't wait for the new process")]
    Wait { source: io::Error },
    #[error("can't wait for the new process")]
    Task { source: JoinError },
}
