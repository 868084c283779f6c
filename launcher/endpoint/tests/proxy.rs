//! PROXY headers whole, cut at every byte, and damaged.

use std::net::SocketAddr;

use holdall_endpoint::proxy::{HeaderError, LONGEST, Parsed, parse};
use proptest::prelude::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 9, 0x13, 0x88, 0x01, 0xbb];

/// A header of version 2 whose length says what follows.
fn v2(version_and_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[version_and_command, family], &length, rest].concat()
}

fn v6() -> Vec<u8> {
    let mut addresses = vec![0; 36];
    addresses[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    addresses[31] = 1;
    addresses[32..].copy_from_slice(&[0x13, 0x88, 0x01, 0xbb]);
    addresses
}

fn address(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}

/// Checks the header, and that its every beginning is incomplete, whatever follows.
fn check(header: &[u8], source: Option<SocketAddr>, destination: Option<SocketAddr>) {
    let parsed = Ok(Parsed::Header { length: header.len(), source, destination });
    assert_eq!(parse(header), parsed, "{}", header.escape_ascii());
    assert_eq!(parse(&[header, b"GET / HTTP/1.1\r\n\r\n"].concat()), parsed);
    for length in 0..header.len() {
        assert_eq!(parse(&header[..length]), Ok(Parsed::Incomplete), "{length} bytes");
    }
}

#[test]
fn headers_with_addresses_split_at_every_byte() {
    let (source, destination) = (address("192.0.2.1:5000"), address("192.0.2.9:443"));
    check(b"PROXY TCP4 192.0.2.1 192.0.2.9 5000 443\r\n", source, destination);
    check(&v2(0x21, 0x11, &V4), source, destination);
    let extended = [&V4[..], b"\x04\0\x05nothing"].concat();
    check(&v2(0x21, 0x11, &extended), source, destination);
    let (source, destination) = (address("[2001:db8::]:5000"), address("[::1]:443"));
    check(b"PROXY TCP6 2001:db8:: ::1 5000 443\r\n", source, destination);
    check(&v2(0x21, 0x21, &v6()), source, destination);
    let longest = [
        "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
    ]
    .join(" ");
    let ffff = address("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    check(longest.as_bytes(), ffff, ffff);
}

#[test]
fn headers_without_an_address_leave_that_of_the_connection() {
    check(b"PROXY UNKNOWN\r\n", None, None);
    check(b"PROXY UNKNOWN ff::1 \xff whatever\r\n".as_slice(), None, None);
    // The longest that section 2.1 names.
    check(format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 16)).as_bytes(), None, None);
    check(&v2(0x20, 0x00, b""), None, None);
    check(&v2(0x20, 0xff, &V4), None, None);
    check(&v2(0x21, 0x00, b"more"), None, None);
    check(&v2(0x21, 0x12, &V4), None, None);
    check(&v2(0x21, 0x31, &[b'/'; 216]), None, None);
    check(&v2(0x21, 0x00, &[0; LONGEST - 16]), None, None);
}

#[test]
fn what_is_no_header_is_told_at_its_first_wrong_byte() {
    for bytes in
        [&b"G"[..], b"GET / HTTP/1.1\r\n", b"PROXX", b"PROXY\t", b"\r\n\r\n\r", b"\x16\x03"]
    {
        assert_eq!(parse(bytes), Err(HeaderError::NotAHeader), "{}", bytes.escape_ascii());
    }
    let start = |rest: &[u8]| parse(&[SIGNATURE, rest].concat());
    assert_eq!(start(&[0x31]), Err(HeaderError::UnknownVersion { version: 3 }));
    assert_eq!(start(&[0x22]), Err(HeaderError::UnknownCommand { command: 2 }));
    assert_eq!(start(&[0x21, 0x13]), Err(HeaderError::UnknownFamily { byte: 0x13 }));
    assert_eq!(start(&[0x21, 0x41]), Err(HeaderError::UnknownFamily { byte: 0x41 }));
    let short = HeaderError::TooShort { length: 11, wanted: 12 };
    assert_eq!(start(&[0x21, 0x11, 0, 11]), Err(short));
    let length = LONGEST - 15;
    let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
    assert_eq!(start(&[0x20, 0, high, low]), Err(HeaderError::TooLong { length }));
}

#[test]
fn damaged_lines() {
    let cases = [
        ("PROXY \r\n", "protocol (TCP4, TCP6 or UNKNOWN)"),
        ("PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "protocol (TCP4, TCP6 or UNKNOWN)"),
        ("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "protocol (TCP4, TCP6 or UNKNOWN)"),
        ("PROXY UNKNOWN1 a\r\n", "protocol (TCP4, TCP6 or UNKNOWN)"),
        ("PROXY TCP4\r\n", "source address"),
        ("PROXY TCP4 ::1 ::1 1 2\r\n", "source address"),
        ("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "source address"),
        ("PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", "source address"),
        ("PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", "destination address"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", "source port"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "source port"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "destination port"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "destination port"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "end after the destination port"),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "end after the destination port"),
    ];
    for (line, part) in cases {
        assert_eq!(parse(line.as_bytes()), Err(HeaderError::BadLine { part }), "{line:?}");
    }
    assert_eq!(parse(b"PROXY TCP4 \xff\r\n"), Err(HeaderError::BadLine { part: "source address" }));
    for line in ["PROXY UNKNOWN\n", "PROXY UNKNOWN\r ", "PROXY UNKNOWN\r\r\n", &"PROXY ".repeat(18)]
    {
        assert_eq!(parse(line.as_bytes()), Err(HeaderError::BadLineEnd), "{line:?}");
    }
    // The end would be at 108 bytes.
    let long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 15));
    assert_eq!(parse(&long.as_bytes()[..106]), Ok(Parsed::Incomplete));
    assert_eq!(parse(&long.as_bytes()[..107]), Err(HeaderError::BadLineEnd));
    assert_eq!(parse(long.as_bytes()), Err(HeaderError::BadLineEnd));
}

proptest! {
    #[test]
    fn an_answer_does_not_change_when_more_bytes_come(
        start in prop::sample::select(vec![&b""[..], b"PROXY ", b"PROXY TCP4 1.2.3.4 ", SIGNATURE]),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let bytes = [start, &bytes].concat();
        let last = parse(&bytes);
        for length in 0..bytes.len() {
            let earlier = parse(&bytes[..length]);
            prop_assert!(earlier == Ok(Parsed::Incomplete) || earlier == last);
        }
    }
}
