//! What the server counts, and how Prometheus reads it.
//!
//! The names are those of OpenTelemetry's semantic conventions for HTTP where these have one, and
//! begin with `holdall_` where not. Counting is a few relaxed atomic additions and never waits.

mod challenges;
mod page;
mod requests;
mod tended;

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use rustix::process::{Resource, getrlimit};

pub(crate) use challenges::{Challenge, Proof};

use challenges::Challenges;
use page::{Kind, Page};
use requests::Requests;

use crate::Tended;

/// The counters of a server, shared by all that counts.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use holdall_service::{BuildInfo, Extra, Metrics};
/// use http::{Method, StatusCode};
///
/// let metrics = Arc::new(Metrics::new());
/// metrics.request_begins();
/// metrics.request_ends(&Method::GET, StatusCode::OK, Duration::from_millis(3), 0, 5);
///
/// let build = BuildInfo { name: "hello".into(), version: "1.0".into() };
/// let page = metrics.render(&Extra { build: &build, certificates: &[], tended: None });
/// assert!(page.contains("http_server_response_body_bytes_total 5\n"));
/// ```
#[derive(Debug)]
pub struct Metrics {
    requests: Requests,
    accepted: AtomicU64,
    open: [AtomicU64; State::NAMES.len()],
    rejected: [AtomicU64; Rejection::NAMES.len()],
    cut: [AtomicU64; Cut::NAMES.len()],
    handshakes: [AtomicU64; Handshake::NAMES.len()],
    handshakes_open: AtomicU64,
    challenges: Challenges,
    started: SystemTime,
    /// `/proc/self/fd`, opened while that was still allowed.
    descriptors: Option<File>,
}

/// What only the caller of [`Metrics::render`] knows.
#[derive(Debug, Clone, Copy)]
pub struct Extra<'a> {
    /// What is running.
    pub build: &'a BuildInfo,
    /// The names that each certificate is for, and the end of its validity.
    pub certificates: &'a [(Vec<String>, SystemTime)],
    /// Where names stand whose certificates the server gets itself.
    pub tended: Option<&'a Tended>,
}

/// What is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInfo {
    /// The name of the service.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What an open connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// PROXY header, TLS, and which HTTP it is.
    Opening,
    /// It speaks HTTP/1.1 (or 1.0).
    Http1,
    /// It speaks HTTP/2.
    Http2,
}

impl State {
    const NAMES: [&str; 3] = ["opening", "http1", "http2"];
}

/// Why a connection was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// There are as many connections as there may be.
    Limit,
    /// The client's address has as many connections as one may have.
    PerAddress,
}

impl Rejection {
    const NAMES: [&str; 2] = ["limit", "per_address"];
}

/// What a client was too slow with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The first byte.
    FirstByte,
    /// The PROXY header.
    ProxyHeader,
    /// The TLS handshake.
    Handshake,
    /// The head of a request.
    Head,
    /// The next request.
    Idle,
    /// Taking an answer.
    Send,
}

impl Cut {
    const NAMES: [&str; 6] = ["first_byte", "proxy_header", "handshake", "head", "idle", "send"];
}

/// How a TLS handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// With a new session.
    Done,
    /// With a session that the client had.
    Resumed,
    /// With an alert, an error, or the end of the connection.
    Failed,
    /// It took too long.
    TimedOut,
    /// There is no certificate for the name that the client asked for.
    UnknownName,
}

impl Handshake {
    const NAMES: [&str; 5] = ["done", "resumed", "failed", "timed_out", "unknown_name"];
}

impl Metrics {
    /// All counters at zero; the process started now.
    pub fn new() -> Self {
        Self {
            requests: Requests::default(),
            accepted: AtomicU64::default(),
            open: Default::default(),
            rejected: Default::default(),
            cut: Default::default(),
            handshakes: Default::default(),
            handshakes_open: AtomicU64::default(),
            challenges: Challenges::default(),
            started: SystemTime::now(),
            descriptors: File::open("/proc/self/fd").ok(),
        }
    }

    /// A request came; [`request_ends`](Self::request_ends) must follow.
    pub fn request_begins(&self) {
        self.requests.begins();
    }

    /// A request that began has ended, however it did. `received` and `sent` are the bytes of the
    /// bodies.
    pub fn request_ends(
        &self,
        method: &Method,
        status: StatusCode,
        duration: Duration,
        received: u64,
        sent: u64,
    ) {
        self.requests.ends(method, status, duration, received, sent);
    }

    /// A connection was accepted; it is open while the guard lives.
    pub fn connection_begins(self: &Arc<Self>) -> OpenConnection {
        self.accepted.fetch_add(1, Relaxed);
        self.open[State::Opening as usize].fetch_add(1, Relaxed);
        OpenConnection { metrics: Arc::clone(self), state: State::Opening }
    }

    /// A connection was turned away.
    pub fn rejected(&self, why: Rejection) {
        self.rejected[why as usize].fetch_add(1, Relaxed);
    }

    /// A connection was ended because its client was too slow.
    pub fn cut(&self, why: Cut) {
        self.cut[why as usize].fetch_add(1, Relaxed);
    }

