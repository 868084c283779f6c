//! A client for HTTP/2 that sends frames as it is told, right or wrong (RFC 9113).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How a client begins (section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The types of frames (section 6).
pub mod kind {
    /// Content.
    pub const DATA: u8 = 0;
    /// The beginning of a request or of an answer.
    pub const HEADERS: u8 = 1;
    /// The end of one stream.
    pub const RST_STREAM: u8 = 3;
    /// What an end of the connection allows.
    pub const SETTINGS: u8 = 4;
    /// Asks for the same back.
    pub const PING: u8 = 6;
    /// The end of the connection.
    pub const GOAWAY: u8 = 7;
    /// More may be sent.
    pub const WINDOW_UPDATE: u8 = 8;
    /// More of a head.
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    /// The last frame of this end of the stream.
    pub const END_STREAM: u8 = 1;
    /// The answer to a ping or to settings.
    pub const ACK: u8 = 1;
    /// The head is complete.
    pub const END_HEADERS: u8 = 4;
}

/// Settings (section 6.5.2).
pub mod setting {
    /// How much may be sent on a new stream before more is granted.
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
}

/// Reasons for an end (section 7).
pub mod reason {
    /// The peer broke the rules.
    pub const PROTOCOL_ERROR: u32 = 1;
    /// More was sent than was granted.
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    /// The stream is not of interest any more.
    pub const CANCEL: u32 = 8;
    /// The peer asks for too much.
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// One of [`kind`].
    pub kind: u8,
    /// Some of [`flag`].
    pub flags: u8,
    /// The number of the stream; 0 is the connection.
    pub stream: u32,
    /// What follows the nine bytes at its beginning.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// Content.
    pub fn data(stream: u32, content: &[u8], flags: u8) -> Self {
        Self::new(kind::DATA, flags, stream, content)
    }

    /// A whole head of a request; `flags` beside END_HEADERS.
    pub fn request(stream: u32, method: &str, path: &str, flags: u8) -> Self {
        let fields = [(":method", method), (":scheme", "http"), (":path", path)];
        let block = [block(&fields), block(&[(":authority", "test")])].concat();
        Self::new(kind::HEADERS, flags | flag::END_HEADERS, stream, block)
    }

    /// A whole GET.
    pub fn get(stream: u32, path: &str) -> Self {
        Self::request(stream, "GET", path, flag::END_STREAM)
    }

    /// Settings.
    pub fn settings(settings: &[(u16, u32)]) -> Self {
        let pair =
            |(name, value): &(u16, u32)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
        Self::new(kind::SETTINGS, 0, 0, settings.iter().flat_map(pair).collect::<Vec<_>>())
    }

    /// The end of a stream.
    pub fn reset(stream: u32, reason: u32) -> Self {
        Self::new(kind::RST_STREAM, 0, stream, reason.to_be_bytes())
    }

    /// A grant for a stream or, on 0, for the connection.
    pub fn window_update(stream: u32, bytes: u32) -> Self {
        Self::new(kind::WINDOW_UPDATE, 0, stream, bytes.to_be_bytes())
    }

