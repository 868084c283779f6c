//! The accept loop of one listener, and its drain.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::connection::Connections;
use crate::{BoxService, Phase};

/// Accepts until the server drains, then waits for the connections; returns how many were cut.
pub(crate) async fn run(
    listener: TcpListener,
    service: BoxService,
    connections: Arc<Connections>,
) -> usize {
    let mut shutdown = connections.shutdown();
    let mut open = JoinSet::new();
    let mut failures = Failures::default();
    loop {
        tokio::select! {
            biased;
            () = shutdown.reached(Phase::Draining) => break,
            Some(_) = open.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    failures.count = 0;
                    open.spawn(Arc::clone(&connections).serve(stream, service.clone()));
                }
                Err(error) => failures.pause(&error, &connections).await,
            },
        }
    }
    // Closed first: from here on clients are refused, and may go to another server.
    drop(listener);
    drain(open, &connections).await
}

async fn drain(mut open: JoinSet<()>, connections: &Connections) -> usize {
    let mut shutdown = connections.shutdown();
    let limit = sleep(connections.drain_timeout);
    tokio::pin!(limit);
    loop {
        tokio::select! {
            ended = open.join_next() => if ended.is_none() { return 0 },
            () = &mut limit => return open.len(),
            () = shutdown.reached(Phase::Ending) => return open.len(),
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
    async fn pause(&mut self, error: &io::Error, connections: &Connections) {
        if is_of_one_connection(error) {
            return;
        }
        if self.reported.is_none_or(|reported| reported.elapsed() > REPORT_INTERVAL) {
            connections.report(&format!("can't accept connections, trying again: {error}"));
            self.reported = Some(Instant::now());
        }
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
