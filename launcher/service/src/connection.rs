//! One connection: from its arrival to its last answer.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::access_log::AccessLog;
use crate::activity::{Activity, Stage};
use crate::addresses::{Addresses, Place};
use crate::arrival::{Arrived, Gate, Refused};
use crate::metrics::{Metrics, OpenConnection, Rejection, State};
use crate::request_id::RequestId;
use crate::stream::{Socket, Stream, Watched};
use crate::streams::Streams;
use crate::{BoxService, Limits, Peer, Phase, Server, Shutdown, chain, exchange};

/// What all connections of a server have in common.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) access_log: Option<AccessLog>,
    /// Whether clients shall come back on another connection.
    pub(crate) is_leaving: AtomicBool,
    http1: http1::Builder,
    addresses: Addresses,
    connections: AtomicU64,
}

/// What all requests of a connection have in common.
pub(crate) struct Connection {
    pub(crate) shared: Arc<Shared>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) peer: Arc<Peer>,
    /// Whether its requests are counted and written down.
    pub(crate) is_public: bool,
    number: u64,
    begun: Instant,
    _place: Option<Place>,
}

impl Shared {
    pub(crate) fn new(server: &Server) -> Self {
        let limits = server.limits.clone();
        let mut http1 = http1::Builder::new();
        // The limits on time are those of `Activity`, which has no timer for each request.
        http1.header_read_timeout(None);
        // A client may close its sending side after the request, as socat does, and still listens.
        http1.half_close(true).max_header_size(limits.header_bytes);
        Self {
            addresses: Addresses::new(limits.connections_per_address),
            limits,
            metrics: Arc::clone(&server.metrics),
            access_log: server.access_log.clone(),
            is_leaving: AtomicBool::new(false),
            http1,
            connections: AtomicU64::new(0),
        }
    }

    fn http2(&self, streams: Streams) -> http2::Builder<Streams> {
        let mut http2 = http2::Builder::new(streams);
        http2.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
        let header_bytes = u32::try_from(self.limits.header_bytes);
        http2.max_header_list_size(header_bytes.unwrap_or(u32::MAX));
        http2
    }
}

/// The most requests at one time on an HTTP/2 connection; RFC 9113, section 6.5.2, asks for at
/// least 100.
const MAX_STREAMS: u32 = 200;

/// Takes a socket through the gate and serves it to its end. What fails on it is the client's
/// affair, as hyper has answered what can be answered.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    service: BoxService,
    socket: Socket,
    activity: Arc<Activity>,
    shutdown: Shutdown,
) {
    let counted = shared.metrics.connection_begins();
    // Of a future, only the part that is at work is to take memory.
    let arrived = match Box::pin(gate.pass(socket, &activity)).await {
        Ok(Some(arrived)) => arrived,
        Ok(None) | Err(Refused::Silent) => return,
        Err(refused) => return tracing::debug!(error = chain(&refused), "connection refused"),
    };
    let client = arrived.peer.client.map(|client| client.ip());
    let Some(place) = place(&shared, client) else { return };
    let Arrived { stream, peer, protocol } = arrived;
    let connection = Connection::new(shared, activity, peer, place, gate.is_public);
    connection.speak(stream, protocol, service, shutdown, counted).await;
}

/// Serves standard input and output as one HTTP/1.1 connection.
pub(crate) async fn serve_stdio(shared: Arc<Shared>, service: BoxService, shutdown: Shutdown) {
    let activity = Arc::new(Activity::new());
    let stream = Stream::Stdio(tokio::io::join(tokio::io::stdin(), tokio::io::stdout()));
    let counted = shared.metrics.connection_begins();
    let connection = Connection::new(shared, activity, Peer::default(), None, true);
    connection.speak(stream, Stage::Http1, service, shutdown, counted).await;
}

/// A place among the connections of an address; `None` where it has its share already.
fn place(shared: &Shared, client: Option<IpAddr>) -> Option<Option<Place>> {
    let Some(client) = client else { return Some(None) };
    let place = shared.addresses.take(client);
    if place.is_none() {
        shared.metrics.rejected(Rejection::PerAddress);
        tracing::debug!(%client, "connection refused: too many from this address");
    }
    place.map(Some)
}

impl Connection {
    fn new(
        shared: Arc<Shared>,
        activity: Arc<Activity>,
        peer: Peer,
        place: Option<Place>,
        is_public: bool,
    ) -> Arc<Self> {
        let number = shared.connections.fetch_add(1, Relaxed);
        let (peer, begun) = (Arc::new(peer), Instant::now());
        let _place = place;
        Arc::new(Self { shared, activity, peer, is_public, number, begun, _place })
    }

    /// The id of a request that came at this moment.
    pub(crate) fn request_id(&self, moment: Instant) -> RequestId {
        let moment = moment.saturating_duration_since(self.begun).as_nanos();
        RequestId::Ours { connection: self.number, moment: moment as u64 }
    }

    async fn speak(
        self: Arc<Self>,
        stream: Stream,
        protocol: Stage,
        service: BoxService,
        shutdown: Shutdown,
        mut counted: OpenConnection,
    ) {
        self.activity.enter(protocol);
        match protocol {
            Stage::Http2 => {
                counted.enters(State::Http2);
                Box::pin(self.speak_http2(stream, service, shutdown)).await;
            }
            _ => {
                counted.enters(State::Http1);
                Box::pin(self.speak_http1(stream, service)).await;
            }
        }
    }

    async fn speak_http1(self: Arc<Self>, stream: Stream, service: BoxService) {
        let shared = Arc::clone(&self.shared);
        let io = Watched { stream, activity: Arc::clone(&self.activity) };
        let answering = service_fn(move |request| exchange::answer(&self, &service, request));
        let connection = shared.http1.serve_connection(TokioIo::new(io), answering);
        let _ = connection.with_upgrades().await;
    }

    async fn speak_http2(
        self: Arc<Self>,
        stream: Stream,
        service: BoxService,
        mut shutdown: Shutdown,
    ) {
        let shared = Arc::clone(&self.shared);
        let io = Watched { stream, activity: Arc::clone(&self.activity) };
        let answering = service_fn(move |request| exchange::answer(&self, &service, request));
        let streams = Streams::default();
        let builder = shared.http2(streams.clone());
        let mut connection = pin!(builder.serve_connection(TokioIo::new(io), answering));
        tokio::select! {
            _ = poll_fn(|context| streams.poll(connection.as_mut(), context)) => return,
            () = shutdown.reached(Phase::HandingOver) => connection.as_mut().graceful_shutdown(),
        }
        let _ = poll_fn(|context| streams.poll(connection.as_mut(), context)).await;
    }
}
