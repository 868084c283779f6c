//! `site` entry points: the resource tree is the site.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use holdall_bundle::Bundle;
use holdall_resources::{Resource, Resources};
use holdall_service::{Body, BoxService, Request, Response, ServiceOptions};
use http::{HeaderValue, Method, StatusCode, header};

use crate::{failure::Failure, say};

const INDEX: &str = "index.html";

pub(crate) fn start(bundle: Bundle, _: ServiceOptions) -> Result<BoxService, Failure> {
    // The site lives as long as the process: its bytes are sent from where they are.
    let site = Resources::from_archive(Arc::new(bundle.into_archive())).into_static();
    Ok(BoxService::from_fn(move |request: Request| answer(site, &request)))
}

fn answer(site: &'static Resources, request: &Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Some(name) = name_of(request.uri().path()) else { return not_found() };
    match site.is_dir(&name) {
        Ok(true) if name.is_empty() || request.uri().path().ends_with('/') => {
            let index = if name.is_empty() { INDEX.to_owned() } else { format!("{name}/{INDEX}") };
            respond(site, &index, request)
        }
        Ok(true) => redirect(request),
        // A file is no directory: links in it would lead astray.
        _ if request.uri().path().ends_with('/') => not_found(),
        _ => respond(site, &name, request),
    }
}

/// The resource that a path asks for: decoded once, without the slashes around it.
fn name_of(path: &str) -> Option<String> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    decode(path)
}

/// Percent-decoding (RFC 3986, section 2.1); `None` for what is not UTF-8 or cut short, and for an
/// encoded slash, which would be a separator where the client wrote none.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |digit: u8| char::from(digit).to_digit(16);
                let value = digit(rest.next()?)? << 4 | digit(rest.next()?)?;
                if value == u32::from(b'/') { None } else { u8::try_from(value).ok() }?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn respond(site: &'static Resources, name: &str, request: &Request) -> Response {
    let resource = match site.get(name) {
        Ok(resource) => resource,
        Err(error) if error.is_not_found() => return not_found(),
        Err(error) => return failed(&error),
    };
    match represent(&resource, request) {
        Ok(response) => response,
        Err(error) => failed(&error),
    }
}

fn represent(
    resource: &Resource<'static>,
    request: &Request,
) -> Result<Response, holdall_resources::Error> {
    let etag = etag(&resource.digest()?);
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter();
    if known.filter_map(|value| value.to_str().ok()).any(|list| matches(list, &etag)) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        insert(&mut response, header::ETAG, &etag);
        return Ok(response);
    }
    let mut response = Response::new(match *request.method() {
        Method::HEAD => Body::empty(),
        _ => Body::whole(match resource.bytes()? {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        }),
    });
    insert(&mut response, header::CONTENT_TYPE, &resource.media_type());
    insert(&mut response, header::ETAG, &etag);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(resource.size()));
    Ok(response)
}

/// A strong validator (RFC 9110, section 8.8.3): half of the SHA-256 of the content.
fn etag(digest: &[u8; 32]) -> String {
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether `If-None-Match` names the representation (RFC 9110, section 13.1.2; weak comparison).
fn matches(list: &str, etag: &str) -> bool {
    let mut tags = list.split(',').map(|tag| tag.trim());
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

fn redirect(request: &Request) -> Response {
    let path = request.uri().path();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = plain(StatusCode::PERMANENT_REDIRECT, "");
    // Relative to the authority, whatever the number of slashes the path begins with.
    let location = format!("/{}/{query}", path.trim_start_matches('/'));
    insert(&mut response, header::LOCATION, &location);
    response
}

fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "404 not found\n")
}

/// One line on stderr for the operator, none of it for the client.
fn failed(error: &holdall_resources::Error) -> Response {
    say(format_args!("{}", holdall_service::chain(error)));
    plain(StatusCode::INTERNAL_SERVER_ERROR, "500 internal server error\n")
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    insert(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    response
}

/// Sets a header; a value that HTTP can't carry is left out.
fn insert(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_names() {
        for (path, name) in [
            ("/", Some("")),
            ("/a/b.html", Some("a/b.html")),
            ("/a/", Some("a")),
            ("/gr%C3%B6%C3%9Fe", Some("größe")),
            ("/a%20b", Some("a b")),
            ("/a%2fb", None),
            ("/a%2", None),
            ("/a%zz", None),
            ("/%ff", None),
            ("*", None),
        ] {
            assert_eq!(name_of(path).as_deref(), name, "{path}");
        }
    }

    #[test]
    fn validators_are_compared_in_lists() {
        assert!(matches("\"a\", W/\"b\"", "\"b\"") && matches("*", "\"b\""));
        assert!(!matches("\"a\", \"bc\"", "\"b\""));
    }
}
