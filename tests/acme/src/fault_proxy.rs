//! A proxy in front of an authority: passes requests on, counts them, and breaks some.
//!
//! The field `Host` stays as it is, so that the authority makes its URLs lead here, and accepts
//! those that clients sign.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use holdall_tests::certificates::Issued;
use holdall_tests::process::{wait_until, wait_within};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{Answer, Exchange, Fault, Request};

/// A proxy on a free port of 127.0.0.1; it ends when this is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A request that has come.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When it was read.
    pub at: Instant,
    /// Such as `POST`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// Who sent it, by its own words.
    pub user_agent: String,
    /// What it was answered; `None` if it was not.
    pub status: Option<u16>,
}

#[derive(Debug)]
struct Shared {
    upstream: Exchange,
    state: Mutex<State>,
    has_ended: AtomicBool,
}

#[derive(Debug)]
struct State {
    tls: Arc<ServerConfig>,
    faults: Vec<Fault>,
    seen: Vec<Seen>,
}

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// An answer, taken apart.
struct Parts {
    status: u16,
    fields: Vec<String>,
    body: Vec<u8>,
}

const PATIENCE: Duration = Duration::from_secs(120);

impl FaultProxy {
    /// Starts one that shows `certificate`.
    pub fn start(upstream: &Exchange, certificate: &Issued) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a socket");
        let state = State { tls: tls(certificate), faults: Vec::new(), seen: Vec::new() };
        let shared = Arc::new(Shared {
            upstream: upstream.clone(),
            state: Mutex::new(state),
            has_ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { address, shared }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this goes wrong, too.
    pub fn add(&self, fault: Fault) {
        self.shared.state().faults.push(fault);
    }

    /// From now on nothing goes wrong.
    pub fn clear(&self) {
        self.shared.state().faults.clear();
    }

    /// Shows another certificate.
    pub fn show(&self, certificate: &Issued) {
        self.shared.state().tls = tls(certificate);
    }

    /// All requests that have come.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// How many requests have come for paths that begin with this.
    pub fn count(&self, path: &str) -> usize {
        let state = self.shared.state();
        state.seen.iter().filter(|seen| seen.path.starts_with(path)).count()
    }

    /// Waits until there are so many of them.
    ///
    /// # Panics
    /// If there are not within half a minute.
    pub fn wait_for(&self, path: &str, count: usize) {
        wait_until(&format!("{count} requests for {path}"), || self.count(path) >= count);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.has_ended.load(Ordering::Relaxed) {
                return;
            }
            let (shared, Ok(stream)) = (Arc::clone(&self), stream) else { continue };
            // Whatever ends it, the client sees it.
            thread::spawn(move || drop(shared.serve(stream)));
        }
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let tls = Arc::clone(&self.state().tls);
        let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
        let mut stream = BufReader::new(StreamOwned::new(connection, stream));
        while let Some(request) = Request::read(&mut stream)? {
            let (number, fault) = self.note(&request);
            if !self.answer(number, &request, fault, &mut stream)? {
                break;
            }
        }
        Ok(())
    }

    fn note(&self, request: &Request) -> (usize, Option<Answer>) {
        let mut state = self.state();
        let user_agent = request.field("user-agent").unwrap_or_default().to_owned();
        let (method, path) = (request.method.clone(), request.path.clone());
        state.seen.push(Seen { at: Instant::now(), method, path, user_agent, status: None });
        let fault = state.faults.iter_mut().find_map(|fault| fault.take(&request.path));
        (state.seen.len() - 1, fault)
    }

    /// Answers a request; whether the connection goes on.
    fn answer(
        &self,
        number: usize,
        request: &Request,
        fault: Option<Answer>,
        stream: &mut BufReader<Stream>,
    ) -> io::Result<bool> {
        let forward = || self.forward(request);
        let parts = match fault {
            None => forward()?,
            Some(Answer::Instead(status, fields, body)) => Parts { status, fields, body },
            Some(Answer::Late(time)) => {
                thread::sleep(time);
                forward()?
            }
            Some(Answer::Held(gate)) => {
                let is_over = || gate.is_open() || self.has_ended.load(Ordering::Relaxed);
                wait_within(PATIENCE, is_over);
                forward()?
            }
            Some(Answer::Changed(change)) => {
                let mut parts = forward()?;
                change(&mut parts.fields, &mut parts.body);
                parts
            }
            Some(Answer::Elsewhere(path)) => {
                self.forward(&Request { path: path.to_owned(), ..request.clone() })?
            }
            Some(Answer::Lost) => return Ok(false),
            Some(Answer::AnswerLost) => return forward().map(|_| false),
            Some(Answer::Hang) => return hang(stream),
            Some(Answer::HangAfter) => return forward().and_then(|_| hang(stream)),
            Some(Answer::Cut(length)) => {
                let parts = forward()?;
                let head = parts.head(parts.body.len());
                let some = &parts.body[..length.min(parts.body.len())];
                send(stream, &[head.as_bytes(), some].concat())?;
                return Ok(false);
            }
            Some(Answer::Drip(time)) => return forward()?.drip(stream, time),
            Some(Answer::Endless) => return endless(stream),
        };
        self.state().seen[number].status = Some(parts.status);
        let is_head = request.method == "HEAD";
        let head = parts.head(parts.body.len());
        let body = if is_head { &[][..] } else { &parts.body };
        send(stream, &[head.as_bytes(), body].concat())?;
        Ok(true)
    }

    fn forward(&self, request: &Request) -> io::Result<Parts> {
        let answer = self.upstream.send(request)?;
        Parts::parse(&answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl Parts {
    fn parse(answer: &[u8]) -> Option<Self> {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&answer[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let own = ["connection:", "content-length:", "transfer-encoding:"];
        let is_own = |line: &&str| own.iter().any(|own| line.to_ascii_lowercase().starts_with(own));
        let fields = lines.filter(|line| !is_own(line)).map(str::to_owned).collect();
        Some(Self { status, fields, body: answer[end + 4..].to_vec() })
    }

    fn head(&self, length: usize) -> String {
        let length = match self.status {
            204 => String::new(),
            _ => format!("content-length: {length}\r\n"),
        };
        let fields: String = self.fields.iter().map(|line| format!("{line}\r\n")).collect();
        format!("HTTP/1.1 {} -\r\n{length}{fields}\r\n", self.status)
    }

    fn drip(&self, stream: &mut BufReader<Stream>, time: Duration) -> io::Result<bool> {
        let head = self.head(self.body.len());
        for byte in head.as_bytes().iter().chain(&self.body) {
            send(stream, &[*byte])?;
            thread::sleep(time);
        }
        Ok(true)
    }
}

/// Waits until the client gives up.
fn hang(stream: &mut BufReader<Stream>) -> io::Result<bool> {
    stream.read_exact(&mut [0])?;
    Ok(false)
}

fn endless(stream: &mut BufReader<Stream>) -> io::Result<bool> {
    send(stream, b"HTTP/1.1 200 -\r\ncontent-type: application/json\r\n\r\n{\"a\":\"")?;
    loop {
        send(stream, &[b'a'; 16_384])?;
    }
}

fn send(stream: &mut BufReader<Stream>, bytes: &[u8]) -> io::Result<()> {
    stream.get_mut().write_all(bytes)?;
    stream.get_mut().flush()
}

fn tls(certificate: &Issued) -> Arc<ServerConfig> {
    let pem = [&*certificate.certificate, &certificate.chain].concat();
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("versions with ciphers");
    let config = builder.with_no_client_auth().with_single_cert(chain.expect("a chain"), key);
    Arc::new(config.expect("a key that fits"))
}
