//! Clients that never pause, and count: no request of theirs may be lost.
//!
//! They do what a client has to, and no more. One of HTTP/1.1 opens a new connection where an answer
//! said `connection: close`; one of HTTP/2 where it was told to go away, and sends again what the
//! server says it has not seen (RFC 9113, sections 6.8 and 8.7). Everything else is a loss: that
//! nobody accepts, that a handshake fails, that a connection ends before the answer does.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use h2::{Reason, client::SendRequest};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The name that the server's certificate has to be for.
pub const NAME: &str = "localhost";

/// How many requests are under way at once on a connection of HTTP/2.
const STREAMS: usize = 4;

/// No answer takes longer, on a loaded machine either.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a client uses its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// HTTP/1.1, one request after the other.
    Keep,
    /// HTTP/1.1, a connection for each request.
    Close,
    /// HTTP/2, several requests at once.
    Many,
}

/// What all clients of one kind have counted.
#[derive(Debug, Clone, Default)]
pub struct Count {
    /// Requests whose answer came to its end with status 200.
    pub answered: usize,
    /// Requests that the server said it had not seen, and were sent again.
    pub again: usize,
    /// Connections that were opened.
    pub connections: usize,
    /// What became of the others.
    pub lost: Vec<String>,
    /// How often each content came.
    pub contents: BTreeMap<String, usize>,
}

/// Clients at work, until they are told to stop.
#[derive(Debug)]
pub struct Load {
    clients: Vec<(&'static str, Client)>,
    thread: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
}

#[derive(Debug, Clone)]
struct Client {
    address: SocketAddr,
    habit: Habit,
    tls: Option<Arc<ClientConfig>>,
    count: Arc<Mutex<Count>>,
    is_over: Arc<AtomicBool>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Load {
    /// Starts clients of each kind at both addresses: in clear text, and over TLS with a
    /// certificate of the authority `root` (as PEM).
    pub fn start(clear: SocketAddr, secure: SocketAddr, root: &str) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let client = |name, habit, is_secure: bool| {
            let tls = is_secure.then(|| trusting(root, habit));
            let address = if is_secure { secure } else { clear };
            let (count, is_over) = (Arc::default(), Arc::clone(&is_over));
            (name, Client { address, habit, tls, count, is_over })
        };
        let clients = vec![
            client("HTTP/1.1, kept", Habit::Keep, false),
            client("HTTP/1.1, closed", Habit::Close, false),
            client("HTTP/2", Habit::Many, false),
            client("HTTP/1.1 over TLS, kept", Habit::Keep, true),
            client("HTTP/1.1 over TLS, closed", Habit::Close, true),
            client("HTTP/2 over TLS", Habit::Many, true),
        ];
        let working: Vec<_> = clients.iter().map(|(_, client)| client.clone()).collect();
        let thread = std::thread::spawn(move || work(working));
        Self { clients, thread, is_over }
    }

    /// What has been counted so far.
    pub fn counts(&self) -> Vec<(&'static str, Count)> {
        self.clients.iter().map(|(name, client)| (*name, client.read())).collect()
    }

    /// Waits until the clients of each kind have had a content that begins so.
    ///
    /// # Panics
    /// If they do not have it within half a minute.
    pub fn wait_for(&self, content: &str) {
        let has_it = |count: &Count| count.contents.keys().any(|key| key.starts_with(content));
        crate::process::wait_until(content, || {
            self.counts().iter().all(|(_, count)| has_it(count))
        });
    }

    /// Lets all requests under way come to their end, and returns what was counted.
    pub fn stop(self) -> Vec<(&'static str, Count)> {
        self.is_over.store(true, Ordering::Relaxed);
        let Self { clients, thread, .. } = self;
        thread.join().expect("clients that do not panic");
        clients.into_iter().map(|(name, client)| (name, client.read())).collect()
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, again, connections, lost, contents } = self;
        let (lost, servers) = (lost.len(), contents.len());
        write!(f, "{answered} answered by {servers} servers on {connections} connections, ")?;
        write!(f, "{again} sent again, {lost} lost")
    }
}

/// All of it in one thread: the servers shall have the other processors.
fn work(clients: Vec<Client>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for client in clients {
            tasks.spawn(client.run());
        }
        tasks.join_all().await;
    });
}

fn trusting(root: &str, habit: Habit) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(root.as_bytes()).expect("a certificate");
    roots.add(root).expect("an authority");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![match habit {
        Habit::Keep | Habit::Close => b"http/1.1".to_vec(),
        Habit::Many => b"h2".to_vec(),
    }];
    Arc::new(config)
}

