//! Content byte for byte: of every size, over HTTP/1.1 and HTTP/2, in clear text and TLS.

use std::path::PathBuf;

use holdall_tests::certificates::Authority;
use holdall_tests::fixtures::noise_of;
use holdall_tests::http::parse;
use holdall_tests::{FREE_PORT, Run, Scratch, Server, tools};

use crate::answer::Answer;
use crate::fixture::{gunzip, pack};

const FRAME: usize = 64 << 10;
const LARGE: usize = 5 << 20;

/// Around what is sent in one piece, and much more.
const SIZES: [usize; 10] =
    [0, 1, 17, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 1 << 20, (1 << 20) + 1, LARGE];

/// A text that is deflated.
fn text_of(length: usize) -> Vec<u8> {
    let lines = (0..).flat_map(|number: usize| format!("{number} is a line\n").into_bytes());
    lines.take(length).collect()
}

/// A server with an endpoint of each kind.
struct Endpoints {
    scratch: Scratch,
    _server: Server,
    urls: Vec<String>,
    root: PathBuf,
    contents: Vec<(String, Vec<u8>)>,
}

impl Endpoints {
    fn new() -> Self {
        let stored = SIZES.map(|size| (format!("stored-{size}.bin"), noise_of(size, 7)));
        let packed = SIZES.map(|size| (format!("packed-{size}.txt"), text_of(size)));
        let contents: Vec<_> = stored.into_iter().chain(packed).collect();
        let files: Vec<_> = contents.iter().map(|(name, it)| (name.as_str(), it)).collect();
        let scratch = pack(&files, "", &[]);
        let authority = Authority::new();
        let root = authority.write_root(&scratch, "root.pem");
        let tls = authority.issue(&["localhost", "127.0.0.1"]).endpoint(&scratch, "tls");
        let run = Run::new(scratch.path("site")).args(["--port", FREE_PORT, "--port", &tls]);
        let server = Server::from_run(run);
        let urls = server.urls(2);
        Self { scratch, _server: server, urls, root, contents }
    }

    /// What curl gets, with all header fields.
    fn curl(&self, url: &str, arguments: &[&str], fields: &[&str]) -> Answer {
        let curl = tools::tool("curl").args(["-sSi", "--cacert"]).arg(&self.root).args(arguments);
        let fields = fields.iter().flat_map(|field| ["-H", *field]);
        Answer::from(parse(&curl.args(fields).arg(url).ok().stdout))
    }

    /// Clear text and TLS, each with HTTP/1.1 and HTTP/2: the URL, and how curl is told.
    fn ways(&self) -> [(&str, &'static [&'static str]); 4] {
        let [plain, tls] = [&*self.urls[0], &*self.urls[1]];
        [
            (plain, &["--http1.1"]),
            (plain, &["--http2-prior-knowledge"]),
            (tls, &["--http1.1"]),
            (tls, &["--http2"]),
        ]
    }
}

#[test]
fn every_size_comes_whole_on_every_way() {
    let endpoints = Endpoints::new();
    for (url, version) in endpoints.ways() {
        for (name, content) in &endpoints.contents {
            let told = format!("{name} from {url} by {version:?}");
            let url = format!("{url}/{name}");
            let plain = endpoints.curl(&url, version, &[]);
            assert_eq!(plain.status, 200, "{told}");
            assert!(plain.body == *content, "{told}: {plain:?}");
            assert_eq!(plain.header("content-length"), Some(&*content.len().to_string()), "{told}");
            let gzip = endpoints.curl(&url, version, &["accept-encoding: gzip"]);
            let is_packed = gzip.header("content-encoding") == Some("gzip");
            assert_eq!(is_packed, name.starts_with("packed") && content.len() > 1_000, "{told}");
            let inflated = if is_packed { gunzip(&gzip.body) } else { gzip.body };
            assert!(inflated == *content, "{told}");
            check_head(&endpoints, &url, version, &plain);
        }
    }
}

fn check_head(endpoints: &Endpoints, url: &str, version: &[&str], got: &Answer) {
    let head = endpoints.curl(url, &[version, &["--head"]].concat(), &[]);
    assert_eq!(head.lasting_fields(), got.lasting_fields(), "{url} {version:?}");
}

/// The same on each way, but for what belongs to the connection.
#[test]
fn every_way_says_the_same() {
    let endpoints = Endpoints::new();
    for (method, name, fields) in [
        ("GET", "/packed-1048577.txt", &[][..]),
        ("GET", "/packed-1048577.txt", &["accept-encoding: gzip"]),
        ("GET", "/packed-1048577.txt", &["range: bytes=1000000-1000099"]),
        ("GET", "/packed-1048577.txt", &["range: bytes=0-99,1000000-1000099"]),
        ("GET", "/stored-5242880.bin", &["range: bytes=5000000-"]),
        ("GET", "/stored-5242880.bin", &["range: bytes=-1"]),
        ("GET", "/stored-5242880.bin", &["if-none-match: *"]),
        ("GET", "/stored-5242880.bin", &["if-match: \"x\""]),
        ("GET", "/stored-5242880.bin", &["range: bytes=5242880-"]),
        ("GET", "/stored-5242880.bin", &["accept-encoding: *;q=0"]),
        ("GET", "/stored-0.bin", &[]),
        ("GET", "/nothing", &[]),
        ("GET", "/%zz", &[]),
        ("POST", "/stored-17.bin", &[]),
        ("DELETE", "/nothing", &[]),
        ("OPTIONS", "/stored-17.bin", &[]),
    ] {
        let mut answers = endpoints.ways().map(|(url, version)| {
            let arguments = [version, &["-X", method]].concat();
            let answer = endpoints.curl(&format!("{url}{name}"), &arguments, fields);
            (answer.status, without_boundary(&answer), answer.body)
        });
        let first = std::mem::take(&mut answers[0]);
        for (number, answer) in answers.into_iter().enumerate().skip(1) {
            let told = format!("{method} {name} {fields:?}, way {number}");
            assert_eq!((answer.0, &answer.1), (first.0, &first.1), "{told}");
            assert_eq!(answer.2.len(), first.2.len(), "{told}");
        }
    }
}

/// Boundaries may be new each time.
fn without_boundary(answer: &Answer) -> Vec<(String, String)> {
    let fields = answer.lasting_fields().into_iter().cloned();
    let cut = |(name, value): (String, String)| {
        let value = value.split("; boundary=").next().unwrap_or_default().to_owned();
        (name, value)
    };
    fields.filter(|(name, _)| name != "connection").map(cut).collect()
}

/// Many at once on one connection of HTTP/2, large and small. Over TLS, as curl can't do that with a
/// server of which it knows that it speaks HTTP/2.
#[test]
fn streams_do_not_mix() {
    let endpoints = Endpoints::new();
    let [.., (url, version)] = endpoints.ways();
    let curl = tools::tool("curl").args(["-sS", "--parallel", "--parallel-max", "20", "--cacert"]);
    let mut curl = curl.arg(&endpoints.root).args(version);
    for (name, _) in &endpoints.contents {
        curl = curl.arg("-o").arg(endpoints.scratch.path(name)).arg(format!("{url}/{name}"));
    }
    curl.ok();
    for (name, content) in &endpoints.contents {
        let file = endpoints.scratch.path(name);
        // What is empty may have made no file.
        assert!(std::fs::read(file).unwrap_or_default() == *content, "{url}/{name}");
    }
}
