//! Lines of the access log, in real files.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use holdall_log::{Lines, Target};
use holdall_service::{AccessFormat, AccessLog, Logged, Peer, Record, Scheme};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A request, as its record lends it.
struct Asked {
    peer: Peer,
    method: Method,
    target: Uri,
    version: Version,
    sent: u64,
    logged: Logged,
}

fn asked(headers: &[(&'static str, &[u8])]) -> Asked {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            (name.parse().unwrap(), HeaderValue::from_bytes(value).expect("a value"))
        })
        .collect();
    let client: SocketAddr = "192.0.2.1:4321".parse().unwrap();
    Asked {
        peer: Peer { client: Some(client), scheme: Scheme::Https, server_name: None },
        method: Method::GET,
        target: Uri::from_static("/a?b=c"),
        version: Version::HTTP_11,
        sent: 12,
        logged: Logged::of(&headers),
    }
}

impl Asked {
    fn record(&self) -> Record<'_> {
        Record {
            time: UNIX_EPOCH + Duration::from_micros(1_795_387_800_123_456),
            request_id: &"0a1b-2",
            peer: &self.peer,
            method: &self.method,
            target: &self.target,
            version: self.version,
            status: StatusCode::OK,
            received: 3,
            sent: self.sent,
            duration: Duration::from_nanos(1_002_003_999),
            logged: &self.logged,
        }
    }

    /// Its line.
    fn line(&self, format: AccessFormat) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access");
        let log = log(format, &path);
        log.write(&self.record());
        drop(log);
        let text = fs::read_to_string(path).expect("UTF-8");
        let line = text.strip_suffix('\n').expect("an end").to_owned();
        assert!(!line.contains(char::is_control), "{line:?}");
        line
    }

    fn object(&self) -> Value {
        serde_json::from_str(&self.line(AccessFormat::Json)).expect("an object")
    }
}

fn log(format: AccessFormat, path: &Path) -> AccessLog {
    let lines = Lines::open(&Target::File(path.to_owned())).expect("a file");
    AccessLog::start(format, lines).expect("a thread")
}

fn file() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access");
    (folder, path)
}

#[test]
fn combined_is_as_apache_has_it_and_more() {
    let asked = asked(&[("referer", b"https://a.test/"), ("user-agent", b"curl/8 \"x\" \\")]);
    assert_eq!(
        asked.line(AccessFormat::Combined),
        "192.0.2.1 - - [22/Nov/2026:22:50:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 12 \
         \"https://a.test/\" \"curl/8 \\\"x\\\" \\\\\" 1.002003 0a1b-2"
    );
}

#[test]
fn what_is_not_there_is_a_dash() {
    let asked = Asked { peer: Peer::default(), sent: 0, ..asked(&[]) };
    assert_eq!(
        asked.line(AccessFormat::Combined),
        "- - - [22/Nov/2026:22:50:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 - \"-\" \"-\" \
         1.002003 0a1b-2"
    );
}

#[test]
fn an_http2_request_shows_its_path() {
    let target = Uri::from_static("https://a.test/b?c");
    let asked = Asked { target, version: Version::HTTP_2, ..asked(&[]) };
    assert!(asked.line(AccessFormat::Combined).contains("\"GET /b?c HTTP/2.0\""));
    assert_eq!(asked.object()["http.request.header.host"], "a.test");
}

#[test]
fn json_has_the_names_of_opentelemetry() {
    let headers: [(_, &[u8]); 3] =
        [("host", b"a.test:8443"), ("referer", b"/"), ("user-agent", b"curl/8")];
    let mut asked = asked(&headers);
    asked.peer.server_name = Some("a.test".into());
    assert_eq!(
        asked.object(),
        json!({
            "time": "2026-11-22T22:50:00.123456Z",
            "event.name": "http.server.request",
            "request_id": "0a1b-2",
            "client.address": "192.0.2.1",
            "client.port": 4321,
            "http.request.method": "GET",
            "url.scheme": "https",
            "url.path": "/a",
            "url.query": "b=c",
            "network.protocol.version": "1.1",
            "http.response.status_code": 200,
            "http.request.body.size": 3,
            "http.response.body.size": 12,
            "http.server.request.duration": 1.002003,
            "http.request.header.host": "a.test:8443",
            "http.request.header.referer": "/",
            "user_agent.original": "curl/8",
            "tls.client.server_name": "a.test",
        })
    );
}

#[test]
fn what_is_not_there_is_left_out_of_json() {
    let object = Asked { peer: Peer::default(), ..asked(&[]) }.object();
    assert_eq!(object.get("client.address"), None);
    assert_eq!(object.get("user_agent.original"), None);
    assert_eq!(object["url.scheme"], "http");
}

