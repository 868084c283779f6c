//! Responses on their way to the host.

use std::ffi::c_void;
use std::mem::size_of;
use std::pin::Pin;
use std::ptr;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use holdall_service::{Body, BoxError, Response};
use http::header;
use http::response::Parts;
use http_body_util::BodyExt;

use super::exchange::Exchange;
use super::handle::RequestLine;
use crate::abi::{self, Status};
use crate::borrow::with_headers;

/// Bodies up to here are copied: that is cheaper than a box to give them back by.
const COPY_LIMIT_BYTES: usize = 4096;

/// Lends a response for the time of a call.
pub(super) fn lend_response(
    head: &Parts,
    body: Bytes,
    call: impl FnOnce(*const abi::Response) -> Status,
) -> Status {
    with_headers(&head.headers, |headers| {
        let mut response = abi::Response {
            size: size_of::<abi::Response>(),
            status: head.status.as_u16().into(),
            reserved: 0,
            headers: headers.as_ptr(),
            header_count: headers.len(),
            body: abi::Bytes::lend(&body),
            release: None,
            release_context: ptr::null_mut(),
        };
        if body.len() <= COPY_LIMIT_BYTES {
            return call(&raw const response);
        }
        response.release = Some(release_body);
        // The bytes themselves stay where they are when their handle moves into the box.
        response.release_context = Box::into_raw(Box::new(body.clone())).cast::<c_void>();
        call(&raw const response)
    })
}

unsafe extern "C" fn release_body(context: *mut c_void) {
    // SAFETY: `context` is the box of `lend_response`, which the host gives back once.
    drop(unsafe { Box::from_raw(context.cast::<Bytes>()) });
}

/// Parts a response. The length of its body, where it is known, becomes a header: the host sees
/// pieces alone.
pub(super) fn into_parts(response: Response) -> (Parts, Body) {
    let (mut head, body) = response.into_parts();
    let length = http_body::Body::size_hint(&body).exact().filter(|length| *length > 0);
    if let (Some(length), header::Entry::Vacant(place)) =
        (length, head.headers.entry(header::CONTENT_LENGTH))
    {
        place.insert(length.into());
    }
    (head, body)
}

/// As much of a body as there is at once.
pub(super) enum Gathered {
    All(Bytes),
    /// A first piece, which may be empty, and the rest.
    Part(Bytes, Body),
    Failed(BoxError),
}

/// Takes what a body has at once. Most have it all, and need no task and no stream.
pub(super) fn gather(mut body: Body) -> Gathered {
    if http_body::Body::is_end_stream(&body) {
        return Gathered::All(Bytes::new());
    }
    let mut context = TaskContext::from_waker(Waker::noop());
    let first = match http_body::Body::poll_frame(Pin::new(&mut body), &mut context) {
        // Whoever gets the rest polls again, with a waker that works.
        Poll::Pending => Bytes::new(),
        Poll::Ready(None) => return Gathered::All(Bytes::new()),
        Poll::Ready(Some(Err(error))) => return Gathered::Failed(error),
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
    };
    match http_body::Body::is_end_stream(&body) {
        true => Gathered::All(first),
        false => Gathered::Part(first, body),
    }
}

/// Sends a response through an exchange, to its end.
pub(super) async fn deliver(exchange: &Exchange, line: &RequestLine, response: Response) {
    let (head, body) = into_parts(response);
    match gather(body) {
        Gathered::All(bytes) => deliver_whole(exchange, line, &head, bytes),
        Gathered::Part(first, rest) => stream(exchange, line, &head, first, rest).await,
        Gathered::Failed(error) => {
            let (head, body) = line.failed(&*error).into_parts();
            exchange.complete(&head, body);
        }
    }
}

fn deliver_whole(exchange: &Exchange, line: &RequestLine, head: &Parts, body: Bytes) {
    if exchange.complete(head, body) == Status::INVALID {
        let (head, body) = line.failed(&NotAllowed::of(head)).into_parts();
        exchange.complete(&head, body);
    }
}

/// Sends a response piece by piece, from its head on.
pub(super) async fn stream(
    exchange: &Exchange,
    line: &RequestLine,
    head: &Parts,
    first: Bytes,
    rest: Body,
) {
    match exchange.begin(head, first) {
        Status::OK => {}
        Status::INVALID => {
            let (head, body) = line.failed(&NotAllowed::of(head)).into_parts();
            exchange.complete(&head, body);
            return;
        }
        _ => return,
    }
    match write_all(exchange, rest).await {
        Ok(()) => exchange.end(),
        Err(error) => {
            line.report("answer broken off", &*error);
            exchange.abort();
        }
    }
}

async fn write_all(exchange: &Exchange, mut body: Body) -> Result<(), BoxError> {
    while let Some(frame) = body.frame().await {
        // Trailers have no place in this interface.
        if let Ok(data) = frame?.into_data() {
            exchange.write(&data).await?;
        }
    }
    Ok(())
}

/// A response that no host takes: an interim status such as 101.
#[derive(Debug, thiserror::Error)]
#[error("the host does not take a response of status {status}")]
pub(super) struct NotAllowed {
    status: u16,
}

impl NotAllowed {
    pub(super) fn of(head: &Parts) -> Self {
        Self { status: head.status.as_u16() }
    }
}
