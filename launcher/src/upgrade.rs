//! The upgrade: the file that is now at this path is started with the listening sockets.

use std::{
    future::pending,
    io,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use holdall_endpoint::{Listener, SocketPath};
use holdall_process::{Nursery, Outcome, SpawnError, notify::Notify};
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
pub(crate) struct Upgrade(Option<JoinHandle<Result<u32, UpgradeError>>>);

impl Upgrade {
    /// Begins one, unless one is under way.
    pub fn begin(&mut self, life: &Life) {
        if self.0.is_some() {
            return tracing::warn!("an upgrade is under way already");
        }
        let nursery = Arc::clone(&life.nursery);
        tracing::info!(path = %nursery.executable().display(), "upgrading");
        let copies = Arc::clone(&life.sockets.copies);
        let timeout = life.upgrade_timeout;
        self.0 = Some(spawn_blocking(move || start(&nursery, &copies, timeout)));
    }

    /// Waits for its end: the process id of the successor, which serves.
    pub async fn outcome(&mut self) -> Result<u32, UpgradeError> {
        let Some(running) = &mut self.0 else { return pending().await };
        let outcome = running.await;
        self.0 = None;
        outcome.unwrap_or_else(|source| Err(UpgradeError::Task { source }))
    }
}

fn start(
    nursery: &Nursery,
    copies: &[(String, OwnedFd)],
    timeout: Duration,
) -> Result<u32, UpgradeError> {
    let listeners: Vec<_> =
        copies.iter().map(|(name, socket)| (name.as_str(), socket.as_fd())).collect();
    let successor = nursery.spawn(&listeners)?;
    let pid = successor.pid();
    match successor.wait_ready(timeout).map_err(|source| UpgradeError::Wait { source })? {
        Some(Outcome::Ready) => Ok(pid),
        Some(Outcome::Failed { reason }) => Err(UpgradeError::Failed { pid, reason }),
        Some(Outcome::Ended) => Err(UpgradeError::Ended { pid }),
        None => {
            // Where the nursery is gone, its children are not ours to end.
            let _ = nursery.kill(&successor);
            Err(UpgradeError::Late { pid, timeout })
        }
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
