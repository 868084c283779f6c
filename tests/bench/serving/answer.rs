//! What all three servers answer: a constant, from memory, without a copy.

use bytes::Bytes;
use http::Response;

const SMALL: &[u8; 14] = b"Hello, world!\n";
const LARGE: &[u8; 10_240] = &[b'x'; 10_240];

/// The answer to a request for this path.
pub fn answer<B: From<Bytes>>(path: &str) -> Response<B> {
    let content = match path {
        "/large" => Bytes::from_static(LARGE),
        _ => Bytes::from_static(SMALL),
    };
    Response::new(content.into())
}
