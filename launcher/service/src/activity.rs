//! What a connection is doing, and since when: the accept loop looks at it, and cuts the late ones.
//!
//! Nothing here waits, so a request costs a few stores and no timer.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::{Cut, Limits};

/// Times are milliseconds since the connection began, plus one: zero is never.
#[derive(Debug)]
pub(crate) struct Activity {
    begun: Instant,
    stage: AtomicU8,
    /// When the stage began.
    stage_since: AtomicU64,
    /// Requests whose answer has not ended.
    requests: AtomicU32,
    /// When the head of a request began to arrive; never, while none is arriving.
    head_since: AtomicU64,
    /// When the last answer ended; never, before the first one.
    idle_since: AtomicU64,
    /// Answers of which a piece was handed out that the client has not taken yet.
    untaken: AtomicU32,
    /// When an answer was last asked for its next piece.
    taken: AtomicU64,
    /// Since when the client has taken no byte of what is to be written; never, while it does.
    unsent_since: AtomicU64,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Nothing has arrived.
    FirstByte,
    /// The PROXY header is arriving.
    ProxyHeader,
    /// The TLS handshake is under way, or waits for its turn.
    Handshake,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            stage: AtomicU8::new(Stage::FirstByte as u8),
            stage_since: AtomicU64::new(1),
            requests: AtomicU32::new(0),
            head_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(0),
            untaken: AtomicU32::new(0),
            taken: AtomicU64::new(0),
            unsent_since: AtomicU64::new(0),
        }
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.stage_since.store(self.now(), Relaxed);
        self.stage.store(stage as u8, Relaxed);
    }

    /// Bytes have arrived. Between requests of HTTP/1.1 they are the head of the next one; of
    /// HTTP/2 they may be anything.
    pub(crate) fn received(&self) {
        let between = self.requests.load(Relaxed) == 0 && self.head_since.load(Relaxed) == 0;
        if between && self.stage() == Stage::Http1 {
            self.head_since.store(self.now(), Relaxed);
        }
    }

    pub(crate) fn request_begins(&self) {
        self.requests.fetch_add(1, Relaxed);
        self.head_since.store(0, Relaxed);
    }

    pub(crate) fn request_ends(&self, now: Instant) {
        self.idle_since.store(self.at(now), Relaxed);
        self.requests.fetch_sub(1, Relaxed);
    }

    /// A piece of an answer was handed out, and more is to come.
    pub(crate) fn handed_out(&self) {
        self.taken.store(self.now(), Relaxed);
        self.untaken.fetch_add(1, Relaxed);
    }

    /// The client took what was [handed out](Self::handed_out), or the answer is over.
    pub(crate) fn took(&self) {
        self.untaken.fetch_sub(1, Relaxed);
        self.taken.store(self.now(), Relaxed);
    }

    /// There are bytes to write, and the client takes none.
    pub(crate) fn write_waits(&self) {
        if self.unsent_since.load(Relaxed) == 0 {
            self.unsent_since.store(self.now(), Relaxed);
        }
    }

    /// The client took bytes.
    pub(crate) fn write_goes_on(&self) {
        if self.unsent_since.load(Relaxed) > 0 {
            self.unsent_since.store(0, Relaxed);
            // An answer ends for its service before the client has all of it.
            self.idle_since.store(self.now(), Relaxed);
        }
    }

    /// How long the connection has had nothing to do; `None` while it has.
    pub(crate) fn idle(&self) -> Option<Duration> {
        let waits = matches!(self.stage(), Stage::FirstByte | Stage::Http1 | Stage::Http2);
        let busy = [&self.head_since, &self.unsent_since].iter().any(|at| at.load(Relaxed) > 0);
        if !waits || busy || self.requests.load(Relaxed) > 0 {
            return None;
        }
        Some(self.since(self.idle_since.load(Relaxed).max(self.stage_since.load(Relaxed))))
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Relaxed) {
            0 => Stage::FirstByte,
            1 => Stage::ProxyHeader,
            2 => Stage::Handshake,
            3 => Stage::Http1,
            _ => Stage::Http2,
        }
    }

    /// What the connection is late with, if it is.
    pub(crate) fn overdue(&self, limits: &Limits, proxy_header: Duration) -> Option<Cut> {
        let stage_time = self.since(self.stage_since.load(Relaxed));
        let (late, what) = match self.stage() {
            Stage::FirstByte => (stage_time >= limits.first_byte, Cut::FirstByte),
            Stage::ProxyHeader => (stage_time >= proxy_header, Cut::ProxyHeader),
            Stage::Handshake => (stage_time >= limits.handshake, Cut::Handshake),
            Stage::Http1 | Stage::Http2 => return self.overdue_in_http(limits),
        };
        late.then_some(what)
    }

    fn overdue_in_http(&self, limits: &Limits) -> Option<Cut> {
        let unsent_since = self.unsent_since.load(Relaxed);
        if unsent_since > 0 {
            return (self.since(unsent_since) >= limits.send).then_some(Cut::Send);
        }
        if self.requests.load(Relaxed) > 0 {
            let waits = self.untaken.load(Relaxed) > 0;
            let late = waits && self.since(self.taken.load(Relaxed)) >= limits.send;
            return late.then_some(Cut::Send);
        }
        let head_since = self.head_since.load(Relaxed);
        if head_since > 0 {
            return (self.since(head_since) >= limits.header).then_some(Cut::Head);
        }
        let answered = self.idle_since.load(Relaxed) > 0;
        // An HTTP/2 connection may greet and ping for ever: its first request has a limit.
        let limit = if answered { limits.idle } else { limits.header };
        (self.idle()? >= limit).then_some(Cut::Idle)
    }

    fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    fn at(&self, time: Instant) -> u64 {
        time.saturating_duration_since(self.begun).as_millis() as u64 + 1
    }

    fn since(&self, time: u64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_secs(3_600);

    fn serving() -> Activity {
        let activity = Activity::new();
        activity.enter(Stage::Http1);
        activity
    }

    fn limits(header: Duration, idle: Duration, send: Duration) -> Limits {
        Limits { header, idle, send, ..Limits::default() }
    }

    #[test]
    fn each_stage_has_its_limit() {
        let activity = Activity::new();
        let limits = Limits { first_byte: NOTHING, handshake: NOTHING, ..Limits::default() };
        assert_eq!(activity.overdue(&limits, LONG), Some(Cut::FirstByte));
        activity.enter(Stage::ProxyHeader);
        assert_eq!(activity.overdue(&limits, LONG), None);
        assert_eq!(activity.overdue(&limits, NOTHING), Some(Cut::ProxyHeader));
        activity.enter(Stage::Handshake);
        assert_eq!(activity.overdue(&limits, LONG), Some(Cut::Handshake));
    }

    #[test]
    fn a_request_under_way_is_neither_idle_nor_late() {
        let activity = serving();
        activity.received();
        assert_eq!(activity.overdue(&limits(NOTHING, LONG, LONG), LONG), Some(Cut::Head));
        activity.request_begins();
        activity.received();
        assert_eq!(activity.idle(), None);
        assert_eq!(activity.overdue(&limits(NOTHING, NOTHING, NOTHING), LONG), None);
        activity.request_ends(Instant::now());
        assert!(activity.idle().is_some());
        assert_eq!(activity.overdue(&limits(LONG, NOTHING, LONG), LONG), Some(Cut::Idle));
    }

    #[test]
    fn what_is_written_is_not_idle_until_the_client_has_it() {
        let activity = serving();
        activity.write_waits();
        assert_eq!(activity.idle(), None);
        assert_eq!(activity.overdue(&limits(LONG, NOTHING, LONG), LONG), None);
        assert_eq!(activity.overdue(&limits(LONG, LONG, NOTHING), LONG), Some(Cut::Send));
        activity.write_goes_on();
        assert!(activity.idle().is_some());
        assert_eq!(activity.overdue(&limits(LONG, LONG, NOTHING), LONG), None);
    }

    #[test]
    fn an_answer_is_late_only_while_the_client_does_not_take_it() {
        let activity = serving();
        activity.request_begins();
        activity.handed_out();
        assert_eq!(activity.overdue(&limits(LONG, LONG, NOTHING), LONG), Some(Cut::Send));
        activity.took();
        assert_eq!(activity.overdue(&limits(LONG, LONG, NOTHING), LONG), None);
    }
}
