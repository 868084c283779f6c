//! HTTP values lent across the border, and taken back as HTTP values. Both sides use it.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::abi::{Bytes, Header};

/// A message almost always has fewer fields than this: then lending them allocates nothing.
const HEADERS_ON_STACK: usize = 32;

/// Lends headers for the time of a call.
pub(crate) fn with_headers<T>(headers: &HeaderMap, call: impl FnOnce(&[Header]) -> T) -> T {
    let fields = headers.iter().map(|(name, value)| Header {
        name: Bytes::lend(name.as_str().as_bytes()),
        value: Bytes::lend(value.as_bytes()),
    });
    if headers.len() > HEADERS_ON_STACK {
        return call(&fields.collect::<Vec<_>>());
    }
    let empty = Header { name: Bytes::EMPTY, value: Bytes::EMPTY };
    let mut stack = [empty; HEADERS_ON_STACK];
    for (place, field) in stack.iter_mut().zip(fields) {
        *place = field;
    }
    call(&stack[..headers.len()])
}

/// Copies borrowed headers.
///
/// # Errors
/// Where a name or a value is not one of HTTP.
///
/// # Safety
/// `fields` points to `count` headers that live for the call, or `count` is 0.
pub(crate) unsafe fn copy_headers(
    fields: *const Header,
    count: usize,
) -> Result<HeaderMap, http::Error> {
    let mut headers = HeaderMap::with_capacity(count);
    if count == 0 {
        return Ok(headers);
    }
    // SAFETY: the caller's promise; `count` is not 0.
    for field in unsafe { std::slice::from_raw_parts(fields, count) } {
        // SAFETY: each field lends its bytes for as long as the header itself.
        let (name, value) = unsafe { (field.name.borrow(), field.value.borrow()) };
        headers.try_append(HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?)?;
    }
    Ok(headers)
}
