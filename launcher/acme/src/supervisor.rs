//! Starts the engine again when it dies or hangs: certificates must not run out for a mistake.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::engine::{Command, Engine};
use crate::shared::Shared;

/// What the supervisor is told.
pub(crate) enum Event {
    Command(Command),
    /// The engine of this number has ended.
    Ended {
        number: u32,
        panicked: bool,
    },
}

/// Has one engine at work.
pub(crate) struct Supervisor {
    pub engine: Engine,
    pub shared: Arc<Shared>,
    pub events: Receiver<Event>,
    /// For engines to tell that they end.
    pub sender: Sender<Event>,
    pub patience: Patience,
}

/// How long an engine is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// How often is looked.
    pub look: Duration,
    /// Silence that means that it hangs; it beats every 30 seconds.
    pub silence: Duration,
    /// Before the next one.
    pub restart: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            look: Duration::from_secs(60),
            silence: Duration::from_secs(300),
            restart: Duration::from_secs(1),
        }
    }
}

/// As long as it may take to stop: no network is waited for.
const STOP: Duration = Duration::from_secs(5);

impl Supervisor {
    pub fn run(mut self) {
        let mut number = 0;
        let mut commands = self.start(number);
        loop {
            let what = match self.events.recv_timeout(self.patience.look) {
                Ok(Event::Command(Command::Stop)) | Err(RecvTimeoutError::Disconnected) => {
                    return self.stop(number, commands);
                }
                Ok(Event::Command(command)) => {
                    // One that has ended is replaced soon, and looks at all anyway.
                    let _ = commands.send(command);
                    continue;
                }
                Ok(Event::Ended { number: ended, .. }) if ended != number => continue,
                Ok(Event::Ended { panicked: false, .. }) => return,
                Ok(Event::Ended { .. }) => "has panicked",
                Err(RecvTimeoutError::Timeout) if self.shared.silence() > self.patience.silence => {
                    "hangs"
                }
                Err(RecvTimeoutError::Timeout) => continue,
            };
            tracing::error!("what looks after certificates {what}, starting it again");
            self.shared.restarted();
            thread::sleep(self.patience.restart);
            number += 1;
            commands = self.start(number);
        }
    }

    /// Starts an engine on a thread of its own, as one that hangs can't be ended.
    fn start(&mut self, number: u32) -> UnboundedSender<Command> {
        let (commands, received) = unbounded_channel();
        let (engine, sender) = (self.engine.clone(), self.sender.clone());
        self.shared.beat();
        let run = move || {
            let work = || -> io::Result<()> {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                LocalSet::new().block_on(&runtime, engine.run(received));
                // A hook that is still at work must not hold up the end.
                runtime.shutdown_background();
                Ok(())
            };
            let ended = catch_unwind(AssertUnwindSafe(work));
            let panicked = !matches!(ended, Ok(Ok(())));
            let _ = sender.send(Event::Ended { number, panicked });
        };
        let spawned = thread::Builder::new().name("acme".to_owned()).spawn(run);
        if let Err(error) = spawned {
            tracing::error!(%error, "certificates are not looked after");
            let _ = self.sender.send(Event::Ended { number, panicked: true });
        }
        commands
    }

    fn stop(&self, number: u32, commands: UnboundedSender<Command>) {
        let _ = commands.send(Command::Stop);
        while let Ok(event) = self.events.recv_timeout(STOP) {
            if matches!(event, Event::Ended { number: ended, .. } if ended == number) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
