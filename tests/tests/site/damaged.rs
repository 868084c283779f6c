//! A bundle whose bytes have changed: an error or an end, never wrong bytes that look whole.

use std::io::Read;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use holdall_tests::{Scratch, Server, fixtures, tools};

use crate::fixture::{Site, gunzip};

/// A bundle of a stored and a deflated resource, and one that stays as it is.
struct Bundle {
    scratch: Scratch,
    bytes: Vec<u8>,
    /// Where the data of both lies in it.
    stored: usize,
    deflated: std::ops::Range<usize>,
}

impl Bundle {
    fn new() -> Self {
        let (noise, text) = (fixtures::noise(), large_text());
        let good = b"undamaged\n".to_vec();
        let site =
            Site::of(&[("noise.bin", noise.clone()), ("text.txt", text), ("good.txt", good)], "");
        let bytes = std::fs::read(site.bundle()).expect("a bundle");
        // What gzip has between its header of ten bytes and its trailer of eight is in the archive.
        let gzip = site.gzip("/text.txt").body;
        let data = &gzip[10..gzip.len() - 8];
        let deflated = find(&bytes, data);
        let (stored, deflated) = (find(&bytes, &noise), deflated..deflated + data.len());
        Self { scratch: Scratch::new(), bytes, stored, deflated }
    }

    /// Serves a copy with this byte changed.
    fn serve(&self, place: usize) -> Server {
        let mut bytes = self.bytes.clone();
        bytes[place] ^= 0x10;
        let path: PathBuf = self.scratch.write_program(format!("damaged-{place}"), bytes);
        Server::start(path)
    }
}

/// More than is sent in one piece, so that damage may be found when the head is gone already.
fn large_text() -> Vec<u8> {
    (0..60_000).flat_map(|line| format!("line {line} of a long text\n").into_bytes()).collect()
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    let start = &what[..64];
    let mut places = bytes.windows(64).enumerate().filter(|(_, window)| *window == start);
    let (place, _) = places.next().expect("data in the archive");
    assert!(bytes[place..].starts_with(what), "it is not in one piece");
    place
}

/// The status and the content, if it is whole.
fn ask(server: &Server, target: &str, fields: &str) -> (u16, Option<Vec<u8>>) {
    let mut stream = TcpStream::connect(server.address).expect("a server");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let head = format!("GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{fields}\r\n");
    std::io::Write::write_all(&mut stream, head.as_bytes()).expect("a server that reads");
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let is_ended = stream.read_to_end(&mut bytes).is_ok();
    if bytes.is_empty() {
        return (0, None);
    }
    let answer = holdall_tests::http::parse(&bytes);
    let length: Option<usize> =
        answer.header("content-length").and_then(|length| length.parse().ok());
    let is_whole = match length {
        Some(length) => answer.body.len() == length,
        None => is_ended && answer.body.ends_with(b"\r\n0\r\n\r\n"),
    };
    (answer.status, is_whole.then_some(answer.body))
}

/// What is whole and no error is right.
fn check(server: &Server, target: &str, content: &[u8]) {
    let length = content.len();
    for (fields, range) in [
        ("", 0..length),
        ("accept-encoding: gzip\r\n", 0..length),
        ("range: bytes=0-999\r\n", 0..1_000),
        ("range: bytes=-1000\r\n", length - 1_000..length),
        ("range: bytes=1000-\r\n", 1_000..length),
    ] {
        match ask(server, target, fields) {
            (0 | 500, _) | (_, None) => {}
            (200 | 206, Some(body)) => {
                let is_gzip = body.starts_with(b"\x1f\x8b\x08") && !content.starts_with(&body[..3]);
                let body = if is_gzip { gunzip(&body) } else { body };
                assert!(
                    body == content[range],
                    "{target} {fields:?}: wrong bytes in a whole answer"
                );
            }
            (status, Some(_)) => panic!("{target} {fields:?}: {status}"),
        }
    }
}

#[test]
fn a_stored_resource_that_is_damaged_is_not_served() {
    let bundle = Bundle::new();
    for offset in [0, 1, 500, 65_535, 65_536, 99_000, 99_999] {
        let server = bundle.serve(bundle.stored + offset);
        check(&server, "/noise.bin", &fixtures::noise());
        check_rest(&server, "/text.txt", &large_text());
    }
}

#[test]
fn a_deflated_resource_that_is_damaged_is_not_served() {
    let bundle = Bundle::new();
    let data = bundle.deflated.clone();
    let length = data.len();
    for offset in [0, 1, 100, length / 4, length / 2, length - 100, length - 1] {
        let server = bundle.serve(data.start + offset);
        check(&server, "/text.txt", &large_text());
        check_rest(&server, "/noise.bin", &fixtures::noise());
    }
}

/// The rest is served, and somebody is told.
fn check_rest(server: &Server, target: &str, content: &[u8]) {
    assert_eq!(ask(server, "/good.txt", ""), (200, Some(b"undamaged\n".to_vec())));
    assert!(ask(server, target, "").1.as_deref() == Some(content), "{target}");
    assert!(server.log().lines().len() > 1, "nobody was told: {:?}", server.log().lines());
}

#[test]
fn over_http2_a_damaged_resource_is_no_whole_answer() {
    let bundle = Bundle::new();
    for (place, target) in
        [(bundle.stored + 70_000, "noise.bin"), (bundle.deflated.end - 50, "text.txt")]
    {
        let server = bundle.serve(place);
        let url = format!("http://{}/{target}", server.address);
        let curl = tools::tool("curl").args(["-sSf", "--http2-prior-knowledge", &url]).end();
        assert_ne!(curl.code(), 0, "{target}: {} bytes", curl.stdout.len());
        assert_eq!(server.get("/good.txt").text(), "undamaged\n");
    }
}
