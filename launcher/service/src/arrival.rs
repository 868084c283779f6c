//! From an accepted socket to the first byte of HTTP: PROXY header, TLS, and which HTTP it is.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdall_certificates::Certificates;
use holdall_endpoint::{Proxy, proxy};
use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio_rustls::rustls::{self, server::ClientHello};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use crate::activity::{Activity, Stage};
use crate::metrics::{Challenge, Handshake, Metrics, Proof};
use crate::stream::{self, Socket, Stream};
use crate::{Peer, Scheme};

/// What a listener asks of its connections before they speak HTTP.
pub(crate) struct Gate {
    pub(crate) proxy: Option<Proxy>,
    pub(crate) tls: Option<Tls>,
    pub(crate) metrics: Arc<Metrics>,
    /// Whether requests are counted and written down.
    pub(crate) is_public: bool,
}

pub(crate) struct Tls {
    pub(crate) certificates: Certificates,
    pub(crate) config: Arc<rustls::ServerConfig>,
    /// One permit for each handshake under way.
    pub(crate) handshakes: Semaphore,
}

/// A connection that is about to speak HTTP.
pub(crate) struct Arrived {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) protocol: Stage,
}

/// What a TLS handshake came to.
enum Agreed {
    /// HTTP; whether the client resumed a session.
    Http { arrived: Arrived, is_resumed: bool },
    /// The handshake was all that the client came for.
    Nothing,
}

impl Agreed {
    fn on(mut stream: TlsStream<Socket>, peer: Peer) -> Self {
        let (_, session) = stream.get_mut();
        let protocol = match session.alpn_protocol() {
            Some(b"h2") => Stage::Http2,
            _ => {
                session.set_buffer_limit(Some(HTTP1_RECORDS));
                Stage::Http1
            }
        };
        let is_resumed = session.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        let arrived = Arrived { stream: Stream::Tls(Box::new(stream)), peer, protocol };
        Self::Http { arrived, is_resumed }
    }
}

/// How many bytes are encrypted before they are written: half as many writes (9 for a megabyte, not 17) as
/// with the 64 KiB that rustls has by itself. More of it would be held for each client that is slow.
const HTTP1_RECORDS: usize = 128 << 10;

/// Why a connection never came to speak HTTP.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the client closed the connection before it sent anything")]
    Silent,
    #[error("no PROXY header")]
    Proxy(#[source] proxy::HeaderError),
    #[error("{client} may not send a PROXY header")]
    Untrusted { client: SocketAddr },
    #[error("clear text on a TLS port")]
    ClearText,
    #[error("TLS on a clear-text port")]
    TlsOnClearText,
    #[error("TLS handshake failed")]
    Handshake(#[source] io::Error),
    #[error("no certificate for {name:?}")]
    UnknownName { name: String },
    #[error("no authority is expected to ask for a proof on this port")]
    NoChallenges,
    #[error("no challenge is under way for {name:?}")]
    UnknownChallenge { name: String },
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

/// How an HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol that authorities offer, alone, to ask for a proof (RFC 8737, section 3).
const CHALLENGE: &[u8] = b"acme-tls/1";

/// The TLS record with the fatal alert `no_application_protocol` (RFC 7301, section 3.2).
const NO_APPLICATION_PROTOCOL: [u8; 7] = [21, 3, 3, 0, 2, 2, 120];

/// The first byte of a TLS handshake record (RFC 8446, section 5.1).
const HANDSHAKE_RECORD: u8 = 22;

const WANTS_HTTPS: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
    connection: close\r\ncontent-length: 57\r\n\r\n\
    this port speaks HTTPS: use https:// instead of http://\r\n";

const WANTS_HTTP: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n\
    connection: close\r\ncontent-length: 61\r\n\r\n\
    this port speaks plain HTTP: use http:// instead of https://\n";

impl Gate {
    pub(crate) fn proxy_timeout(&self) -> Duration {
        self.proxy.as_ref().map_or(Duration::MAX, |proxy| proxy.timeout)
    }

    /// Takes a connection through; its time limits are kept by whoever looks at `activity`.
    /// Nothing is left of one that was there to prove who has a name.
    pub(crate) async fn pass(
        &self,
        mut socket: Socket,
        activity: &Activity,
    ) -> Result<Option<Arrived>, Refused> {
        let mut client = socket.client();
        if let Some(proxy) = &self.proxy {
            client = take_proxy_header(&mut socket, proxy, activity).await?;
        }
        match &self.tls {
            Some(tls) => self.handshake(socket, tls, client, activity).await,
            None => clear(socket, client).await.map(Some),
        }
    }

    async fn handshake(
        &self,
        mut socket: Socket,
        tls: &Tls,
        client: Option<SocketAddr>,
        activity: &Activity,
    ) -> Result<Option<Arrived>, Refused> {
        let mut first = [0; 1];
        match socket.peek(&mut first).await? {
            0 => return Err(Refused::Silent),
            _ if first[0] != HANDSHAKE_RECORD => {
                if first[0].is_ascii_uppercase() {
                    answer(&mut socket, WANTS_HTTPS.as_bytes()).await;
                }
                return Err(Refused::ClearText);
            }
            _ => {}
        }
        activity.enter(Stage::Handshake);
        let watch = self.metrics.handshake_begins();
        let outcome = self.negotiate(socket, tls, client).await;
        watch.ends(match &outcome {
            Ok(Agreed::Http { is_resumed: true, .. }) => Handshake::Resumed,
            Ok(_) => Handshake::Done,
            Err(Refused::UnknownName { .. } | Refused::UnknownChallenge { .. }) => {
                Handshake::UnknownName
            }
            Err(_) => Handshake::Failed,
        });
        Ok(match outcome? {
            Agreed::Http { arrived, .. } => Some(arrived),
            Agreed::Nothing => None,
        })
    }

    async fn negotiate(
        &self,
        socket: Socket,
        tls: &Tls,
        client: Option<SocketAddr>,
    ) -> Result<Agreed, Refused> {
        let acceptor = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), socket);
        let mut start = acceptor.await.map_err(Refused::Handshake)?;
        // From here on it costs time. A client that stalls before waits for nobody, and nobody for
        // it. The semaphore is never closed.
        let _turn = tls.handshakes.acquire().await;
        let hello = start.client_hello();
        let name = hello.server_name().map(str::to_owned);
        if is_challenge(&hello) {
            // On the heap, as it is rare: every connection has room for what is not.
            Box::pin(self.prove(start, tls, name.unwrap_or_default())).await?;
            return Ok(Agreed::Nothing);
        }
        if !tls.certificates.knows(name.as_deref()) {
            answer(&mut start.io, &holdall_certificates::UNRECOGNIZED_NAME).await;
            return Err(Refused::UnknownName { name: name.unwrap_or_default() });
        }
        let stream =
            start.into_stream(Arc::clone(&tls.config)).await.map_err(Refused::Handshake)?;
        Ok(Agreed::on(stream, Peer { client, scheme: Scheme::Https, server_name: name }))
    }

    /// Shows an authority the certificate that it came for, and closes the connection (RFC 8737,
    /// section 3).
    async fn prove(
        &self,
        mut start: StartHandshake<Socket>,
        tls: &Tls,
        name: String,
    ) -> Result<(), Refused> {
        let Some(challenges) = tls.certificates.challenges() else {
            answer(&mut start.io, &NO_APPLICATION_PROTOCOL).await;
            return Err(Refused::NoChallenges);
        };
        let Some(config) = challenges.tls_config(&name) else {
            self.metrics.challenge(Challenge::TlsAlpn01, Proof::Unknown);
            answer(&mut start.io, &holdall_certificates::UNRECOGNIZED_NAME).await;
            return Err(Refused::UnknownChallenge { name });
        };
        let mut stream = start.into_stream(config).await.map_err(Refused::Handshake)?;
        self.metrics.challenge(Challenge::TlsAlpn01, Proof::Answered);
        tracing::debug!(name, "challenge answered over TLS");
        // It has seen what it came for, and may be gone already.
        let _ = stream.shutdown().await;
        Ok(())
    }
}

