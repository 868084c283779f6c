//! A proxy of the kind that `HTTPS_PROXY` names: it lets TLS through (RFC 9110, section 9.3.6).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A proxy on a free port of 127.0.0.1 that leads to one server, whoever is asked for; it ends when
/// this is dropped.
#[derive(Debug)]
pub struct Tunnel {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Nowhere: everybody is refused.
    to: Option<SocketAddr>,
    heads: Mutex<Vec<String>>,
    has_ended: AtomicBool,
}

/// What a proxy says that lets nobody through.
const REFUSED: &[u8] = b"HTTP/1.1 407 Who are you\r\nproxy-authenticate: Basic\r\n\r\n";

impl Tunnel {
    /// One that leads there.
    pub fn to(address: SocketAddr) -> Self {
        Self::start(Some(address))
    }

    /// One that lets nobody through.
    pub fn closed() -> Self {
        Self::start(None)
    }

    fn start(to: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a socket");
        let shared = Shared { to, heads: Mutex::default(), has_ended: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { address, shared }
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of all requests that have come.
    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
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

    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head);
        let Some(to) = self.to else { return client.write_all(REFUSED) };
        let server = TcpStream::connect(to)?;
        client.write_all(b"HTTP/1.1 200 Go on\r\n\r\n")?;
        let (from, into) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || pass(from, into));
        pass(server, client);
        Ok(())
    }
}

/// Passes on what comes, to the end.
fn pass(mut from: TcpStream, mut into: TcpStream) {
    // Who is gone needs no more.
    let _ = io::copy(&mut from, &mut into);
    let _ = into.shutdown(Shutdown::Write);
}
