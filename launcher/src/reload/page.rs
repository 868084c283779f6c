//! What a browser asks for as a page, and what is answered, with one script more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use holdall_service::{Body, BoxError, Request, Response};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HOST, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{Method, StatusCode};
use http_body::{Frame, SizeHint};

use super::{SCRIPT, policy};

/// What is asked for.
pub(super) enum Wanted {
    /// What is shown as a page.
    Page {
        /// The script, as HTML.
        script: Bytes,
        /// HEAD: there is no content to put it into.
        has_content: bool,
        /// Host and port, as the browser knows them.
        host: Option<String>,
    },
    /// Anything else.
    Other,
}

/// What says that a page may be kept, or which one it is: it is another one with the script.
const VALIDATORS: [HeaderName; 5] = [
    ETAG,
    LAST_MODIFIED,
    ACCEPT_RANGES,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

impl Wanted {
    /// Has a page asked for as it is: whole, and neither compressed nor compared with an older one.
    pub(super) fn of(request: &mut Request, server: &Arc<str>) -> Self {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        if !is_read || !is_page(request.headers()) {
            return Self::Other;
        }
        let has_content = request.method() == Method::GET;
        let host = host(request);
        for name in [ACCEPT_ENCODING, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE] {
            request.headers_mut().remove(name);
        }
        let script = format!("\n<script src=\"{SCRIPT}?{server}\" async></script>\n");
        Self::Page { script: script.into(), has_content, host }
    }

    /// The answer, with the script where it is a page, and asked for again in any case.
    pub(super) fn change(self, mut response: Response) -> Response {
        let takes_script = takes_script(&response);
        let headers = response.headers_mut();
        let Self::Page { script, has_content, host } = self else {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            return response;
        };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if !takes_script {
            return response;
        }
        VALIDATORS.iter().for_each(|name| drop(headers.remove(name)));
        lengthen(headers, script.len() as u64);
        if let Some(host) = host {
            allow(headers, &host);
        }
        match has_content {
            true => {
                response.map(|body| Body::new(With { body, last: Some(script), trailers: None }))
            }
            false => response,
        }
    }
}

/// Whether a browser is to show what it asks for. Where it does not say what that is for, as to
/// other hosts than its own without TLS, it asks for HTML by name; scripts and tools take anything.
fn is_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-dest") {
        Some(destination) => matches!(destination, "document" | "iframe" | "frame"),
        None => text(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}

fn host(request: &Request) -> Option<String> {
    let field = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(|host| host.as_str()).or_else(field)?;
    // As CSP writes it, where an address of IPv6 has no form.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    host.bytes().all(is_plain).then(|| host.to_owned())
}

fn takes_script(response: &Response) -> bool {
    let without = [StatusCode::NO_CONTENT, StatusCode::PARTIAL_CONTENT, StatusCode::NOT_MODIFIED];
    let headers = response.headers();
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_html = media_type.get(..9).is_some_and(|it| it.eq_ignore_ascii_case(b"text/html"));
    is_html && !headers.contains_key(CONTENT_ENCODING) && !without.contains(&response.status())
}

fn lengthen(headers: &mut HeaderMap, by: u64) {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, u64::saturating_add(length, by).into());
    }
}

fn allow(headers: &mut HeaderMap, host: &str) {
    let fields: Vec<_> = headers.get_all(CONTENT_SECURITY_POLICY).iter().cloned().collect();
    headers.remove(CONTENT_SECURITY_POLICY);
    for field in fields {
        let allowing = field.to_str().ok().map(|text| policy::allowing(text, host));
        let changed = allowing.and_then(|text| HeaderValue::try_from(text).ok());
        headers.append(CONTENT_SECURITY_POLICY, changed.unwrap_or(field));
    }
}

/// A body, and what comes last of its content.
struct With {
    body: Body,
    last: Option<Bytes>,
    trailers: Option<Frame<Bytes>>,
}

impl http_body::Body for With {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.last.is_none() {
            return Poll::Ready(self.trailers.take().map(Ok));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.is_data() => Some(Ok(frame)),
            Some(Err(error)) => Some(Err(error)),
            trailers => {
                self.trailers = trailers.transpose()?;
                self.last.take().map(|last| Ok(Frame::data(last)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.last.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let more = self.last.as_ref().map_or(0, |last| last.len() as u64);
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(more));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(more));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(headers: &[(&'static str, &'static str)]) -> Wanted {
        let mut request = Request::new(Body::empty());
        let pairs = headers.iter().map(|(name, value)| (*name, HeaderValue::from_static(value)));
        pairs.for_each(|(name, value)| drop(request.headers_mut().insert(name, value)));
        let wanted = Wanted::of(&mut request, &"1".into());
        assert_eq!(matches!(wanted, Wanted::Page { .. }), !request.headers().contains_key("range"));
        wanted
    }

    fn is_page(headers: &[(&'static str, &'static str)]) -> bool {
        matches!(wanted(&[headers, &[("range", "bytes=0-1")]].concat()), Wanted::Page { .. })
    }

    #[test]
    fn only_what_is_shown_as_a_page_is_one() {
        assert!(is_page(&[("sec-fetch-dest", "document"), ("accept", "*/*")]));
        assert!(is_page(&[("accept", "text/html,application/xml;q=0.9")]));
        assert!(!is_page(&[("sec-fetch-dest", "empty"), ("accept", "text/html")]));
        assert!(!is_page(&[("accept", "*/*")]));
        assert!(!is_page(&[]));
    }

    fn html(headers: &[(&'static str, &'static str)]) -> Response {
        let mut response = Response::new(Body::from("<p>"));
        let all = [&[("content-type", "text/html"), ("content-length", "3")], headers].concat();
        let pairs = all.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value)));
        pairs.for_each(|(name, value)| drop(response.headers_mut().insert(name, value)));
        response
    }

    fn size(response: &Response) -> Option<u64> {
        http_body::Body::size_hint(response.body()).exact()
    }

    #[test]
    fn a_page_gets_the_script_and_is_not_kept() {
        let page = wanted(&[("accept", "text/html")]).change(html(&[("etag", "\"a\"")]));
        let length = page.headers()["content-length"].to_str().unwrap().parse().ok();
        assert_eq!(size(&page), length);
        assert!(length > Some(3));
        assert!(!page.headers().contains_key("etag"));
        assert_eq!(page.headers()["cache-control"], "no-store");
    }

    #[test]
    fn what_is_compressed_or_for_a_script_stays() {
        let page = wanted(&[("accept", "text/html")]).change(html(&[("content-encoding", "br")]));
        assert_eq!(size(&page), Some(3));
        let other =
            wanted(&[("range", "bytes=0-1")]).change(html(&[("cache-control", "max-age=9")]));
        assert_eq!(size(&other), Some(3));
        assert_eq!(other.headers()["cache-control"], "no-cache");
    }
}
