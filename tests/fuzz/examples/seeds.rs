//! Writes the corpora that fuzzing begins with: `cargo run --example seeds`, in this directory.

use std::{
    fs::{self, File},
    path::Path,
};

use holdall_archive::{DosTime, Method, Name, Packed, Streamed, Writer};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A raw deflate stream: one block that is stored, as the seeds need no packer.
fn as_stored_block(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), content].concat()
}

fn bundle(path: &Path, names: &[&str], index: bool) -> Outcome {
    let _ = fs::remove_file(path);
    let mut writer = Writer::new(File::create_new(path)?, path, &[], DosTime::EARLIEST)?;
    for (position, name) in names.iter().enumerate() {
        let content = format!("{name}, ").repeat(20 * position);
        let packed = match position % 2 {
            0 => Packed::stored(content.into_bytes()),
            _ => Packed::deflated(content.as_bytes(), as_stored_block(content.as_bytes()))
                .ok_or("deflatable")?,
        };
        writer.add(Name::new(name)?, 0o644, "text/plain", &packed)?;
    }
    let zeros = vec![0; 5000];
    let streamed = writer.add_stream(
        Name::new("zeros")?,
        0o600,
        "",
        Method::Deflated,
        zeros.len() as u64,
        &mut &zeros[..],
    )?;
    assert!(matches!(streamed, Streamed::Added));
    writer.finish()?;
    if !index {
        let mut bytes = fs::read(path)?;
        let magic = bytes.windows(8).rposition(|window| window == b"holdall\x01").ok_or("index")?;
        bytes[magic] = b'H';
        fs::write(path, bytes)?;
    }
    Ok(())
}

fn manifest(kind: &str) -> String {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let payload = match kind {
        "plugin" => r#", "payload": ".holdall/lib/libsayhello.so""#,
        "exec" => r#", "payload": ".holdall/bin/sayhello""#,
        _ => "",
    };
    format!(
        r#"{{"format": 1, "name": "sayhello", "version": "0.1.0",
        "entry_point": {{ "kind": "{kind}"{payload} }},
        "arguments": ["--port", "8080"],
        "built": {{ "by": "holdall 0.1.0", "target": "x86_64-unknown-linux-gnu" }},
        "prefix": {{ "size": 4096, "sha256": "{digest}" }},
        "content": {{ "files": 1, "size": 10, "digest": "sha256:{digest}" }} }}"#
    )
}

const ENDPOINTS: [&str; 12] = [
    "8080",
    r"tcp:80:interface=\:\:1:backlog=5",
    "tcp6:8080:interface=[::1]:reuseport=1:v6only=1",
    "unix:/run/x.sock:mode=660:lockfile=0",
    "tls:443:privateKey=k.pem:certKey=c.pem:extraCertChain=e.pem",
    "tls:path=/certificates:systemd:https",
    "systemd:domain=INET:index=0",
    "fd:3",
    r"le:certs:domains=a,b:challenge=dns-01:dns=hook:timeout=9:tcp:443",
    r"acme:d:directory=https\://ca\:1/d:fallback=https\://b/:eab=e:systemd:https",
    "haproxy:trust=10.0.0.0/8,[2001:db8::]/32:timeout=0.5:stdio:",
    "redirect:port=8443:unix:@name",
];

/// What authorities say, and what is written down about them.
const ANSWERS: [&str; 5] = [
    r#"{"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "no", "instance": "https://a",
        "subproblems": [{"type": "urn:ietf:params:acme:error:caa", "detail": "b",
                         "identifier": {"type": "dns", "value": "a.example"}}]}"#,
    "Sun, 06 Nov 1994 08:49:37 GMT",
    r#"<https://a/1>;rel="alternate", <https://a/d>; rel=index"#,
    r#"{"state": "live", "authority": "https://a/", "attempts": [], "issued": 1, "failed": 2}"#,
    r#"{"authority": "https://a/", "url": "https://a/o", "key_pem": "", "names": ["a.example"],
        "created": "2026-01-01T00:00:00Z"}"#,
];

