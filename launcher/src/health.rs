//! `--health URL`: asks a server whether it is well, as orchestrators do, with nothing but this file.
//!
//! An image that holds one file has no curl for its health check; the file itself can ask.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::PathBuf,
    str::FromStr,
    time::{Duration, Instant},
};

use http::{StatusCode, Uri};
use thiserror::Error;

/// For the whole exchange.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest head of an answer that is read, in bytes.
const HEAD_LIMIT: u64 = 16 << 10;

/// Where to ask: `http://HOST[:PORT][/PATH]`, or `unix:PATH[:/PATH]` for a Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HealthUrl {
    server: Server,
    host: String,
    path: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Server {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

#[derive(Debug, Error)]
#[error("wanted http://HOST[:PORT][/PATH] or unix:SOCKET[:/PATH]")]
pub(crate) struct HealthUrlError;

/// Why a server is not well.
#[derive(Debug, Error)]
pub(crate) enum HealthError {
    #[error("no answer from {url}")]
    Silent { url: String, source: io::Error },
    #[error("what {url} answers is not HTTP")]
    NotHttp { url: String },
    #[error("{url} answers {status}")]
    Unwell { url: String, status: StatusCode },
}

impl FromStr for HealthUrl {
    type Err = HealthUrlError;

    fn from_str(text: &str) -> Result<Self, HealthUrlError> {
        if let Some(rest) = text.strip_prefix("unix:") {
            let (socket, path) = match rest.find(":/") {
                Some(at) => (&rest[..at], &rest[at + 1..]),
                None => (rest, "/"),
            };
            if socket.is_empty() || !is_path(path) {
                return Err(HealthUrlError);
            }
            let (host, path) = ("localhost".to_owned(), path.to_owned());
            return Ok(Self { server: Server::Unix(socket.into()), host, path });
        }
        let uri: Uri = text.parse().map_err(|_| HealthUrlError)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let (Some("http"), Some(authority)) = (uri.scheme_str(), authority) else {
            return Err(HealthUrlError);
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let server = Server::Tcp { host, port: authority.port_u16().unwrap_or(80) };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self { server, host: authority.to_string(), path: path.to_owned() })
    }
}

impl HealthUrl {
    /// Asks, and gives the status of an answer that is no failure of the server.
    pub fn ask(&self) -> Result<StatusCode, HealthError> {
        let url = || self.to_string();
        let head = self.head().map_err(|source| HealthError::Silent { url: url(), source })?;
        let mut headers = [httparse::EMPTY_HEADER; 128];
        let mut response = httparse::Response::new(&mut headers);
        let parsed = response.parse(&head).ok().and(response.code);
        let status = parsed.and_then(|code| StatusCode::from_u16(code).ok());
        match status.ok_or_else(|| HealthError::NotHttp { url: url() })? {
            status if status.is_server_error() => Err(HealthError::Unwell { url: url(), status }),
            status => Ok(status),
        }
    }

    /// The first bytes of the answer, with all of its head.
    fn head(&self) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + TIMEOUT;
        match &self.server {
            Server::Tcp { host, port } => {
                let stream = connect(host, *port, deadline)?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                let patience = |stream: &TcpStream| stream.set_read_timeout(Some(left(deadline)?));
                self.exchange(stream, patience)
            }
            Server::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                let patience = |stream: &UnixStream| stream.set_read_timeout(Some(left(deadline)?));
                self.exchange(stream, patience)
            }
        }
    }

    fn exchange<S: Read + Write>(
        &self,
        mut stream: S,
        patience: impl Fn(&S) -> io::Result<()>,
    ) -> io::Result<Vec<u8>> {
        let Self { host, path, .. } = self;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: holdall-health\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            patience(&stream)?;
            let mut piece = [0; 2048];
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => head.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(error) => return Err(error),
            }
            if head.len() as u64 > HEAD_LIMIT {
                break;
            }
        }
        Ok(head)
    }
}

impl std::fmt::Display for HealthUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.server {
            Server::Tcp { .. } => write!(f, "http://{}{}", self.host, self.path),
            Server::Unix(socket) => write!(f, "unix:{}:{}", socket.display(), self.path),
        }
    }
}

/// The first address that takes a connection in time.
fn connect(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn urls_lead_to_sockets() {
        let url: HealthUrl = "http://127.0.0.1:8080/readyz?verbose".parse().unwrap();
        assert_eq!(url.server, Server::Tcp { host: "127.0.0.1".into(), port: 8080 });
        assert_eq!(url.path, "/readyz?verbose");
        let url: HealthUrl = "http://[::1]".parse().unwrap();
        assert_eq!(url.server, Server::Tcp { host: "::1".into(), port: 80 });
        assert_eq!((url.host.as_str(), url.path.as_str()), ("[::1]", "/"));
        let url: HealthUrl = "unix:/run/a.sock:/livez".parse().unwrap();
        assert_eq!(url.server, Server::Unix("/run/a.sock".into()));
        assert_eq!(url.path, "/livez");
        for wrong in ["", "8080", "https://a/", "http:///x", "ftp://a", "unix:", "http://u@h/"] {
            assert!(wrong.parse::<HealthUrl>().is_err(), "{wrong}");
        }
    }

    /// What asking gives where the server answers with `answer`.
    fn answered(answer: &'static [u8]) -> Result<StatusCode, HealthError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(answer).unwrap();
        });
        let outcome = format!("http://127.0.0.1:{port}/").parse::<HealthUrl>().unwrap().ask();
        server.join().unwrap();
        outcome
    }

    #[test]
    fn who_answers_is_well_unless_it_failed() {
        assert_eq!(answered(b"HTTP/1.1 200 OK\r\n\r\n").unwrap(), 200);
        assert_eq!(answered(b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\nx").unwrap(), 404);
        let unwell = answered(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
        assert!(matches!(unwell, Err(HealthError::Unwell { .. })));
        assert!(matches!(answered(b"SSH-2.0-x\r\n\r\n"), Err(HealthError::NotHttp { .. })));
        assert!(matches!(answered(b""), Err(HealthError::NotHttp { .. })));
    }

    #[test]
    fn nobody_there_is_no_answer() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url: HealthUrl = format!("http://127.0.0.1:{port}/").parse().unwrap();
        assert!(matches!(url.ask(), Err(HealthError::Silent { .. })));
    }
}
