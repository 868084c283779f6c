//! From a request to its response: a plain function, without a network.

use std::borrow::Cow;

use bytes::Bytes;
use holdall_resources::{Resource, Resources};
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;

use crate::{Error, SayHello, page};

const HTML: &str = "text/html; charset=utf-8";
const CONTENT_POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; base-uri 'none'";
const TEXT: &str = "text/plain; charset=utf-8";

type Asset = Resource<'static>;

/// What every response says: it loads nothing from elsewhere (a picture may carry its own style),
/// its types are right, and a copy of it is asked for again.
const ALWAYS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-cache"),
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

impl SayHello {
    /// Answers `request`.
    pub(crate) fn answer(&self, request: &Request<()>) -> Result<Response<Bytes>, Error> {
        let mut response = match *request.method() {
            Method::GET | Method::HEAD => self.route(request)?,
            _ => not_allowed(),
        };
        for (name, value) in ALWAYS {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        if request.method() == Method::HEAD {
            drop_body(&mut response);
        }
        Ok(response)
    }

    fn route(&self, request: &Request<()>) -> Result<Response<Bytes>, Error> {
        let path = request.uri().path();
        match path.strip_prefix("/hello/") {
            Some("") => Ok(redirect("/")),
            Some(name) => self.greet(name),
            None if path == "/" => self.greet("world"),
            None if path == "/hello" => Ok(redirect(&greeting_path(request.uri()))),
            None => match asset(self.resources, path)? {
                Some(asset) => file(&asset, request),
                None => not_found(self.resources, path),
            },
        }
    }

    /// The page for a name as it stands in the path: one segment, percent-encoded UTF-8.
    fn greet(&self, segment: &str) -> Result<Response<Bytes>, Error> {
        if segment.contains('/') {
            return not_found(self.resources, &format!("/hello/{segment}"));
        }
        match percent_decode_str(segment).decode_utf8() {
            Ok(name) if !name.contains(char::is_control) => {
                let html = page::greeting(self.resources, &self.greeting, &name)?;
                Ok(respond(StatusCode::OK, HTML, html))
            }
            _ => Ok(respond(StatusCode::BAD_REQUEST, TEXT, "a name is text in UTF-8\n")),
        }
    }
}

/// Where the form of the page leads: `/hello?name=Ada+Lovelace` to `/hello/Ada%20Lovelace`.
fn greeting_path(uri: &Uri) -> String {
    let pairs = uri.query().unwrap_or_default().split('&');
    let name = pairs.filter_map(|pair| pair.strip_prefix("name=")).next_back();
    match name.unwrap_or_default() {
        "" => "/".to_owned(),
        name => format!("/hello/{}", name.replace('+', "%20")),
    }
}

/// The resource that `path` names: listed, because what pages are made of is not sent as it is.
fn asset(resources: &'static Resources, path: &str) -> Result<Option<Asset>, Error> {
    let name = match path {
        "/style.css" => "data/style.css",
        "/holdall.svg" => "data/holdall.svg",
        "/icon.svg" | "/favicon.ico" => "data/icon.svg",
        _ => return Ok(None),
    };
    Ok(resources.find(name)?)
}

/// A resource as it is; stored content is sent from where it lies, without a copy.
fn file(asset: &Asset, request: &Request<()>) -> Result<Response<Bytes>, Error> {
    let etag = format!("\"{}\"", page::hex(&asset.digest()?));
    let mut response = if knows(request, &etag) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        let content = match asset.bytes()? {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        respond(StatusCode::OK, &asset.media_type(), content)
    };
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

/// Whether the client has the version of `etag` already (RFC 9110 §13.1.2).
fn knows(request: &Request<()>, etag: &str) -> bool {
    let lists = request.headers().get_all(header::IF_NONE_MATCH);
    lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}

fn not_found(resources: &Resources, path: &str) -> Result<Response<Bytes>, Error> {
    let html = page::not_found(resources, path)?;
    Ok(respond(StatusCode::NOT_FOUND, HTML, html))
}

fn not_allowed() -> Response<Bytes> {
    let mut response =
        respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "this service answers GET and HEAD\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn redirect(location: &str) -> Response<Bytes> {
    match HeaderValue::from_str(location) {
        Ok(location) => {
            let mut response = empty(StatusCode::SEE_OTHER);
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        Err(_) => respond(StatusCode::BAD_REQUEST, TEXT, "a name in a query is percent-encoded\n"),
    }
}

fn respond(status: StatusCode, media_type: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = empty(status);
    *response.body_mut() = body.into();
    if let Ok(media_type) = HeaderValue::from_str(media_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    response
}

fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// HEAD: everything but the content, of which the length stays known.
fn drop_body(response: &mut Response<Bytes>) {
    let length = response.body().len();
    if response.status() != StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Bytes::new();
}