/// Whether it offers the protocol of challenges and no other: a client that offers HTTP too wants
/// HTTP.
fn is_challenge(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|protocols| protocols.eq([CHALLENGE]))
}

/// Clear text: the first bytes tell which HTTP it is.
async fn clear(mut socket: Socket, client: Option<SocketAddr>) -> Result<Arrived, Refused> {
    let mut first = [0; PREFACE.len()];
    let mut attempt = 0;
    let protocol = loop {
        let length = socket.peek(&mut first).await?;
        match &first[..length] {
            [] => return Err(Refused::Silent),
            [HANDSHAKE_RECORD, ..] => {
                answer(&mut socket, WANTS_HTTP.as_bytes()).await;
                return Err(Refused::TlsOnClearText);
            }
            PREFACE => break Stage::Http2,
            start if PREFACE.starts_with(start) => stream::pause(attempt).await,
            _ => break Stage::Http1,
        }
        attempt += 1;
    };
    let peer = Peer { client, scheme: Scheme::Http, server_name: None };
    Ok(Arrived { stream: Stream::Clear(socket), peer, protocol })
}

/// Takes the PROXY header off the socket; returns the client that it names.
async fn take_proxy_header(
    socket: &mut Socket,
    proxy: &Proxy,
    activity: &Activity,
) -> Result<Option<SocketAddr>, Refused> {
    let sender = socket.client();
    if let Some(client) = sender.filter(|client| !proxy.trusts(client.ip())) {
        return Err(Refused::Untrusted { client });
    }
    activity.enter(Stage::ProxyHeader);
    let mut buffer = vec![0; proxy::LONGEST];
    for attempt in 0.. {
        let length = socket.peek(&mut buffer).await?;
        if length == 0 {
            return Err(Refused::Silent);
        }
        match proxy::parse(&buffer[..length]).map_err(Refused::Proxy)? {
            proxy::Parsed::Header { length, source, .. } => {
                socket.discard(length).await?;
                activity.enter(Stage::FirstByte);
                return Ok(source.or(sender));
            }
            proxy::Parsed::Incomplete => stream::pause(attempt).await,
        }
    }
    Err(Refused::Silent)
}

/// Tells the client something before the connection ends; it may be gone already.
async fn answer(socket: &mut Socket, bytes: &[u8]) {
    let _ = socket.write_all(bytes).await;
    let _ = socket.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_declare_their_length() {
        for answer in [WANTS_HTTP, WANTS_HTTPS] {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        }
    }
}