impl Client {
    async fn run(self) {
        while !self.is_over() {
            let Some(stream) = self.seen(self.connect()).await else { continue };
            self.count(|count| count.connections += 1);
            match self.habit {
                Habit::Keep => self.seen(self.http1(stream, "")).await,
                Habit::Close => self.seen(self.http1(stream, "connection: close\r\n")).await,
                Habit::Many => self.seen(self.http2(stream)).await,
            };
        }
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, String> {
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.map_err(|error| format!("nobody accepts: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(NAME).expect("a name");
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| format!("no TLS: {error}"))?))
    }

    /// One request after the other, until an answer says that it is the last one.
    async fn http1(&self, stream: Box<dyn Stream>, field: &str) -> Result<(), String> {
        let mut stream = BufReader::new(stream);
        let request = format!("GET / HTTP/1.1\r\nhost: {NAME}\r\n{field}\r\n");
        while !self.is_over() {
            let sent = stream.write_all(request.as_bytes()).await;
            sent.map_err(|error| format!("not sent: {error}"))?;
            let answer = Answer::read(&mut stream).await;
            let answer = answer.map_err(|error| format!("no answer: {error}"))?;
            self.answered(answer.status, answer.content);
            if answer.is_last {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Several at once, until the server takes no more of them.
    async fn http2(&self, stream: Box<dyn Stream>) -> Result<(), String> {
        let handshake = h2::client::handshake(stream).await;
        let (sender, connection) = handshake.map_err(|error| format!("no HTTP/2: {error}"))?;
        let connection = tokio::spawn(connection);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..STREAMS {
            let (client, sender) = (self.clone(), sender.clone());
            tasks.spawn(async move { client.requests(sender).await });
        }
        tasks.join_all().await;
        drop(sender);
        // Whether it ended well is known from the answers.
        let _ = connection.await;
        Ok(())
    }

    async fn requests(&self, mut sender: SendRequest<bytes::Bytes>) {
        while !self.is_over() {
            let request = http::Request::get("https://localhost/").body(());
            let request = request.expect("a request");
            // What fails here was not sent.
            let Ok(ready) = sender.ready().await else { return };
            sender = ready;
            let Ok((response, _)) = sender.send_request(request, true) else { return };
            let Some(outcome) = self.seen(in_time(content(response))).await else { return };
            match outcome {
                Ok((status, content)) => self.answered(status, content),
                Err(error) if is_unseen(&error) => self.count(|count| count.again += 1),
                Err(error) => self.lost(format!("no answer: {error}")),
            }
        }
    }

    fn answered(&self, status: u16, content: String) {
        match status {
            200 => self.count(|count| {
                count.answered += 1;
                *count.contents.entry(content).or_default() += 1;
            }),
            _ => self.lost(format!("answered {status}: {content}")),
        }
    }

    /// What came of it; what went wrong, or takes too long, is a loss.
    async fn seen<T>(&self, future: impl Future<Output = Result<T, String>>) -> Option<T> {
        future.await.map_err(|error| self.lost(error)).ok()
    }

    fn lost(&self, error: String) {
        self.count(|count| count.lost.push(error));
    }

    fn count(&self, change: impl FnOnce(&mut Count)) {
        change(&mut self.count.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn read(&self) -> Count {
        self.count.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let outcome = tokio::time::timeout(PATIENCE, pin!(future)).await;
    outcome.map_err(|_| format!("no answer within {PATIENCE:?}"))
}

/// The server has gone away and not looked at this request, or has refused its stream.
fn is_unseen(error: &h2::Error) -> bool {
    let is_graceful = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
    let is_refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (is_graceful || is_refused)
}

async fn content(response: h2::client::ResponseFuture) -> Result<(u16, String), h2::Error> {
    let response = response.await?;
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// An answer of HTTP/1.1 whose length is declared.
struct Answer {
    status: u16,
    content: String,
    is_last: bool,
}

impl Answer {
    async fn read(stream: &mut BufReader<Box<dyn Stream>>) -> Result<Self, String> {
        in_time(Self::read_all(stream)).await?.map_err(|error| error.to_string())
    }

    async fn read_all(stream: &mut BufReader<Box<dyn Stream>>) -> std::io::Result<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Err(std::io::Error::other(format!("the connection ended after {head:?}")));
            }
        }
        let head = head.to_lowercase();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let length = field("content-length: ").and_then(|length| length.parse().ok());
        let mut content = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut content).await?;
        Ok(Self {
            status: head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0),
            content: String::from_utf8_lossy(&content).into_owned(),
            is_last: field("connection: ") == Some("close"),
        })
    }
}
