//! The accept loop of one listener: it takes connections, cuts the late ones, and drains.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{interval, sleep};

use crate::activity::Activity;
use crate::arrival::Gate;
use crate::connection::{self, Shared};
use crate::metrics::{Cut, Rejection};
use crate::stream::Socket;
use crate::{BoxService, Phase, Shutdown};

/// A listener and what its connections get.
pub(crate) struct Door {
    pub(crate) listener: Listening,
    pub(crate) gate: Arc<Gate>,
    pub(crate) service: BoxService,
    pub(crate) shared: Arc<Shared>,
    /// One permit for each connection of the server; closed never.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) grace_period: Duration,
}

/// A socket that accepts.
pub(crate) enum Listening {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Listening {
    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, client)| Socket::Tcp(stream, client))
            }
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Socket::Unix(stream)),
        }
    }
}

/// Accepts until the server leaves, then waits for the connections; returns how many were cut.
pub(crate) async fn run(door: Door, mut shutdown: Shutdown) -> usize {
    let mut open = Open::new(Arc::clone(&door.shared), door.gate.proxy_timeout());
    let mut failures = Failures::default();
    let mut check = interval(door.shared.limits.check_interval());
    // Accepted, but there is no room for it yet.
    let mut waiting = None;
    loop {
        tokio::select! {
            biased;
            () = shutdown.reached(Phase::HandingOver) => break,
            Some(ended) = open.tasks.join_next_with_id() => open.forget(ended),
            _ = check.tick(), if !open.is_empty() => {
                open.cut_late();
                if waiting.is_some() {
                    open.cut_idlest();
                }
            }
            Ok(permit) = Arc::clone(&door.room).acquire_owned(), if waiting.is_some() => {
                if let Some(socket) = waiting.take() {
                    open.serve(&door, socket, Some(permit), shutdown.clone());
                }
            }
            accepted = door.listener.accept(), if waiting.is_none() => match accepted {
                Ok(socket) => {
                    failures.count = 0;
                    match Arc::clone(&door.room).try_acquire_owned() {
                        Ok(permit) => open.serve(&door, socket, Some(permit), shutdown.clone()),
                        Err(_) => {
                            waiting = Some(socket);
                            open.cut_idlest();
                        }
                    }
                }
                Err(error) => failures.pause(&error, &mut open).await,
            },
        }
    }
    if let Some(socket) = waiting {
        // Nobody else can answer it any more, whether there is room or not.
        let permit = Arc::clone(&door.room).try_acquire_owned().ok();
        open.serve(&door, socket, permit, shutdown.clone());
    }
    door.shared.is_leaving.store(true, Relaxed);
    let grace_period = door.grace_period;
    // Closed first: from here on clients are refused, and may go to another server.
    drop(door);
    open.drain(grace_period, shutdown).await
}

/// How long a connection stays idle, while the server leaves, before it is closed: a request that
/// is on its way shall not be lost.
const LINGER: Duration = Duration::from_millis(250);

/// The same where a successor serves already, so that nobody waits for this server to end.
const LINGER_AFTER_HANDOVER: Duration = Duration::from_secs(5);

/// How long requests in progress may go on after the successor took over.
const HANDOVER_LIMIT: Duration = Duration::from_secs(3_600);

/// A connection that was idle for less is about to be used, and makes no room for others.
const LEAST_IDLE: Duration = Duration::from_millis(100);

const DRAIN_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The connections of one listener.
struct Open {
    shared: Arc<Shared>,
    proxy_timeout: Duration,
    tasks: JoinSet<()>,
    activities: HashMap<Id, (AbortHandle, Arc<Activity>)>,
}

impl Open {
    fn new(shared: Arc<Shared>, proxy_timeout: Duration) -> Self {
        Self { shared, proxy_timeout, tasks: JoinSet::new(), activities: HashMap::new() }
    }

    fn is_empty(&self) -> bool {
        self.activities.is_empty()
    }

