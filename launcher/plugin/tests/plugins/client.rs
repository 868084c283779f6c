//! A client that shows what goes over the wire.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A response, read to the end of the connection.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }
}

pub fn connect(authority: &str) -> TcpStream {
    let stream = TcpStream::connect(authority).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// Asks in HTTP/1.0, where the end of the connection is the end of the body.
pub fn get(authority: &str, target: &str) -> Reply {
    send(authority, &format!("GET {target} HTTP/1.0\r\nHost: test\r\n\r\n"), b"")
}

pub fn post(authority: &str, target: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let head = format!("POST {target} HTTP/1.0\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
    send(authority, &head, body)
}

fn send(authority: &str, head: &str, body: &[u8]) -> Reply {
    let mut stream = connect(authority);
    stream.write_all(head.as_bytes()).expect("the head goes out");
    stream.write_all(body).expect("the body goes out");
    read_reply(stream)
}

/// Reads a response up to the end of the connection.
pub fn read_reply(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("a response");
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    Reply { status: head[9..12].parse().expect("a status"), head, body: bytes.split_off(end + 4) }
}
