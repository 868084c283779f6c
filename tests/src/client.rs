//! A client for HTTP/1.1 that sends what it is told, byte for byte, right or wrong.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::http::{Response, parse};

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// What was received and not looked at yet.
    buffer: Vec<u8>,
}

/// Longer than any server waits in these tests.
const PATIENCE: Duration = Duration::from_secs(60);

impl Client {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a server that accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new() }
    }

    /// Connects and sends this.
    pub fn sending(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Self {
        let mut client = Self::connect(address);
        client.send(bytes);
        client
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// If the server has closed the connection.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("a server that receives");
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The system's: the server has closed the connection, or does not read.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// GETs a path on the open connection, and reads the answer.
    pub fn get(&mut self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"));
        self.response()
    }

    /// Reads one answer, and leaves what comes behind it.
    ///
    /// # Panics
    /// If the server closes the connection before its end.
    pub fn response(&mut self) -> Response {
        self.next(true).expect("an answer")
    }

    /// Reads one answer that has no content whatever it declares, as to HEAD.
    pub fn head(&mut self) -> Response {
        self.next(false).expect("an answer")
    }

    /// Reads all answers until the server closes the connection.
    ///
    /// # Panics
    /// If it does not, or if something follows that is no answer.
    pub fn responses(mut self) -> Vec<Response> {
        std::iter::from_fn(|| self.next(true)).collect()
    }

    fn next(&mut self, has_content: bool) -> Option<Response> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if self.receive() == 0 {
                let rest = String::from_utf8_lossy(&self.buffer);
                assert!(rest.is_empty(), "the connection ended within a head: {rest}");
                return None;
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let mut response = parse(&head);
        if has_content && response.status >= 200 && ![204, 304].contains(&response.status) {
            response.body = self.content(&response);
        }
        Some(response)
    }

    fn content(&mut self, response: &Response) -> Vec<u8> {
        if response.header("transfer-encoding") == Some("chunked") {
            return self.chunks();
        }
        match response.header("content-length") {
            Some(length) => self.exactly(length.parse().expect("a length")),
            None => self.rest(),
        }
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        loop {
            let line = self.line();
            let length = usize::from_str_radix(&line, 16).expect("a chunk size");
            let chunk = self.exactly(length + 2);
            if length == 0 {
                return content;
            }
            content.extend_from_slice(&chunk[..length]);
        }
    }

    /// Reads up to the end of a line; for lengths of chunks.
    pub fn line(&mut self) -> String {
        let at = loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                break at;
            }
            assert_ne!(self.receive(), 0, "the connection ended within a line");
        };
        let line: Vec<u8> = self.buffer.drain(..at + 2).take(at).collect();
        String::from_utf8(line).expect("a line of text")
    }

    /// Reads so many bytes.
    pub fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert_ne!(self.receive(), 0, "the connection ended within the content");
        }
        self.buffer.drain(..length).collect()
    }

    /// Reads until the server closes the connection; a reset is an end as well.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.receive() > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads a head and no more; what follows is left.
    pub fn only_head(&mut self) -> Response {
        self.next(false).expect("an answer")
    }

    /// Receives what there is; 0 is the end.
    fn receive(&mut self) -> usize {
        let mut bytes = [0; 65536];
        match self.stream.read(&mut bytes) {
            Ok(length) => {
                self.buffer.extend_from_slice(&bytes[..length]);
                length
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("nothing is received: {error}"),
        }
    }

    /// Whether the server has closed the connection by now; what it sent before is kept.
    pub fn is_closed(&mut self) -> bool {
        self.stream.set_nonblocking(true).expect("a socket");
        let mut bytes = [0; 65536];
        let closed = loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => break true,
                Ok(length) => self.buffer.extend_from_slice(&bytes[..length]),
                Err(error) => break error.kind() != ErrorKind::WouldBlock,
            }
        };
        self.stream.set_nonblocking(false).expect("a socket");
        closed
    }

    /// Sends nothing more, and still receives.
    pub fn finish(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).expect("an open connection");
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