/// Requests for the site of the fuzz target, each field on a line of its own.
const REQUESTS: [&str; 40] = [
    "GET /\nAccept-Encoding: gzip, deflate, br, zstd\nAccept: text/html,*/*;q=0.8",
    "GET /index.html\nAccept-Encoding: identity",
    "HEAD /about\nAccept-Encoding: gzip;q=0.5, br;q=0, *;q=0.1",
    "GET /about/?x=1&y=2",
    "GET /about.html\nAccept-Encoding: *;q=0",
    "GET /a/style.css\nAccept-Encoding: identity;q=0, gzip;q=0.001",
    "GET /a/style.css\nAccept-Encoding: identity;q=0\nAccept-Encoding: x-gzip",
    "GET /a/style.css\nIf-None-Match: \"0123456789abcdef0123456789abcdef-gzip\"",
    "GET /a/style.css\nIf-None-Match: W/\"0123\", \"a,b\" ,\"0123456789abcdef-gzip\"",
    "GET /a/style.css\nIf-None-Match: *",
    "GET /a/style.css\nIf-Match: \"0123456789abcdef-gzip\"\nIf-None-Match: \"x\"",
    "GET /a/style.css\nIf-Match: *\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
    "GET /a/style.css\nRange: bytes=0-9",
    "GET /a/style.css\nRange: bytes=-5",
    "GET /a/style.css\nRange: bytes=100-",
    "GET /a/style.css\nRange: bytes=0-0,10-19 , -1",
    "GET /a/style.css\nRange: bytes=900-18446744073709551615",
    "GET /a/style.css\nRange: bytes=99999999999999999999-, 5-4, a-b",
    "GET /a/style.css\nRange: items=0-9\nRange: bytes=1-2",
    "GET /a/style.css\nRange: bytes=,, 0-1,\nIf-Range: \"0123456789abcdef-gzip\"",
    "GET /a/style.css\nRange: bytes=5-\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT",
    "GET /a/style.css/",
    "GET /a",
    "GET /a?sort=name#x",
    "GET /a/b/x%20y.txt",
    "GET /static/b/x%20y.txt\nOrigin: https://a.example",
    "GET /static/../a/style.css",
    "GET /a/%2e%2e/app.html",
    "GET /a%2fstyle.css",
    "GET //evil.example/%2f..",
    "GET /%00%ff%zz%",
    "GET /gr%C3%B6%C3%9Fe\nAccept: text/html;q=0, application/json",
    "GET /old/x/y/z?q=1",
    "GET /old//evil.example/x",
    "DELETE /gone-for-good",
    "POST /a/style.css\nContent-Length: 5\nContent-Type: text/plain",
    "OPTIONS *",
    "OPTIONS /a/\nOrigin: https://a.example\nAccess-Control-Request-Method: GET",
    "GET http://a.example:8080/a/?x\nHost: a.example\nOrigin: null",
    "GET /anything\nAccept: text/*;q=0.000, */*",
];

/// Headers of both versions.
fn proxy_headers() -> Vec<Vec<u8>> {
    let lines =
        ["TCP4 1.2.3.4 5.6.7.8 9 10", "TCP6 ::1 2001:db8::2 9 10", "UNKNOWN whatever"].into_iter();
    let version_1 = lines.map(|line| format!("PROXY {line}\r\nGET /").into_bytes());
    let version_2 = [(0x20, 0x00, 0), (0x21, 0x11, 12), (0x21, 0x21, 36), (0x21, 0x31, 216)]
        .into_iter()
        .map(|(command, family, length)| {
            let rest = vec![1; usize::from(length) + 5];
            [b"\r\n\r\n\0\r\nQUIT\n", &[command, family, 0, length][..], &rest].concat()
        });
    version_1.chain(version_2).collect()
}

fn main() -> Outcome {
    let corpus = Path::new("corpus");
    for target in ["acme", "archive", "endpoint", "manifest", "name", "proxy", "site"] {
        fs::create_dir_all(corpus.join(target))?;
    }
    let names = ["data/a.txt", "data/größe/b", "data/c", "top"];
    bundle(&corpus.join("archive/indexed"), &names, true)?;
    bundle(&corpus.join("archive/scanned"), &names, false)?;
    bundle(&corpus.join("archive/small"), &[], true)?;
    for kind in ["linked", "site", "plugin", "exec"] {
        fs::write(corpus.join("manifest").join(kind), manifest(kind))?;
    }
    for (position, name) in names.iter().chain(&["../a", "a//b", "C:x", "a\\b"]).enumerate() {
        fs::write(corpus.join(format!("name/{position}")), name)?;
    }
    for (position, endpoint) in ENDPOINTS.iter().enumerate() {
        fs::write(corpus.join(format!("endpoint/{position}")), endpoint)?;
    }
    for (position, answer) in ANSWERS.iter().enumerate() {
        fs::write(corpus.join(format!("acme/{position}")), answer)?;
    }
    for (position, request) in REQUESTS.iter().enumerate() {
        fs::write(corpus.join(format!("site/{position}")), request)?;
    }
    for (position, header) in proxy_headers().iter().enumerate() {
        fs::write(corpus.join(format!("proxy/{position}")), header)?;
    }
    Ok(())
}
