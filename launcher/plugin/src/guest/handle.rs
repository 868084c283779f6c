//! One request: polled once where the host called, and answered there or from a task.

use std::error::Error;
use std::ffi::c_void;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use holdall_service::{
    Body, BoxError, BoxFuture, Contained, Panic, Peer, Request, Response, Scheme, chain, contain,
};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};

use super::answer::{Gathered, NotAllowed, deliver, gather, into_parts, lend_response, stream};
use super::body::RequestBody;
use super::context::Context;
use super::exchange::{ClientGone, Exchange};
use super::start::Guest;
use crate::abi::{self, Status};
use crate::borrow::copy_headers;
use crate::growing::{self, Growing};

/// Answers a request.
///
/// # Safety
/// The arguments are those that the header promises to `handle`.
pub unsafe extern "C" fn handle(
    context: *mut c_void,
    request: *const abi::Request,
    responder: *mut abi::Responder,
) {
    // SAFETY: the caller's promise: `context` is what start gave.
    let guest = unsafe { &*context.cast::<Guest>() };
    let responder = Responder { raw: responder, context: guest.context };
    // SAFETY: the caller's promise: the request lives for the call.
    let handled = contain(|| match unsafe { growing::copy(request) } {
        Ok(request) => guest.handle(&request, &responder).map_err(BoxError::from),
        Err(size) => Err(ShortRequest { size }.into()),
    });
    let failure: BoxError = match handled {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(panic) => panic.into(),
    };
    guest.context.error(&format!("can't handle a request: {}", chain(&*failure)));
    let (head, body) = internal_error().into_parts();
    responder.respond(&head, body);
}

/// A request of another interface.
#[derive(Debug, thiserror::Error)]
#[error("the host's request has {size} bytes, expected at least {}", abi::Request::LEAST)]
struct ShortRequest {
    size: usize,
}

impl Guest {
    fn handle(&self, request: &abi::Request, responder: &Responder) -> Result<(), http::Error> {
        let _inside = self.runtime.enter();
        if request.has_body == 0 {
            // SAFETY: a request that the host lends is one that the header allows.
            self.answer_here(unsafe { to_http(request, Body::empty()) }?, responder);
            return Ok(());
        }
        if let Some(exchange) = responder.detach() {
            let exchange = Arc::new(exchange);
            // SAFETY: as above.
            let request = unsafe { to_http(request, Body::empty()) }?;
            let body = RequestBody::new(Arc::clone(&exchange), stated_length(request.headers()));
            let request = request.map(|_| Body::new(body));
            let line = RequestLine::of(&request, self.context);
            self.answer_later(exchange, line, Contained::new(self.answer(request)));
        }
        Ok(())
    }

    fn answer(&self, request: Request) -> BoxFuture<Result<Response, BoxError>> {
        // A panic inside a lock is one of the service's clone, which leaves the service as it was.
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        service.answer(request)
    }

    /// Answers on the host's stack if the service is done at once, and from a task if not.
    fn answer_here(&self, request: Request, responder: &Responder) {
        let line = RequestLine::of(&request, self.context);
        let mut answering = Contained::new(self.answer(request));
        // The waker does nothing: the task, if it comes to one, polls again with its own.
        let mut context = TaskContext::from_waker(Waker::noop());
        match Pin::new(&mut answering).poll(&mut context) {
            Poll::Ready(outcome) => self.respond(line.settle(outcome), line, responder),
            Poll::Pending => {
                if let Some(exchange) = responder.detach() {
                    self.answer_later(Arc::new(exchange), line, answering);
                }
            }
        }
    }

    fn respond(&self, response: Response, line: RequestLine, responder: &Responder) {
        let (head, body) = into_parts(response);
        let (head, bytes) = match gather(body) {
            Gathered::All(bytes) => (head, bytes),
            Gathered::Failed(error) => line.failed(&*error).into_parts(),
            Gathered::Part(first, rest) => {
                return self.stream_later(line, head, first, rest, responder);
            }
        };
        if responder.respond(&head, bytes) == Status::INVALID {
            let (head, bytes) = line.failed(&NotAllowed::of(&head)).into_parts();
            responder.respond(&head, bytes);
        }
    }

    fn stream_later(
        &self,
        line: RequestLine,
        head: Parts,
        first: Bytes,
        rest: Body,
        responder: &Responder,
    ) {
        if let Some(exchange) = responder.detach() {
            self.spawn(
                line.clone(),
                async move { stream(&exchange, &line, &head, first, rest).await },
            );
        }
    }

