//! Any request for resources: a line with method and path, then lines with fields.
#![no_main]

use std::fs;
use std::sync::OnceLock;

use holdall_bundle::Serving;
use holdall_resources::Resources;
use holdall_service::{Begun, Body, BoxService, Request};
use holdall_site::{Site, fuzzing};
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::Body as _;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SITE: OnceLock<BoxService> = const { OnceLock::new() };
}

const RULES: &str = r#"{ "mounts": { "/": "", "/static/": "a" }, "rules": {
    "listing": true, "fallback": "app.html", "cors": ["https://a.example"],
    "headers": [{ "for": "/a/**.css", "set": { "Cache-Control": "max-age=1" } }],
    "redirects": [{ "from": "/old/*/**", "to": "/new/*/*" }, { "from": "/gone*", "status": 410 }]
} }"#;

fn site() -> BoxService {
    let directory = tempfile::tempdir().expect("a directory").keep();
    fs::create_dir_all(directory.join("a/b")).expect("a directory");
    for name in ["index.html", "app.html", "404.html", "about.html", "a/style.css", "a/b/x y.txt"] {
        fs::write(directory.join(name), name.repeat(20)).expect("a file");
    }
    let resources = Resources::from_directory(directory).expect("a directory");
    let serving: Serving = serde_json::from_str(RULES).expect("rules");
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

fuzz_target!(|content: &[u8]| {
    let lines: Vec<_> = content.split(|byte| *byte == b'\n').collect();
    let Some((first, rest)) = lines.split_first() else { return };
    let headers = headers(rest);
    fuzzing::fields(&headers, 1000);
    let Ok(line) = str::from_utf8(first) else { return };
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    fuzzing::path(target, method);
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    let request = http::Request::builder().method(method.clone()).uri(target);
    let Ok(mut request): Result<Request, _> = request.body(Body::empty()) else { return };
    *request.headers_mut() = headers;
    let service = SITE.with(|one| one.get_or_init(site).clone());
    let Begun::Answered(Ok(response)) = service.begin(request) else { panic!("no answer") };
    assert_ne!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let place = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
    assert!(place.is_none_or(|place| place.starts_with(b"/") && !place.starts_with(b"//")));
    if let Some(length) = response.headers().get(CONTENT_LENGTH) {
        let length = length.to_str().ok().and_then(|length| length.parse().ok());
        assert_eq!(response.body().size_hint().exact(), length);
    }
});
