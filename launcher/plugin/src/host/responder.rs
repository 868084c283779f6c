//! The right to answer while `handle` runs: a slot on the stack of the host.

use std::io::Write;
use std::mem::size_of;
use std::net::SocketAddr;
use std::ptr;
use std::sync::Arc;

use bytes::Bytes;
use holdall_service::{Body, Peer, Response, Scheme};
use http::request::Parts;
use http::{StatusCode, Version, header};
use tokio::sync::oneshot;

use super::Answer;
use super::exchange::Exchange;
use crate::abi::{self, Status};
use crate::borrow::{copy_headers, with_headers};

/// What became of a request so far.
pub(super) enum Responder {
    Open(Body),
    Answered(Response),
    Detached(oneshot::Receiver<Response>),
}

impl Responder {
    pub(super) fn new(body: Body) -> Self {
        Self::Open(body)
    }

    /// Lends the request, and this responder, for the time of a call.
    pub(super) fn lend_request(
        &mut self,
        parts: &Parts,
        call: impl FnOnce(*const abi::Request, *mut abi::Responder),
    ) {
        let has_body = matches!(self, Self::Open(body) if !http_body::Body::is_end_stream(body));
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let peer = parts.extensions.get::<Arc<Peer>>();
        let scheme = peer.map_or(Scheme::Http, |peer| peer.scheme);
        let mut room = [0; ADDRESS_LIMIT_BYTES];
        let client = address_text(peer.and_then(|peer| peer.client), &mut room);
        with_headers(&parts.headers, |headers| {
            let request = abi::Request {
                size: size_of::<abi::Request>(),
                has_body: has_body.into(),
                http_version: version_number(parts.version),
                method: abi::Bytes::lend(parts.method.as_str().as_bytes()),
                target: abi::Bytes::lend(target.as_bytes()),
                headers: headers.as_ptr(),
                header_count: headers.len(),
                client: abi::Bytes::lend(client),
                scheme: abi::Bytes::lend(scheme.as_str().as_bytes()),
            };
            call(&raw const request, ptr::from_mut(self).cast());
        });
    }

    /// # Safety
    /// `responder` was lent by [`lend_request`](Self::lend_request), whose call still runs in
    /// this thread.
    pub(super) unsafe fn from_abi<'a>(responder: *mut abi::Responder) -> &'a mut Self {
        // SAFETY: the caller's promise: the responder is alive, and no other reference to it.
        unsafe { &mut *responder.cast::<Self>() }
    }

    /// # Safety
    /// `response` is one that the header allows.
    pub(super) unsafe fn respond(&mut self, response: *const abi::Response) -> Status {
        // SAFETY: the caller's promise. Taken before anything else, so that its body is released
        // whatever happens.
        let response = match unsafe { take_response(response) } {
            Ok(response) => response,
            Err(status) => return status,
        };
        match self {
            Self::Open(_) => {
                *self = Self::Answered(response.whole());
                Status::OK
            }
            Self::Answered(_) | Self::Detached(_) => Status::MISUSE,
        }
    }

    pub(super) fn detach(&mut self) -> Option<Exchange> {
        let Self::Open(body) = self else {
            return None;
        };
        let (exchange, answer) = Exchange::new(std::mem::take(body));
        *self = Self::Detached(answer);
        Some(exchange)
    }

    /// What is left after `handle`.
    pub(super) fn finish(self) -> Answer {
        match self {
            Self::Open(_) => Answer::Now(None),
            Self::Answered(response) => Answer::Now(Some(response)),
            Self::Detached(receiver) => Answer::Later(receiver),
        }
    }
}

/// More than the longest address has: `[`, 39 of IPv6, `%` and a scope of 10, `]:` and a port of 5.
const ADDRESS_LIMIT_BYTES: usize = 64;

/// An address as text, made where it allocates nothing; empty where there is none.
fn address_text(address: Option<SocketAddr>, room: &mut [u8; ADDRESS_LIMIT_BYTES]) -> &[u8] {
    let mut rest = &mut room[..];
    if let Some(address) = address {
        // It has room for every address.
        let _ = write!(rest, "{address}");
    }
    let length = ADDRESS_LIMIT_BYTES - rest.len();
    &room[..length]
}

/// A response as a plug-in gave it.
pub(super) struct Taken {
    pub(super) head: http::Response<()>,
    pub(super) body: Bytes,
}

impl Taken {
    /// The response with this body and no more.
    pub(super) fn whole(mut self) -> Response {
        if !self.body.is_empty() {
            // The server counts by itself, and a count that contradicts the body breaks the
            // connection. Without a body it stands, as answers to HEAD have one.
            self.head.headers_mut().remove(header::CONTENT_LENGTH);
        }
        self.head.map(|()| Body::whole(self.body))
    }
}

/// Takes a response over, and copies what is only lent.
///
/// # Safety
/// `response` is one that the header allows.
pub(super) unsafe fn take_response(response: *const abi::Response) -> Result<Taken, Status> {
    // SAFETY: rule 2 of the header: all structs begin with their size.
    if unsafe { (*response).size } < size_of::<abi::Response>() {
        return Err(Status::INVALID);
    }
    // SAFETY: it has all our fields.
    let response = unsafe { &*response };
    // SAFETY: the body is lent for the call, or for as long as it is not released.
    let body = unsafe { take_body(response) };
    // SAFETY: headers are lent for the call.
    let headers = unsafe { copy_headers(response.headers, response.header_count) };
    let mut head = http::Response::new(());
    *head.headers_mut() = headers.map_err(|_| Status::INVALID)?;
    *head.status_mut() = final_status(response.status).ok_or(Status::INVALID)?;
    Ok(Taken { head, body })
}

/// A status that ends a request: those below 200 only announce one.
fn final_status(status: u32) -> Option<StatusCode> {
    let status = u16::try_from(status).ok().filter(|status| *status >= 200)?;
    StatusCode::from_u16(status).ok()
}

/// # Safety
/// As for [`take_response`].
unsafe fn take_body(response: &abi::Response) -> Bytes {
    let Some(release) = response.release else {
        // SAFETY: the caller's promise.
        return Bytes::copy_from_slice(unsafe { response.body.borrow() });
    };
    Bytes::from_owner(Released { bytes: response.body, release, context: response.release_context })
}

/// A body that the plug-in owns, and the way to give it back.
struct Released {
    bytes: abi::Bytes,
    release: unsafe extern "C" fn(*mut std::ffi::c_void),
    context: *mut std::ffi::c_void,
}

// SAFETY: the header says that the body does not change, and is released from any thread.
unsafe impl Send for Released {}

impl AsRef<[u8]> for Released {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the bytes live until `release` is called.
        unsafe { self.bytes.borrow() }
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        // SAFETY: called once, with the context that came with it.
        unsafe { (self.release)(self.context) }
    }
}

fn version_number(version: Version) -> u32 {
    match version {
        Version::HTTP_10 => 10,
        Version::HTTP_2 => 20,
        Version::HTTP_3 => 30,
        _ => 11,
    }
}