    fn answer_later(&self, exchange: Arc<Exchange>, line: RequestLine, answering: Answering) {
        self.spawn(line.clone(), async move {
            let response = line.settle(answering.await);
            deliver(&exchange, &line, response).await;
        });
    }

    /// Runs work in a task, and reports its panic; the exchange that is dropped then is aborted.
    fn spawn(&self, line: RequestLine, work: impl Future<Output = ()> + Send + 'static) {
        let work = Contained::new(Box::pin(work));
        self.runtime.spawn(async move {
            if let Err(panic) = work.await {
                line.report("answer broken off", &panic);
            }
        });
    }
}

type Answering = Contained<BoxFuture<Result<Response, BoxError>>>;

/// The host's stack slot for an answer, while `handle` runs.
struct Responder {
    raw: *mut abi::Responder,
    context: Context,
}

impl Responder {
    fn respond(&self, head: &Parts, body: impl Into<Bytes>) -> Status {
        let host = self.context.host();
        // SAFETY: `handle` still runs, in this thread; the response lives for the call.
        lend_response(head, body.into(), |response| unsafe { (host.respond)(self.raw, response) })
    }

    /// None where the request was answered already, which this side never does.
    fn detach(&self) -> Option<Exchange> {
        // SAFETY: `handle` still runs, in this thread.
        let raw = unsafe { (self.context.host().detach)(self.raw) };
        // SAFETY: the host has just given this exchange to us.
        (!raw.is_null()).then(|| unsafe { Exchange::new(raw, self.context) })
    }
}

/// A request as lines in the log name it.
#[derive(Clone)]
pub(super) struct RequestLine {
    method: Method,
    target: Uri,
    context: Context,
}

impl RequestLine {
    fn of(request: &Request, context: Context) -> Self {
        Self { method: request.method().clone(), target: request.uri().clone(), context }
    }

    /// The response, whatever the service did.
    fn settle(&self, outcome: Result<Result<Response, BoxError>, Panic>) -> Response {
        match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => self.failed(&*error).map(Body::from),
            Err(panic) => self.failed(&panic).map(Body::from),
        }
    }

    /// Reports a failure, and makes the answer to it.
    pub(super) fn failed(&self, error: &(dyn Error + 'static)) -> http::Response<Bytes> {
        self.report("service failed", error);
        internal_error()
    }

    pub(super) fn report(&self, what: &str, error: &(dyn Error + 'static)) {
        let mut causes = std::iter::successors(Some(error), |error| (*error).source());
        if causes.any(|cause| cause.is::<ClientGone>()) {
            return;
        }
        let Self { method, target, .. } = self;
        self.context.error(&format!("{method} {target}: {what}: {}", chain(error)));
    }
}

fn internal_error() -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from_static(b"internal server error\n"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

fn stated_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Copies a request of the host.
///
/// # Safety
/// `request` is one that the header allows.
unsafe fn to_http(request: &abi::Request, body: Body) -> Result<Request, http::Error> {
    // SAFETY: the caller's promise.
    let (method, target, headers, peer) = unsafe {
        let headers = copy_headers(request.headers, request.header_count)?;
        (request.method.borrow(), request.target.borrow(), headers, peer(request))
    };
    let mut copy = Request::new(body);
    copy.extensions_mut().insert(Arc::new(peer));
    *copy.method_mut() = Method::from_bytes(method)?;
    *copy.uri_mut() = Uri::try_from(target)?;
    *copy.headers_mut() = headers;
    *copy.version_mut() = match request.http_version {
        10 => Version::HTTP_10,
        20 => Version::HTTP_2,
        30 => Version::HTTP_3,
        _ => Version::HTTP_11,
    };
    Ok(copy)
}

/// Who sent the request, as far as the host says so.
///
/// # Safety
/// `request` is one that the header allows.
unsafe fn peer(request: &abi::Request) -> Peer {
    // SAFETY: the caller's promise.
    let (client, scheme) = unsafe { (request.client.borrow(), request.scheme.borrow()) };
    Peer {
        client: std::str::from_utf8(client).ok().and_then(|client| client.parse().ok()),
        scheme: if scheme == b"https" { Scheme::Https } else { Scheme::Http },
        server_name: None,
    }
}