#[test]
fn no_client_can_forge_a_line() {
    // All that http lets through, in headers and in targets; CR and LF it does not.
    let bytes: Vec<u8> = (0..=255).filter(|byte| matches!(byte, 9 | 32..=126 | 128..)).collect();
    let mut asked = asked(&[("user-agent", &bytes), ("referer", b"\" 200 1 \"-\" \"\xc2\x85")]);
    asked.target = "/%0d%0a\"{}|\\^\u{85}\u{202e}".parse().expect("hyper takes it");
    asked.method = "A|B'`".parse().expect("a token");
    let line = asked.line(AccessFormat::Combined);
    assert!(line.is_ascii());
    assert!(
        line.contains("\"A|B'` /%0d%0a\\\"{}|\\\\^\\xc2\\x85\\xe2\\x80\\xae HTTP/1.1\""),
        "{line}"
    );
    assert!(line.contains("\"\\\" 200 1 \\\"-\\\" \\\"\\xc2\\x85\" \"\\t !\\\"#"), "{line}");
    let object = asked.object();
    assert_eq!(object["user_agent.original"], *String::from_utf8_lossy(&bytes));
    assert_eq!(object["http.request.method"], "A|B'`");
}

#[test]
fn a_mapped_address_is_shown_as_what_it_is() {
    let mut asked = asked(&[]);
    asked.peer.client = Some("[::ffff:192.0.2.7]:80".parse().unwrap());
    assert!(asked.line(AccessFormat::Combined).starts_with("192.0.2.7 - - "));
    asked.peer.client = Some("[2001:db8::1]:80".parse().unwrap());
    assert!(asked.line(AccessFormat::Combined).starts_with("2001:db8::1 - - "));
}

#[test]
fn a_time_before_all_times_is_no_reason_to_fail() {
    let asked = asked(&[]);
    let time = UNIX_EPOCH - Duration::from_secs(u32::MAX.into()) * 100;
    let (_folder, path) = file();
    log(AccessFormat::Combined, &path).write(&Record { time, ..asked.record() });
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 1);
}

#[test]
fn a_line_is_written_soon_without_any_other() {
    let (_folder, path) = file();
    let log = log(AccessFormat::Combined, &path);
    log.write(&asked(&[]).record());
    let begun = Instant::now();
    while fs::metadata(&path).unwrap().len() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "never written");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn flushing_writes_what_came_before() {
    let (_folder, path) = file();
    let log = log(AccessFormat::Combined, &path);
    for lines in 1..100 {
        log.write(&asked(&[]).record());
        log.flush();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), lines);
    }
}

#[test]
fn nothing_is_lost_while_the_file_is_rotated() {
    const LINES: usize = 20_000;
    let (folder, path) = file();
    let lines = Lines::open(&Target::File(path.clone())).unwrap();
    let log = AccessLog::start(AccessFormat::Json, lines.clone()).unwrap();
    thread::scope(|scope| {
        for writer in 0..2 {
            let log = log.clone();
            scope.spawn(move || {
                let asked = asked(&[]);
                (0..LINES).for_each(|number| {
                    let request_id = &format_args!("{writer}-{number}").to_string();
                    log.write(&Record { request_id, ..asked.record() });
                    // As many as a disk takes, so that none has to be dropped.
                    if number % 1_000 == 0 {
                        log.flush();
                    }
                });
            });
        }
        for rotation in 0..20 {
            fs::rename(&path, folder.path().join(format!("access.{rotation}"))).unwrap();
            lines.reopen().unwrap();
        }
    });
    drop(log);
    let mut ids = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let file = BufReader::new(File::open(entry.unwrap().path()).unwrap());
        let id = |line: String| serde_json::from_str::<Value>(&line).unwrap()["request_id"].clone();
        ids.extend(file.lines().map(|line| id(line.unwrap()).as_str().unwrap().to_owned()));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2 * LINES);
}

#[test]
fn a_writer_that_is_held_up_holds_up_no_request() {
    let (folder, _) = file();
    let path = folder.path().join("fifo");
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600));
    rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
    let _never_reads = File::options().read(true).write(true).open(&path).unwrap();
    let log = log(AccessFormat::Json, &path);
    let begun = Instant::now();
    let asked = asked(&[]);
    // Twenty megabytes, of which four wait, and a little is in the FIFO.
    (0..40_000).for_each(|_| log.write(&asked.record()));
    let needed = begun.elapsed();
    assert!(needed < Duration::from_secs(60), "{needed:?}");
    drop(log);
    assert!(begun.elapsed() < Duration::from_secs(120), "it ends");
}

#[test]
fn times_are_those_of_the_request() {
    let (_folder, path) = file();
    let asked = asked(&[]);
    log(AccessFormat::Json, &path).write(&Record { time: SystemTime::now(), ..asked.record() });
    let object: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let time: jiff::Timestamp = object["time"].as_str().unwrap().parse().unwrap();
    assert!(SystemTime::from(time).elapsed().unwrap() < Duration::from_secs(3_600));
}
