//! One HTTP request and its answer, as bytes: in clear text or within TLS.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// A request, as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// The lines of the head below the first, without their ends.
    pub fields: Vec<String>,
    /// The content.
    pub body: Vec<u8>,
}

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Exchange {
    address: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Exchange {
    /// In clear text.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// Within TLS, to the server of this address.
    pub fn tls(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        Self { address, tls: Some((config, ServerName::IpAddress(address.ip().into()))) }
    }

    /// GETs a path.
    ///
    /// # Errors
    /// The network's, and rustls's.
    pub fn get(&self, path: &str) -> io::Result<Vec<u8>> {
        self.send(&Request::new("GET", path, &self.address.to_string(), ""))
    }

    /// POSTs text, and wants it to be taken.
    ///
    /// # Panics
    /// If it is not.
    pub fn post(&self, path: &str, body: &str) {
        let request = Request::new("POST", path, &self.address.to_string(), body);
        let answer = self.send(&request).expect("an answer");
        let answer = holdall_tests::http::parse(&answer);
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
    }

    /// Sends a request, and gives all bytes of its answer.
    ///
    /// # Errors
    /// The network's, and rustls's.
    pub fn send(&self, request: &Request) -> io::Result<Vec<u8>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        match self.tls.clone() {
            None => talk(stream, request),
            Some((config, name)) => {
                let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
                talk(StreamOwned::new(connection, stream), request)
            }
        }
    }
}

/// HTTP/1.0, so that the answer is neither in chunks nor followed by anything.
fn talk(mut stream: impl Read + Write, request: &Request) -> io::Result<Vec<u8>> {
    let own = |field: &&String| !is_field(field, "connection");
    let fields: String =
        request.fields.iter().filter(own).map(|field| format!("{field}\r\n")).collect();
    let head = format!("{} {} HTTP/1.0\r\n{fields}\r\n", request.method, request.path);
    stream.write_all(&[head.as_bytes(), &request.body].concat())?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // A server that just closes ends the answer as well.
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(answer),
    }
}

impl Request {
    fn new(method: &str, path: &str, host: &str, body: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            fields: vec![
                format!("host: {host}"),
                format!("content-length: {}", body.len()),
                // Authorities want to know who asks (RFC 8555, section 6.1).
                "user-agent: holdall-tests".to_owned(),
            ],
            body: body.as_bytes().to_vec(),
        }
    }

    /// Reads the next request of a connection; `None` at its end.
    ///
    /// # Errors
    /// The network's.
    pub fn read(stream: &mut BufReader<impl Read>) -> io::Result<Option<Self>> {
        let Some(first) = line(stream)? else { return Ok(None) };
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut fields = Vec::new();
        while let Some(field) = line(stream)?.filter(|field| !field.is_empty()) {
            fields.push(field);
        }
        let length = fields.iter().find(|field| is_field(field, "content-length"));
        let length = length.and_then(|field| field.split_once(':')?.1.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body)?;
        Ok(Some(Self { method, path, fields, body }))
    }

    /// The value of a field, by its name in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| is_field(field, name))?;
        field.split_once(':').map(|(_, value)| value.trim())
    }
}

fn is_field(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name))
}

fn line(stream: &mut BufReader<impl Read>) -> io::Result<Option<String>> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Ok(None),
        _ => Ok(Some(line.trim_end().to_owned())),
    }
}