    /// A TLS handshake begins; one whose watch is dropped was given up, as too slow.
    pub fn handshake_begins(&self) -> HandshakeWatch<'_> {
        self.handshakes_open.fetch_add(1, Relaxed);
        HandshakeWatch { metrics: self, outcome: Handshake::TimedOut }
    }

    /// An authority asked for a proof.
    pub(crate) fn challenge(&self, challenge: Challenge, proof: Proof) {
        self.challenges.count(challenge, proof);
    }

    /// All of it in Prometheus' text format 0.0.4.
    pub fn render(&self, extra: &Extra<'_>) -> String {
        let mut page = Page::default();
        self.requests.render(&mut page);
        self.render_connections(&mut page);
        self.challenges.render(&mut page);
        render_certificates(extra.certificates, &mut page);
        extra.tended.into_iter().for_each(|tended| tended::render(tended, &mut page));
        let labels = [("name", &*extra.build.name), ("version", &*extra.build.version)];
        page.family("holdall_build_info", Kind::Gauge, "What is running.").sample(&labels, 1);
        self.render_process(&mut page);
        page.into_text()
    }

    fn render_connections(&self, page: &mut Page) {
        let (name, help) = ("holdall_connections_accepted_total", "Connections accepted.");
        page.family(name, Kind::Counter, help).sample(&[], self.accepted.load(Relaxed));
        let (name, help) = ("holdall_connections_open", "Open connections, by what they do.");
        let family = page.family(name, Kind::Gauge, help);
        family.samples("state", &State::NAMES, &self.open);
        let (name, help) = ("holdall_connections_refused_total", "Connections not served, by why.");
        let family = page.family(name, Kind::Counter, help);
        family.samples("reason", &Rejection::NAMES, &self.rejected);
        let (name, help) = ("holdall_connections_cut_total", "Connections too slow, by what with.");
        page.family(name, Kind::Counter, help).samples("reason", &Cut::NAMES, &self.cut);
        let (name, help) = ("holdall_tls_handshakes_total", "TLS handshakes, by how they ended.");
        let family = page.family(name, Kind::Counter, help);
        family.samples("outcome", &Handshake::NAMES, &self.handshakes);
        let (name, help) = ("holdall_tls_handshakes_open", "TLS handshakes under way.");
        page.family(name, Kind::Gauge, help).sample(&[], self.handshakes_open.load(Relaxed));
    }

    fn render_process(&self, page: &mut Page) {
        let (name, help) = ("process_start_time_seconds", "When the process started, Unix time.");
        page.family(name, Kind::Gauge, help).sample(&[], unix_seconds(self.started));
        if let Some(count) = self.descriptors_open() {
            let help = "Open file descriptors.";
            page.family("process_open_fds", Kind::Gauge, help).sample(&[], count);
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            let help = "The most file descriptors that can be open.";
            page.family("process_max_fds", Kind::Gauge, help).sample(&[], most);
        }
    }

    /// The size of the directory of descriptors is their number, since Linux 6.2.
    fn descriptors_open(&self) -> Option<u64> {
        let status = self.descriptors.as_ref()?.metadata().ok()?;
        Some(status.len()).filter(|count| *count > 0)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts a connection as open while it lives.
#[derive(Debug)]
pub struct OpenConnection {
    metrics: Arc<Metrics>,
    state: State,
}

impl OpenConnection {
    /// The connection does something else from now on.
    pub fn enters(&mut self, state: State) {
        self.metrics.open[state as usize].fetch_add(1, Relaxed);
        self.metrics.open[self.state as usize].fetch_sub(1, Relaxed);
        self.state = state;
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.metrics.open[self.state as usize].fetch_sub(1, Relaxed);
    }
}

/// A TLS handshake under way.
#[derive(Debug)]
pub struct HandshakeWatch<'a> {
    metrics: &'a Metrics,
    outcome: Handshake,
}

impl HandshakeWatch<'_> {
    /// The handshake is over.
    pub fn ends(mut self, outcome: Handshake) {
        self.outcome = outcome;
    }
}

impl Drop for HandshakeWatch<'_> {
    fn drop(&mut self) {
        self.metrics.handshakes_open.fetch_sub(1, Relaxed);
        self.metrics.handshakes[self.outcome as usize].fetch_add(1, Relaxed);
    }
}

/// The earliest end for each name, as a name may have several certificates.
fn render_certificates(certificates: &[(Vec<String>, SystemTime)], page: &mut Page) {
    let mut ends = BTreeMap::<&str, SystemTime>::new();
    for (names, end) in certificates {
        for name in names {
            ends.entry(name).and_modify(|known| *known = (*known).min(*end)).or_insert(*end);
        }
    }
    if ends.is_empty() {
        return;
    }
    let name = "holdall_certificate_not_after_timestamp_seconds";
    let help = "When the certificate for a name expires, Unix time.";
    let mut family = page.family(name, Kind::Gauge, help);
    for (name, end) in ends {
        family.sample(&[("name", name)], unix_seconds(end));
    }
}

fn unix_seconds(time: SystemTime) -> f64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}
