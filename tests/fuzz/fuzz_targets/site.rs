//! Any request for resources of a bundle: a line with method and path, then lines with fields.
#![no_main]

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use holdall_archive::{Archive, DosTime, Method as Packing, Name, Packed, Streamed, Writer};
use holdall_bundle::Serving;
use holdall_resources::Resources;
use holdall_service::{Begun, Body, BoxService, Request, Response};
use holdall_site::{Site, fuzzing};
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body::Body as _;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SITE: BoxService = site();
}

const RULES: &str = r#"{ "mounts": { "/": "", "/static/": "a" }, "rules": {
    "listing": true, "fallback": "app.html", "cors": ["https://a.example"],
    "headers": [{ "for": "/a/**.css", "set": { "Cache-Control": "max-age=1" } }],
    "redirects": [{ "from": "/old/*/**", "to": "/new/*/*" }, { "from": "/gone*", "status": 410 }]
} }"#;

/// With the sizes of their content: what is larger than 64 KiB is not held in memory.
const FILES: [(&str, u64); 7] = [
    ("index.html", 200),
    ("app.html", 100),
    ("404.html", 50),
    ("about.html", 1000),
    ("a/style.css", 1000),
    ("a/b/x y.txt", 70_000),
    ("a/app.3f9a2c1b.js", 300),
];

/// Only what a process runs from is mapped, so this program runs from a bundle.
fn become_bundle() {
    if let Ok(path) = env::var("FUZZED_BUNDLE") {
        return fs::remove_file(path).unwrap_or_default();
    }
    let path = env::temp_dir().join(format!("holdall-fuzz-site-{}", std::process::id()));
    write_bundle(&path);
    let mut arguments = env::args_os();
    let mut bundle = Command::new(&path);
    bundle.arg0(arguments.next().unwrap_or_default()).args(arguments);
    panic!("{}", bundle.env("FUZZED_BUNDLE", &path).exec());
}

fn write_bundle(path: &PathBuf) {
    let program = fs::read("/proc/self/exe").expect("this program");
    let file = File::create(path).expect("a file");
    file.set_permissions(fs::Permissions::from_mode(0o700)).expect("a file that can be run");
    let mut writer = Writer::new(file, path, &program, DosTime::EARLIEST).expect("a program");
    for (name, size) in FILES {
        let content: Vec<u8> = (0..size).map(|at| (at * at >> 7) as u8 & 3).collect();
        let mut add = |name: &str, packing| {
            let name = Name::new(name).expect("a name");
            let added = writer.add_stream(name, 0o644, "text/html", packing, size, &mut &*content);
            assert!(matches!(added, Ok(Streamed::Added)), "{added:?}");
        };
        add(name, Packing::Deflated);
        add(&format!("stored/{name}"), Packing::Stored);
        let variant = Packed::stored(content[content.len() / 2..].to_vec());
        for ending in ["br", "zst"] {
            let variant_name = format!(".holdall/variants/{name}.{ending}");
            let variant_name = Name::new(&variant_name).expect("a name");
            writer.add(variant_name, 0o644, "", &variant).expect("room");
        }
    }
    writer.finish().expect("a bundle");
}

fn site() -> BoxService {
    let archive = Archive::open_running().expect("a bundle");
    assert!(archive.is_mapped());
    let serving: Serving = serde_json::from_str(RULES).expect("rules");
    let resources = Resources::from_archive(Arc::new(archive));
    Site::new(resources, &serving).expect("rules").into_service()
}

fn headers(lines: &[&[u8]]) -> HeaderMap {
    let fields = lines.iter().filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..at]).ok()?;
        Some((name, HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?))
    });
    fields.collect()
}

fn ask(method: &Method, uri: &Uri, headers: HeaderMap) -> (Response, Vec<u8>) {
    let mut request = Request::new(Body::empty());
    (*request.method_mut(), *request.uri_mut()) = (method.clone(), uri.clone());
    *request.headers_mut() = headers;
    let service = SITE.with(BoxService::clone);
    let Begun::Answered(Ok(mut response)) = service.begin(request) else { panic!("no answer") };
    let mut context = Context::from_waker(Waker::noop());
    let mut content = Vec::new();
    while let Poll::Ready(Some(frame)) = Pin::new(response.body_mut()).poll_frame(&mut context) {
        content.extend(frame.expect("undamaged content").into_data().expect("no trailers"));
    }
    assert!(response.body().is_end_stream());
    (response, content)
}

/// A part is what the whole has there.
fn check_part(uri: &Uri, encodings: HeaderMap, part: &Response, content: &[u8]) {
    let Some(range) = part.headers().get(CONTENT_RANGE) else { return };
    let (whole, all) = ask(&Method::GET, uri, encodings);
    let range = range.to_str().ok().and_then(|range| range.strip_prefix("bytes ")).expect("bytes");
    let (range, size) = range.split_once('/').expect("a size");
    assert_eq!(size.parse(), Ok(all.len()));
    let Some((first, last)) = range.split_once('-') else { return };
    let (first, last): (usize, usize) = (first.parse().expect("one"), last.parse().expect("one"));
    assert_eq!(
        (whole.status(), whole.headers().get(ETAG)),
        (StatusCode::OK, part.headers().get(ETAG))
    );
    assert_eq!(content, &all[first..=last]);
}

fuzz_target!(init: become_bundle(), |content: &[u8]| {
    let lines: Vec<_> = content.split(|byte| *byte == b'\n').collect();
    let Some((first, rest)) = lines.split_first() else { return };
    let headers = headers(rest);
    fuzzing::fields(&headers, 1000);
    let Ok(line) = str::from_utf8(first) else { return };
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    fuzzing::path(target, method);
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method.as_bytes()), target.parse()) else { return };
    let encodings = headers.get_all(ACCEPT_ENCODING).iter().cloned();
    let encodings = encodings.map(|value| (ACCEPT_ENCODING, value)).collect();
    let (response, content) = ask(&method, &uri, headers);
    assert_ne!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let place = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
    assert!(place.is_none_or(|place| place.starts_with(b"/") && !place.starts_with(b"//")));
    if let Some(length) = response.headers().get(CONTENT_LENGTH) {
        assert_eq!(length.to_str().ok().and_then(|length| length.parse().ok()), Some(content.len()));
    }
    check_part(&uri, encodings, &response, &content);
});
