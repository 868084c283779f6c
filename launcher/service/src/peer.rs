//! Who is at the other end of a connection.

use std::fmt;
use std::net::SocketAddr;

/// What is known of the client of a request, the same for all requests of a connection.
///
/// The server puts an `Arc<Peer>` into the extensions of each request.
///
/// ```
/// use std::sync::Arc;
/// use holdall_service::{Peer, Request};
///
/// fn client(request: &Request) -> String {
///     match request.extensions().get::<Arc<Peer>>() {
///         Some(peer) => peer.to_string(),
///         None => "nobody".to_owned(),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// The client's address: that in the PROXY header, where there is one. There is none on Unix
    /// sockets and pipes.
    pub client: Option<SocketAddr>,
    /// How the client speaks to this server.
    pub scheme: Scheme,
    /// The name of the server that the client asked for in its TLS handshake (SNI).
    pub server_name: Option<String>,
}

/// Clear text or TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Clear text.
    #[default]
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The client's address, or `-` where there is none.
impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.client {
            Some(client) => client.fmt(formatter),
            None => formatter.write_str("-"),
        }
    }
}
