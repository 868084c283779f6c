//! The answer to a request for a page: which representation, under which conditions, how much of it.

use std::ops::Range;

use bytes::Bytes;
use holdall_resources::Error;
use holdall_service::{Body, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderName, HeaderValue,
};
use http::{Method, StatusCode};

use crate::condition::{self, Verdict};
use crate::content::{Content, Part, SMALL};
use crate::negotiation;
use crate::page::{Page, Representation};
use crate::range::{self, Wanted};
use crate::rules::REVALIDATED;

/// Streams of this size in bytes and more are not gone through again for ranges that go back.
const LARGE: u64 = 1 << 20;

/// Headers that speak of the content, so that an answer without that content has none of them.
const OF_CONTENT: [HeaderName; 5] =
    [ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG];

impl Page {
    /// Answers a GET or HEAD.
    ///
    /// # Errors
    /// If the content can't be read.
    pub fn answer(&self, method: &Method, request: &HeaderMap) -> Result<Response, Error> {
        let Some(chosen) = self.choose(request) else { return Ok(self.not_acceptable()) };
        match condition::judge(request, chosen.etag.as_bytes()) {
            Verdict::Fulfilled => {}
            Verdict::NotModified => return Ok(chosen.not_modified()),
            Verdict::Failed => return Ok(chosen.without_content(StatusCode::PRECONDITION_FAILED)),
        }
        if *method != Method::GET || !condition::allows_range(request, chosen.etag.as_bytes()) {
            return chosen.whole(StatusCode::OK);
        }
        match range::wanted(request, chosen.size) {
            Wanted::All => chosen.whole(StatusCode::OK),
            Wanted::Nothing => Ok(chosen.not_satisfiable()),
            Wanted::Parts(parts) => chosen.parts(&parts),
        }
    }

    /// The page as what is said to any request with a status that is no success: no conditions, no
    /// ranges, and nobody is told that it is not acceptable instead.
    ///
    /// # Errors
    /// If the content can't be read.
    pub fn with_status(&self, status: StatusCode, request: &HeaderMap) -> Result<Response, Error> {
        let chosen = self.choose(request).unwrap_or(&self.representations[0]);
        let mut response = chosen.whole(status)?;
        response.headers_mut().remove(ETAG);
        response.headers_mut().remove(ACCEPT_RANGES);
        response.headers_mut().insert(CACHE_CONTROL, REVALIDATED);
        Ok(response)
    }

    fn choose(&self, request: &HeaderMap) -> Option<&Representation> {
        let offered = self.representations.iter().map(|one| (one.coding, one.size));
        negotiation::choose(request, offered).map(|number| &self.representations[number])
    }

    fn not_acceptable(&self) -> Response {
        self.representations[0].without_content(StatusCode::NOT_ACCEPTABLE)
    }
}

impl Representation {
    fn whole(&self, status: StatusCode) -> Result<Response, Error> {
        let body = self.content()?.whole(self.size)?;
        Ok(response(status, self.headers.clone(), body))
    }

    fn not_modified(&self) -> Response {
        response(StatusCode::NOT_MODIFIED, self.kept.clone(), Body::empty())
    }

    fn without_content(&self, status: StatusCode) -> Response {
        let mut headers = self.headers.clone();
        OF_CONTENT.iter().for_each(|name| drop(headers.remove(name)));
        // `max-age` would let a cache repeat the refusal (RFC 9111, section 3) to whoever asks next.
        headers.insert(CACHE_CONTROL, REVALIDATED);
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        response(status, headers, Body::empty())
    }

    fn not_satisfiable(&self) -> Response {
        let mut refusal = self.without_content(StatusCode::RANGE_NOT_SATISFIABLE);
        let size = HeaderValue::try_from(format!("bytes */{}", self.size));
        refusal.headers_mut().extend(size.map(|size| (CONTENT_RANGE, size)));
        refusal
    }

