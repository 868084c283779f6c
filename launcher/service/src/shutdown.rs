//! When a server stops: on signals, or when told to.

use std::future::pending;
use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How far a server has come on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It accepts connections.
    Running,
    /// Another server accepts in its place; it finishes what it has begun, however long that takes.
    HandingOver,
    /// It accepts nothing new, and finishes what it has begun within the grace period.
    Draining,
    /// It stops at once.
    Ending,
}

/// The receiving end: what a server watches.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<Phase>);

/// The sending end: what stops a server. Dropping it lets the server run for ever.
#[derive(Debug)]
pub struct Trigger(watch::Sender<Phase>);

impl Shutdown {
    /// A shutdown by hand.
    pub fn by_hand() -> (Trigger, Self) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (Trigger(sender), Self(receiver))
    }

    /// A shutdown by SIGTERM or SIGINT: the first drains, the second ends at once.
    ///
    /// # Errors
    /// The system's, when a signal handler can't be set.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn on_signals() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (trigger, shutdown) = Self::by_hand();
        tokio::spawn(async move {
            for phase in [Phase::Draining, Phase::Ending] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                trigger.advance(phase);
            }
        });
        Ok(shutdown)
    }

    /// How far the server has come.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits until the server is to be in this phase or in a later one.
    pub async fn reached(&mut self, phase: Phase) {
        if self.0.wait_for(|now| *now >= phase).await.is_err() {
            pending::<()>().await;
        }
    }
}

impl Trigger {
    /// Stops accepting, as a successor does it now, and lets requests in progress finish.
    pub fn hand_over(&self) {
        self.advance(Phase::HandingOver);
    }

    /// Stops accepting, and lets requests in progress finish.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Stops at once.
    pub fn end(&self) {
        self.advance(Phase::Ending);
    }

    fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let forward = phase > *now;
            if forward {
                *now = phase;
            }
            forward
        });
    }
}