    /// As it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a frame of 24 bits");
        let mut bytes = length.to_be_bytes()[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The reason in a frame that ends a stream or the connection.
    pub fn reason(&self) -> Option<u32> {
        let at = match self.kind {
            kind::RST_STREAM => 0,
            kind::GOAWAY => 4,
            _ => return None,
        };
        self.payload.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// The status of an answer, where it is one of those that HPACK has a number for (RFC 7541,
    /// appendix A) or a literal.
    pub fn status(&self) -> Option<u16> {
        const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
        if self.kind != kind::HEADERS {
            return None;
        }
        match *self.payload.as_slice() {
            [first @ 0x88..=0x8e, ..] => Some(INDEXED[usize::from(first - 0x88)]),
            [0x48 | 0x08 | 0x18, length, ref value @ ..] => literal(length, value),
            _ => None,
        }
    }

    /// Whether nothing of this stream follows.
    pub fn is_last(&self) -> bool {
        let ends = matches!(self.kind, kind::DATA | kind::HEADERS);
        (ends && self.flags & flag::END_STREAM > 0) || self.kind == kind::RST_STREAM
    }
}

/// A value of digits, plain or in the code of RFC 7541, appendix B, where digits have 5 or 6 bits.
fn literal(length: u8, value: &[u8]) -> Option<u16> {
    let value = value.get(..usize::from(length & 0x7f))?;
    if length & 0x80 == 0 {
        return std::str::from_utf8(value).ok()?.parse().ok();
    }
    let bits: Vec<u8> =
        value.iter().flat_map(|byte| (0..8).rev().map(move |b| byte >> b & 1)).collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |number, bit| number << 1 | u16::from(*bit));
    let (mut at, mut status) = (0, 0);
    for _ in 0..3 {
        let (digit, width) = match number(bits.get(at..at + 5)?) {
            short @ 0..=2 => (short, 5),
            _ => (number(bits.get(at..at + 6)?).checked_sub(0x19)? + 3, 6),
        };
        status = status * 10 + digit;
        at += width;
    }
    Some(status)
}

/// A block of header fields, each as a literal without an index (RFC 7541, section 6.2.2).
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            push_length(text.len(), &mut block);
            block.extend(text.as_bytes());
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
fn push_length(length: usize, block: &mut Vec<u8>) {
    if length < 127 {
        return block.push(length as u8);
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// One connection in clear text, begun with prior knowledge.
#[derive(Debug)]
pub struct Http2 {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Http2 {
    /// Connects, and sends preface and empty settings.
    pub fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &[])
    }

    /// Connects, and sends preface and settings.
    pub fn connect_with(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut client = Self::silent(address);
        client.send_bytes(PREFACE).expect("a server that receives");
        client.send(&Frame::settings(settings));
        client
    }

    /// Connects, and sends nothing.
    pub fn silent(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a server that accepts");
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).expect("a socket");
        stream.set_write_timeout(patience).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends a frame.
    ///
    /// # Panics
    /// If the server has closed the connection.
    pub fn send(&mut self, frame: &Frame) {
        self.try_send(frame).expect("a server that receives");
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// The system's: the server has closed the connection, or does not read.
    pub fn try_send(&mut self, frame: &Frame) -> io::Result<()> {
        self.send_bytes(&frame.bytes())
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// As for [`try_send`](Self::try_send).
    pub fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next frame; `None` where the connection has ended. Settings are acknowledged.
    pub fn frame(&mut self) -> Option<Frame> {
        let frame = self.receive()?;
        if frame.kind == kind::SETTINGS && frame.flags & flag::ACK == 0 {
            // The server may be gone already.
            let _ = self.try_send(&Frame::new(kind::SETTINGS, flag::ACK, 0, []));
        }
        Some(frame)
    }

    fn receive(&mut self) -> Option<Frame> {
        let length = loop {
            if let [a, b, c, ..] = *self.buffer.as_slice() {
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                if self.buffer.len() >= 9 + length {
                    break length;
                }
            }
            let mut bytes = [0; 65536];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(length) => self.buffer.extend_from_slice(&bytes[..length]),
                Err(error) if is_end(&error) => return None,
                Err(error) => panic!("nothing is received: {error}"),
            }
        };
        let bytes: Vec<u8> = self.buffer.drain(..9 + length).collect();
        let stream = u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]) & 0x7fff_ffff;
        Some(Frame::new(bytes[3], bytes[4], stream, &bytes[9..]))
    }

    /// Reads up to a frame of this kind.
    ///
    /// # Panics
    /// If the connection ends before.
    pub fn until(&mut self, kind: u8) -> Frame {
        let mut before = Vec::new();
        while let Some(frame) = self.frame() {
            if frame.kind == kind {
                return frame;
            }
            before.push((frame.kind, frame.stream, frame.reason()));
        }
        panic!("the connection ended; kinds, streams and reasons before: {before:?}")
    }

    /// GETs a path on stream `stream`; returns the status and the content.
    ///
    /// # Panics
    /// If the connection ends, or the stream is reset.
    pub fn get(&mut self, stream: u32, path: &str) -> (u16, Vec<u8>) {
        self.send(&Frame::get(stream, path));
        self.answer(stream)
    }

    /// Reads the answer on a stream; grants the connection what it took.
    ///
    /// # Panics
    /// If the connection ends, or the stream is reset.
    pub fn answer(&mut self, stream: u32) -> (u16, Vec<u8>) {
        let (mut status, mut content) = (None, Vec::new());
        loop {
            let frame = self.frame().expect("an answer");
            if frame.stream != stream {
                continue;
            }
            assert_ne!(frame.kind, kind::RST_STREAM, "reset: {:?}", frame.reason());
            status = status.or(frame.status());
            if frame.kind == kind::DATA {
                self.grant(&frame);
                content.extend(&frame.payload);
            }
            if frame.is_last() {
                return (status.expect("a status"), content);
            }
        }
    }

    /// Grants as much as this frame took, for its stream and for the connection.
    pub fn grant(&mut self, frame: &Frame) {
        let length = frame.payload.len() as u32;
        if length > 0 {
            // The server may have ended the stream or the connection already.
            let _ = self.try_send(&Frame::window_update(0, length));
            if !frame.is_last() {
                let _ = self.try_send(&Frame::window_update(frame.stream, length));
            }
        }
    }

    /// Reads to the end of the connection; returns the reason that the server gave for it.
    pub fn end(&mut self) -> Option<u32> {
        let mut reason = None;
        while let Some(frame) = self.frame() {
            if frame.kind == kind::GOAWAY {
                reason = frame.reason();
            }
        }
        reason
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_digits_are_read() {
        // 413 and 431 as the code of RFC 7541, appendix B, has them; 503 plain.
        let status = |payload: &[u8]| Frame::new(kind::HEADERS, 0, 1, payload).status();
        assert_eq!(status(&[0x89]), Some(204));
        assert_eq!(status(&[0x48, 3, b'5', b'0', b'3']), Some(503));
        // 4 = 011010, 1 = 00001, 3 = 011001.
        assert_eq!(status(&[0x48, 0x83, 0b0110_1000, 0b0010_1100, 0b1111_1111]), Some(413));
    }

    #[test]
    fn long_lengths_take_several_bytes() {
        let mut block = Vec::new();
        push_length(1337, &mut block);
        assert_eq!(block, [127, 0b1011_1010, 0b0000_1001]);
    }
}