    fn parts(&self, parts: &[Range<u64>]) -> Result<Response, Error> {
        let content = self.content()?;
        match parts {
            [part] => self.part(content, part.clone()),
            _ if content.is_stream() && self.size >= LARGE.max(SMALL) && !is_ascending(parts) => {
                self.whole(StatusCode::OK)
            }
            _ => self.several(content, parts),
        }
    }

    fn part(&self, content: &Content, part: Range<u64>) -> Result<Response, Error> {
        let mut headers = self.of_part();
        headers.insert(CONTENT_LENGTH, (part.end - part.start).into());
        if let Ok(range) = HeaderValue::try_from(self.content_range(&part)) {
            headers.insert(CONTENT_RANGE, range);
        }
        let body = content.part(part)?;
        Ok(response(StatusCode::PARTIAL_CONTENT, headers, body))
    }

    /// RFC 9110, section 14.6.
    fn several(&self, content: &Content, parts: &[Range<u64>]) -> Result<Response, Error> {
        let boundary = self.boundary();
        let media_type = self.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let media_type = String::from_utf8_lossy(media_type);
        let mut pieces = Vec::with_capacity(2 * parts.len() + 1);
        for part in parts {
            let range = self.content_range(part);
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {range}\r\n\r\n"
            );
            pieces.extend([Part::Bytes(head.into()), Part::Range(part.clone())]);
        }
        pieces.push(Part::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        let length: u64 = pieces.iter().map(Part::size).sum();
        let mut headers = self.headers.clone();
        headers.insert(CONTENT_LENGTH, length.into());
        let media_type = format!("multipart/byteranges; boundary={boundary}");
        // A boundary of letters and digits is fit for any header.
        if let Ok(media_type) = HeaderValue::try_from(media_type) {
            headers.insert(CONTENT_TYPE, media_type);
        }
        Ok(response(StatusCode::PARTIAL_CONTENT, headers, content.parts(pieces)?))
    }

    /// Comes from the digest, so that no content can have it in itself but by purpose, which takes
    /// more than a lifetime to compute.
    fn boundary(&self) -> String {
        let digits = self.etag.as_bytes().iter().filter(|byte| byte.is_ascii_alphanumeric());
        digits.map(|byte| char::from(*byte)).rev().take(24).collect()
    }

    fn content_range(&self, part: &Range<u64>) -> String {
        format!("bytes {}-{}/{}", part.start, part.end - 1, self.size)
    }
}

impl Part {
    fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => Bytes::len(bytes) as u64,
            Self::Range(range) => range.end - range.start,
        }
    }
}

fn is_ascending(parts: &[Range<u64>]) -> bool {
    parts.windows(2).all(|pair| pair[0].end <= pair[1].start)
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use holdall_bundle::Static;
    use holdall_resources::Resources;
    use http::header::{ACCEPT_ENCODING, IF_MATCH, RANGE};

    use super::*;
    use crate::{cors::Cors, rules::Rules};

    #[test]
    fn refusals_are_not_kept_for_as_long_as_the_content() {
        let directory = tempfile::tempdir().unwrap();
        let name = "app.3f9a2c1b.js";
        std::fs::write(directory.path().join(name), "f()").unwrap();
        let resources = Resources::from_directory(directory.path()).unwrap().into_static();
        let (rules, cors) = (Rules::new(&Static::default()).unwrap(), Cors::new(&[]));
        let page = Page::new(&resources.get(name).unwrap(), name, &rules, &cors).unwrap();
        for (name, value, status, policy) in [
            (RANGE, "bytes=0-1", 206, "max-age=31536000, immutable"),
            (ACCEPT_ENCODING, "identity;q=0", 406, "no-cache"),
            (IF_MATCH, "\"other\"", 412, "no-cache"),
            (RANGE, "bytes=9-", 416, "no-cache"),
        ] {
            let request = HeaderMap::from_iter([(name, value.parse().unwrap())]);
            let answer = page.answer(&Method::GET, &request).unwrap();
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()[CACHE_CONTROL], policy, "{status}");
        }
    }
}
