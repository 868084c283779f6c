//! The PROXY header, with which a proxy says whose connection it passes on.
//!
//! Versions 1 and 2 of <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>, sections 2.1
//! and 2.2. No input or output: [`parse`] is given the bytes that have come so far, as often as
//! some come, and says whether they are a header, may become one, or never will. Garbage is told
//! at its first wrong byte, and no answer changes when more bytes come.
//!
//! ```
//! use holdall_endpoint::proxy::{self, Parsed};
//!
//! let bytes = b"PROXY TCP4 192.0.2.1 192.0.2.9 5000 443\r\nGET / HTTP/1.1\r\n";
//! assert_eq!(proxy::parse(&bytes[..20])?, Parsed::Incomplete);
//! let Parsed::Header { length, source, .. } = proxy::parse(bytes)? else { unreachable!() };
//! assert_eq!(&bytes[length..length + 5], b"GET /");
//! assert_eq!(source, Some("192.0.2.1:5000".parse().unwrap()));
//! # Ok::<(), proxy::HeaderError>(())
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header that is accepted, in bytes: what a buffer for it must hold.
pub const LONGEST: usize = V2_FIXED + V2_LONGEST_REST;

/// The longest line of version 1, with its end (section 2.1).
const V1_LONGEST: usize = 107;

const V1_START: &[u8] = b"PROXY ";

const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and protocol, and the length of the rest.
const V2_FIXED: usize = 16;

/// Addresses take at most 216 bytes; the rest are extensions (TLVs), which may be certificates.
const V2_LONGEST_REST: usize = 4096;

/// What the bytes are so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a header: more bytes must come.
    Incomplete,
    /// A header, and perhaps bytes after it.
    Header {
        /// How many bytes it has; the connection proper begins after them.
        length: usize,
        /// The client. `None` where the header has no IP address: the proxy speaks for itself (a
        /// health check), does not know, or was asked over a Unix socket. The address of the
        /// connection holds then.
        source: Option<SocketAddr>,
        /// The address that the client connected to.
        destination: Option<SocketAddr>,
    },
}

/// Why bytes are no PROXY header; the connection is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// They begin with something else, such as a request that came past the proxy.
    #[error("the connection does not begin with a PROXY header")]
    NotAHeader,
    /// The line of version 1 does not end where it must, or not with CR and LF.
    #[error("the PROXY line does not end with CR LF within {V1_LONGEST} bytes")]
    BadLineEnd,
    /// The line of version 1 is not what section 2.1 says.
    #[error("the PROXY line has no valid {part}")]
    BadLine {
        /// The part that is wrong or missing.
        part: &'static str,
    },
    /// A version after 2.
    #[error("the PROXY header has version {version}, known are 1 and 2")]
    UnknownVersion {
        /// The version.
        version: u8,
    },
    /// A command that is neither LOCAL nor PROXY.
    #[error("the PROXY header has command {command}, known are 0 and 1")]
    UnknownCommand {
        /// The command.
        command: u8,
    },
    /// A family or a transport that section 2.2 does not list.
    #[error("the PROXY header has address family and protocol {byte:#04x}, which mean nothing")]
    UnknownFamily {
        /// The byte of both.
        byte: u8,
    },
    /// The header ends before its addresses do.
    #[error("the PROXY header has {length} bytes of addresses, {wanted} are needed")]
    TooShort {
        /// How many bytes follow the fixed part.
        length: usize,
        /// How many the addresses of the family take.
        wanted: usize,
    },
    /// More extensions than anybody sends.
    #[error("the PROXY header goes on for {length} bytes, at most {V2_LONGEST_REST} are accepted")]
    TooLong {
        /// How many bytes follow the fixed part.
        length: usize,
    },
}

/// The addresses of a header: source, then destination.
type Addresses = Option<(SocketAddr, SocketAddr)>;

/// Says what the bytes that have come so far are.
///
/// # Errors
/// [`HeaderError`] where no further bytes could make a header of them.
pub fn parse(bytes: &[u8]) -> Result<Parsed, HeaderError> {
    let (length, addresses) = if begins_as(bytes, V2_SIGNATURE) {
        match v2(bytes)? {
            Some(header) => header,
            None => return Ok(Parsed::Incomplete),
        }
    } else if begins_as(bytes, V1_START) {
        match v1(bytes)? {
            Some(header) => header,
            None => return Ok(Parsed::Incomplete),
        }
    } else {
        return Err(HeaderError::NotAHeader);
    };
    let (source, destination) = addresses.unzip();
    Ok(Parsed::Header { length, source, destination })
}

/// Are the bytes the beginning of `start`, or `start` and more?
fn begins_as(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(byte, wanted)| byte == wanted)
}

