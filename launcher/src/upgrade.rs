//! The upgrade: the file that is now at this path is started with the listening sockets.

use std::{
    future::pending,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use holdall_endpoint::Listener;
use holdall_process::{
    notify::Notify,
    nursery::{Nursery, Outcome},
};
use tokio::task::JoinHandle;

use crate::{failure::Failure, lifecycle::Life};

/// Copies of the listening sockets, each under the name by which a successor knows it.
#[derive(Clone, Default)]
pub(crate) struct Sockets(Arc<Vec<(String, OwnedFd)>>);

impl Sockets {
    pub fn of<'a>(listeners: impl Iterator<Item = &'a Listener>) -> std::io::Result<Self> {
        let copy = |listener: &Listener| {
            let descriptor = listener.descriptor()?;
            Some(descriptor.try_clone_to_owned().map(|copy| (listener.name().to_owned(), copy)))
        };
        Ok(Self(Arc::new(listeners.filter_map(copy).collect::<Result<_, _>>()?)))
    }

    /// Lets systemd keep them, so that a restart refuses nobody.
    pub fn store(&self, notify: &Notify) {
        for (name, socket) in self.0.iter() {
            notify.store(name, socket.as_fd());
        }
    }

    /// Closes them, so that clients are refused once the server has closed its own.
    pub fn close(&mut self) {
        *self = Self::default();
    }
}

/// An upgrade under way, if there is one.
#[derive(Default)]
pub(crate) struct Upgrade(Option<JoinHandle<Result<u32, Failure>>>);

impl Upgrade {
    /// Begins one, unless one is under way.
    pub fn begin(&mut self, life: &Life) {
        if self.0.is_some() {
            return tracing::warn!("an upgrade is under way already");
        }
        tracing::info!("upgrading: starting the file that is now at this path");
        let (nursery, sockets) = (Arc::clone(&life.nursery), life.sockets.clone());
        let timeout = life.upgrade_timeout;
        self.0 = Some(tokio::task::spawn_blocking(move || start(&nursery, &sockets, timeout)));
    }

    /// Waits for its end: the process id of the successor, which serves.
    pub async fn outcome(&mut self) -> Result<u32, Failure> {
        let Some(running) = &mut self.0 else { return pending().await };
        let outcome = running.await;
        self.0 = None;
        outcome.unwrap_or_else(|error| Err(Failure::UpgradeTask(error)))
    }
}

fn start(nursery: &Nursery, sockets: &Sockets, timeout: Duration) -> Result<u32, Failure> {
    let listeners: Vec<_> =
        sockets.0.iter().map(|(name, socket)| (name.as_str(), socket.as_fd())).collect();
    let successor = nursery.spawn(&listeners)?;
    match successor.wait_ready(timeout) {
        Ok(Outcome::Ready) => Ok(successor.pid()),
        Ok(Outcome::Failed(reason)) => Err(Failure::Successor { reason }),
        Err(_) => {
            successor.kill();
            Err(Failure::SuccessorTimeout { timeout })
        }
    }
}