    fn serve(
        &mut self,
        door: &Door,
        socket: Socket,
        permit: Option<OwnedSemaphorePermit>,
        shutdown: Shutdown,
    ) {
        let activity = Arc::new(Activity::new());
        let served = connection::serve(
            Arc::clone(&self.shared),
            Arc::clone(&door.gate),
            door.service.clone(),
            socket,
            Arc::clone(&activity),
            shutdown,
        );
        let task = self.tasks.spawn(async move {
            served.await;
            drop(permit);
        });
        self.activities.insert(task.id(), (task, activity));
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.activities.remove(&id);
    }

    /// Cuts the connections that are late with something.
    fn cut_late(&self) {
        for (task, activity) in self.activities.values() {
            if let Some(late) = activity.overdue(&self.shared.limits, self.proxy_timeout) {
                task.abort();
                self.shared.metrics.cut(late);
                if late != Cut::Idle {
                    tracing::debug!(?late, "connection cut");
                }
            }
        }
    }

    /// Ends the connection that was idle longest, so that another finds room.
    fn cut_idlest(&self) {
        let idle = |(task, activity): &(AbortHandle, Arc<Activity>)| {
            let idle = activity.idle().filter(|idle| *idle >= LEAST_IDLE)?;
            Some((idle, task.clone()))
        };
        let idlest = self.activities.values().filter_map(idle).max_by_key(|(idle, _)| *idle);
        if let Some((_, task)) = idlest {
            task.abort();
            self.shared.metrics.rejected(Rejection::Limit);
        }
    }

    fn cut_idle(&self, linger: Duration) {
        for (task, activity) in self.activities.values() {
            if activity.idle().is_some_and(|idle| idle >= linger) {
                task.abort();
            }
        }
    }

    /// How many connections have a request under way.
    fn busy(&self) -> usize {
        self.activities.values().filter(|(_, activity)| activity.idle().is_none()).count()
    }

    /// Waits for the connections to end; returns how many it cut.
    async fn drain(mut self, grace_period: Duration, mut shutdown: Shutdown) -> usize {
        let mut check = interval(DRAIN_CHECK_INTERVAL);
        let mut leaving_since = Instant::now();
        let mut phase = Phase::HandingOver;
        loop {
            let ending = shutdown.reached(Phase::Ending);
            tokio::select! {
                ended = self.tasks.join_next_with_id() => match ended {
                    Some(ended) => self.forget(ended),
                    None => return 0,
                },
                () = ending => return self.busy(),
                _ = check.tick() => {}
            }
            if phase < shutdown.phase() {
                phase = shutdown.phase();
                leaving_since = Instant::now();
            }
            let (linger, limit) = match phase {
                Phase::Running | Phase::HandingOver => (LINGER_AFTER_HANDOVER, HANDOVER_LIMIT),
                Phase::Draining | Phase::Ending => (LINGER, grace_period),
            };
            if leaving_since.elapsed() >= limit {
                return self.busy();
            }
            self.cut_late();
            self.cut_idle(linger);
        }
    }
}

/// How often failures to accept are reported at most.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Failures to accept.
#[derive(Default)]
struct Failures {
    /// How many came one after the other.
    count: u32,
    reported: Option<Instant>,
}

impl Failures {
    /// Waits before the next try where an immediate one would fail as well.
    async fn pause(&mut self, error: &io::Error, open: &mut Open) {
        if is_of_one_connection(error) {
            return;
        }
        if self.reported.is_none_or(|reported| reported.elapsed() > REPORT_INTERVAL) {
            tracing::warn!(%error, "can't accept connections, trying again");
            self.reported = Some(Instant::now());
        }
        // Where descriptors or memory are used up, this gives some back.
        open.cut_idlest();
        // 10, 20, 40 ... 640 ms: descriptors come back when other connections end.
        sleep(Duration::from_millis(10 << self.count.min(6))).await;
        self.count += 1;
    }
}

/// Whether the failure is that of a client which went away before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