/// Parses the line of version 1, once it is complete.
fn v1(bytes: &[u8]) -> Result<Option<(usize, Addresses)>, HeaderError> {
    let bytes = &bytes[..bytes.len().min(V1_LONGEST)];
    let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        let is_full = bytes.len() == V1_LONGEST;
        return if is_full { Err(HeaderError::BadLineEnd) } else { Ok(None) };
    };
    match &bytes[end..] {
        [b'\r', b'\n', ..] => {}
        [b'\r'] if bytes.len() < V1_LONGEST => return Ok(None),
        _ => return Err(HeaderError::BadLineEnd),
    }
    Ok(Some((end + 2, v1_addresses(&bytes[V1_START.len()..end])?)))
}

fn v1_addresses(line: &[u8]) -> Result<Addresses, HeaderError> {
    let bad = |part| HeaderError::BadLine { part };
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let address: fn(&str) -> Option<IpAddr> = match words.next() {
        // What follows is for nobody to read.
        Some("UNKNOWN") => return Ok(None),
        Some("TCP4") => |word| word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Some("TCP6") => |word| word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => return Err(bad("protocol (TCP4, TCP6 or UNKNOWN)")),
    };
    let source = words.next().and_then(address).ok_or(bad("source address"))?;
    let destination = words.next().and_then(address).ok_or(bad("destination address"))?;
    let source_port = words.next().and_then(v1_port).ok_or(bad("source port"))?;
    let destination_port = words.next().and_then(v1_port).ok_or(bad("destination port"))?;
    match words.next() {
        None => Ok(Some((
            SocketAddr::new(source, source_port),
            SocketAddr::new(destination, destination_port),
        ))),
        Some(_) => Err(bad("end after the destination port")),
    }
}

/// A number without a sign and, as section 2.1 has it, without leading zeros.
fn v1_port(word: &str) -> Option<u16> {
    let port: u16 = word.parse().ok()?;
    (port.to_string() == word).then_some(port)
}

/// Parses version 2 of the header, once it is complete.
fn v2(bytes: &[u8]) -> Result<Option<(usize, Addresses)>, HeaderError> {
    let command = match bytes.get(12) {
        None => return Ok(None),
        Some(0x20) => Command::Local,
        Some(0x21) => Command::Proxy,
        Some(byte) if byte >> 4 != 2 => {
            return Err(HeaderError::UnknownVersion { version: byte >> 4 });
        }
        Some(byte) => return Err(HeaderError::UnknownCommand { command: byte & 0xf }),
    };
    let Some(&family) = bytes.get(13) else { return Ok(None) };
    let wanted = v2_addresses_length(command, family)?;
    let Some(&[high, low]) = bytes.get(14..V2_FIXED) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < wanted {
        return Err(HeaderError::TooShort { length, wanted });
    }
    if length > V2_LONGEST_REST {
        return Err(HeaderError::TooLong { length });
    }
    let Some(rest) = bytes.get(V2_FIXED..V2_FIXED + length) else { return Ok(None) };
    Ok(Some((V2_FIXED + length, v2_addresses(command, family, rest))))
}

#[derive(Clone, Copy)]
enum Command {
    /// The proxy speaks for itself, and what follows is to be skipped.
    Local,
    Proxy,
}

/// How many bytes the addresses take; section 2.2 says which bytes mean a family and a transport.
fn v2_addresses_length(command: Command, family: u8) -> Result<usize, HeaderError> {
    match (command, family) {
        (Command::Local, _) => Ok(0),
        (Command::Proxy, 0x00..=0x02 | 0x10 | 0x20 | 0x30) => Ok(0),
        (Command::Proxy, 0x11 | 0x12) => Ok(12),
        (Command::Proxy, 0x21 | 0x22) => Ok(36),
        (Command::Proxy, 0x31 | 0x32) => Ok(216),
        (Command::Proxy, byte) => Err(HeaderError::UnknownFamily { byte }),
    }
}

/// The addresses of TCP; those of other transports are not whose connection this is.
fn v2_addresses(command: Command, family: u8, rest: &[u8]) -> Addresses {
    match (command, family) {
        (Command::Proxy, 0x11) => v2_pair::<4, Ipv4Addr>(rest),
        (Command::Proxy, 0x21) => v2_pair::<16, Ipv6Addr>(rest),
        _ => None,
    }
}

/// Two addresses of `N` bytes, then two ports; the caller has checked the length.
fn v2_pair<const N: usize, Ip: From<[u8; N]> + Into<IpAddr>>(rest: &[u8]) -> Addresses {
    let (source, rest) = rest.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (source_port, rest) = rest.split_first_chunk::<2>()?;
    let (destination_port, _) = rest.split_first_chunk::<2>()?;
    let address = |ip: &[u8; N], port: &[u8; 2]| {
        SocketAddr::new(Ip::from(*ip).into(), u16::from_be_bytes(*port))
    };
    Some((address(source, source_port), address(destination, destination_port)))
}
