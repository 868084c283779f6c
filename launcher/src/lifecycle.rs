//! A server's life: ready, reload, upgrade, drain, end; what signals and systemd have to say in it.

use std::{future::pending, io, sync::Arc, time::Duration};

use holdall_certificates::Certificates;
use holdall_log::Log;
use holdall_process::{Nursery, Predecessor, notify::Notify};
use holdall_service::{Binding, Ended, Phase, Readiness, Server, Shutdown, Trigger, chain};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Interval, interval},
};

use crate::{
    failure::Failure,
    tending::Tending,
    upgrade::{Sockets, Upgrade, UpgradeError},
};

/// What lives as long as the server.
pub(crate) struct Life {
    pub server: Server,
    pub log: Log,
    pub certificates: Vec<Certificates>,
    pub tending: Arc<Tending>,
    pub readiness: Arc<Readiness>,
    pub notify: Notify,
    pub nursery: Arc<Nursery>,
    pub predecessor: Option<Predecessor>,
    /// What a successor is given.
    pub sockets: Sockets,
    pub upgrade_timeout: Duration,
}

impl Life {
    /// Serves what `bind` gives, until a signal ends it.
    pub async fn run(
        mut self,
        bind: impl FnOnce(&Self, &Shutdown) -> Vec<Binding>,
    ) -> Result<Ended, Failure> {
        // Before anybody is told that it serves: whoever knows may send a signal at once.
        let mut signals = Signals::watch().map_err(Failure::Runtime)?;
        let (trigger, shutdown) = Shutdown::by_hand();
        let bindings = bind(&self, &shutdown);
        let urls: Vec<_> = bindings.iter().map(|binding| binding.listener.url()).collect();
        self.notify.status(&format!("serving on {}", urls.join(", ")));
        let server = self.server.clone();
        let serving = server.serve(bindings, shutdown.clone());
        tokio::pin!(serving);
        let mut watchdog = Watchdog::of(&self.notify);
        let mut upgrade = Upgrade::default();
        self.ready();
        loop {
            tokio::select! {
                ended = &mut serving => return Ok(ended?),
                event = signals.next() => match event {
                    Event::Stop => {
                        self.stop(&trigger, shutdown.phase());
                        upgrade.give_up().await;
                    }
                    Event::Reload => self.reload(),
                    Event::Upgrade if shutdown.phase() == Phase::Running => upgrade.begin(&self),
                    Event::Upgrade => tracing::warn!("no upgrade: this process is about to end"),
                },
                outcome = upgrade.outcome() => self.upgraded(outcome, &trigger),
                () = watchdog.due() => self.notify.watchdog(),
            }
        }
    }

    fn ready(&mut self) {
        self.readiness.clear("starting");
        self.sockets.store(&self.notify);
        self.notify.ready();
        if let Some(predecessor) = self.predecessor.take()
            && let Err(error) = predecessor.ready(&self.nursery)
        {
            tracing::warn!(%error, "the old process was not told that this one serves");
        }
    }

    /// The first time it drains, the second time it ends.
    fn stop(&mut self, trigger: &Trigger, phase: Phase) {
        if phase >= Phase::Draining {
            tracing::info!("told to stop again: ending at once");
            return trigger.end();
        }
        tracing::info!("draining");
        self.notify.status("draining");
        self.readiness.fails("draining");
        self.notify.stopping();
        self.sockets.close();
        self.tending.stop();
        trigger.drain();
    }

    fn reload(&self) {
        self.notify.reloading();
        if let Err(error) = self.log.reopen() {
            tracing::error!(error = chain(&error), "log file not reopened, the old one stays");
        }
        self.certificates.iter().for_each(Certificates::reload);
        self.tending.reload();
        tracing::info!("certificates and log file read again");
        self.notify.ready();
    }

    fn upgraded(&mut self, outcome: Result<u32, UpgradeError>, trigger: &Trigger) {
        match outcome {
            Ok(pid) => {
                tracing::info!(pid, "handed over to the new process");
                self.notify.main_pid(pid);
                self.readiness.fails("handed over");
                self.sockets.leave();
                self.tending.stop();
                trigger.hand_over();
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "not upgraded, serving on");
                self.notify.status(&format!("not upgraded, serving on: {}", chain(&error)));
            }
        }
    }
}

enum Event {
    Stop,
    Reload,
    Upgrade,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.terminate.recv() => Event::Stop,
            _ = self.interrupt.recv() => Event::Stop,
            _ = self.hangup.recv() => Event::Reload,
            _ = self.user.recv() => Event::Upgrade,
        }
    }
}

/// Tells systemd in time that the server is alive.
struct Watchdog(Option<Interval>);

impl Watchdog {
    fn of(notify: &Notify) -> Self {
        Self(notify.watchdog_interval().map(interval))
    }

    async fn due(&mut self) {
        match &mut self.0 {
            Some(interval) => {
                interval.tick().await;
            }
            None => pending().await,
        }
    }
}
