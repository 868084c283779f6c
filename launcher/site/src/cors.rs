//! Scripts of other origins (the Fetch standard, section 3.3, "CORS protocol").

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};

/// Which origins may read.
#[derive(Debug)]
pub(crate) enum Cors {
    /// None but the site itself.
    None,
    /// All.
    Any,
    /// These.
    List(Vec<HeaderValue>),
}

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ASKED: HeaderValue = HeaderValue::from_static("If-Match, If-None-Match, If-Range, Range");
const TOLD: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Content-Encoding, Content-Length, Content-Range, ETag",
);

impl Cors {
    pub fn new(origins: &[String]) -> Self {
        if origins.is_empty() {
            return Self::None;
        }
        if origins.iter().any(|origin| origin == "*") {
            return Self::Any;
        }
        // What no header can carry, no browser sends.
        Self::List(origins.iter().filter_map(|origin| origin.parse().ok()).collect())
    }

    /// What is the same for all origins.
    pub fn decorate(&self, headers: &mut HeaderMap) {
        match self {
            Self::None => {}
            Self::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
                headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, TOLD);
            }
            Self::List(_) => {
                headers.append(VARY, HeaderValue::from_static("Origin"));
            }
        }
    }

    /// What is for the origin of a request alone.
    pub fn admit(&self, request: &HeaderMap, headers: &mut HeaderMap) {
        let Self::List(origins) = self else { return };
        let Some(origin) = request.get(ORIGIN).filter(|origin| origins.contains(origin)) else {
            return;
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, TOLD);
    }

    /// Whether a browser asks what a script may send.
    pub fn is_preflight(&self, request: &HeaderMap) -> bool {
        !matches!(self, Self::None)
            && request.contains_key(ORIGIN)
            && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The answer to that, where the origin is admitted.
    pub fn allow(headers: &mut HeaderMap) {
        if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ASKED);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    }
}
