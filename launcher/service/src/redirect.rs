//! From HTTP to HTTPS.

use http::{HeaderValue, StatusCode, header};

use crate::{Body, BoxService, Request, Response};

/// The port of HTTPS, which URLs leave out.
const HTTPS: u16 = 443;

/// A service that sends every client to the same URL with `https`, and this port.
///
/// The answer is 308 (RFC 9110, section 15.4.9), so that a POST stays one; a request without a
/// host gets 400.
pub fn redirect(port: u16) -> BoxService {
    BoxService::from_fn(move |request| match location(&request, port) {
        Some(location) => {
            let mut response = plain(StatusCode::PERMANENT_REDIRECT, "");
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        None => plain(StatusCode::BAD_REQUEST, "no usable host in the request\n"),
    })
}

fn location(request: &Request, port: u16) -> Option<HeaderValue> {
    let of_header = || request.headers().get(header::HOST)?.to_str().ok()?.parse().ok();
    let authority = request.uri().authority().cloned().or_else(of_header)?;
    let host = authority.host();
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    // `OPTIONS *` asks for no path.
    let target = if target.starts_with('/') { target } else { "/" };
    let port = if port == HTTPS { String::new() } else { format!(":{port}") };
    HeaderValue::from_str(&format!("https://{host}{port}{target}")).ok()
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(port: u16, uri: &str, host: Option<&str>) -> Option<String> {
        let mut request = http::Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        let location = location(&request.body(Body::empty()).unwrap(), port)?;
        Some(location.to_str().unwrap().to_owned())
    }

    #[test]
    fn host_and_target_stay() {
        let is = |port, uri, host, location: &str| {
            assert_eq!(to(port, uri, Some(host)).as_deref(), Some(location));
        };
        is(443, "/a?b=c", "example.com", "https://example.com/a?b=c");
        is(443, "/", "example.com:8080", "https://example.com/");
        is(8443, "/", "[::1]:80", "https://[::1]:8443/");
        is(443, "http://other.example/x", "example.com", "https://other.example/x");
        is(443, "*", "example.com", "https://example.com/");
    }

    #[test]
    fn without_a_host_there_is_no_place_to_send_to() {
        assert_eq!(to(443, "/", None), None);
        assert_eq!(to(443, "/", Some("a b")), None);
        assert_eq!(to(443, "/", Some("")), None);
    }
}
