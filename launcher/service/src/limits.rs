//! What a client may take: bytes, time, connections.

use std::time::Duration;

/// What clients may take from a server, each limit with its default.
///
/// ```
/// use holdall_service::Limits;
///
/// let limits = Limits { body_bytes: 1 << 20, ..Limits::default() };
/// assert_eq!(limits.header_bytes, 64 << 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of the head of a request; 64 KiB. More is answered with 431.
    pub header_bytes: usize,
    /// The most bytes of a request body; 1 GiB. More is answered with 413.
    pub body_bytes: u64,
    /// From the connection to its first byte; 10 s.
    pub first_byte: Duration,
    /// From the first byte of a request to the end of its head; 10 s.
    pub header: Duration,
    /// From the end of an answer to the next request; 60 s.
    pub idle: Duration,
    /// Without a byte of the request body that is waited for; 30 s.
    pub body: Duration,
    /// Without a byte taken of the answer that is sent; 60 s.
    pub send: Duration,
    /// From the first byte of a TLS handshake to its end; 10 s.
    pub handshake: Duration,
    /// The most TLS handshakes at one time, for each listener, from the client's hello on; 512.
    /// Others wait.
    pub handshakes: usize,
    /// The most connections at one time, in all; no limit. The one that was idle longest makes
    /// room for a new one.
    pub connections: Option<usize>,
    /// The most connections at one time from one address; no limit.
    pub connections_per_address: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 64 << 10,
            body_bytes: 1 << 30,
            first_byte: Duration::from_secs(10),
            header: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            body: Duration::from_secs(30),
            send: Duration::from_secs(60),
            handshake: Duration::from_secs(10),
            handshakes: 512,
            connections: None,
            connections_per_address: None,
        }
    }
}

impl Limits {
    /// How often connections are looked at: a limit is exceeded by a quarter at most.
    pub(crate) fn check_interval(&self) -> Duration {
        let shortest =
            [self.first_byte, self.header, self.idle, self.send, self.handshake].into_iter().min();
        let quarter = shortest.unwrap_or_default() / 4;
        quarter.clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}
