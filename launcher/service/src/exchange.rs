//! One request and its answer, whatever the service does.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode, Uri, Version};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use crate::access_log::{Logged, Record};
use crate::connection::Connection;
use crate::receive::{BodyFailure, Meter, Received};
use crate::request_id::RequestId;
use crate::{Begun, Body, BoxError, BoxService, Contained, Response, chain, contain};

/// Answers one request.
pub(crate) fn answer(
    connection: &Arc<Connection>,
    service: &BoxService,
    mut request: http::Request<Incoming>,
) -> impl Future<Output = Result<http::Response<Answer>, Infallible>> + use<> {
    let mut exchange = Exchange::begin(connection, &request);
    let next = match exchange.refusal(&request) {
        Some(refusal) => Next::Answered(refusal),
        None => {
            if service.asks_peer() {
                request.extensions_mut().insert(Arc::clone(&connection.peer));
            }
            let request = request.map(|body| exchange.receive(body));
            match contain(|| service.begin(request)) {
                Ok(Begun::Answered(Ok(response))) => Next::Answered(response),
                Ok(Begun::Answered(Err(error))) => Next::Answered(exchange.failed(&*error)),
                Ok(Begun::Answering(future)) => Next::Answering(Contained::new(future)),
                Err(panic) => Next::Answered(exchange.failed(&panic)),
            }
        }
    };
    async move {
        let response = match next {
            Next::Answered(response) => response,
            Next::Answering(future) => match future.await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => exchange.failed(&*error),
                Err(panic) => exchange.failed(&panic),
            },
        };
        Ok(exchange.send(response))
    }
}

enum Next<F> {
    Answered(Response),
    Answering(F),
}

/// A request until the last byte of its answer; what came of it is counted when it is dropped.
pub(crate) struct Exchange {
    connection: Arc<Connection>,
    begun: Instant,
    method: Method,
    target: Uri,
    version: Version,
    status: StatusCode,
    /// Bytes of the body that were received; a request without a body has no meter.
    meter: Option<Arc<Meter>>,
    sent: u64,
    /// The `X-Request-Id` that came with it, whatever it is.
    sent_id: Option<HeaderValue>,
    /// What only the access log wants to know.
    logged: Option<Box<Logged>>,
}

impl Exchange {
    fn begin(connection: &Arc<Connection>, request: &http::Request<Incoming>) -> Box<Self> {
        connection.activity.request_begins();
        if connection.is_public {
            connection.shared.metrics.request_begins();
        }
        let log = connection.shared.access_log.as_ref().filter(|_| connection.is_public);
        // On the heap, as it goes through many hands.
        Box::new(Self {
            connection: Arc::clone(connection),
            begun: Instant::now(),
            method: request.method().clone(),
            target: request.uri().clone(),
            version: request.version(),
            status: client_closed_request(),
            meter: None,
            sent: 0,
            sent_id: request.headers().get(REQUEST_ID).cloned(),
            logged: log.map(|_| Box::new(Logged::of(request.headers()))),
        })
    }

    /// The answer to a request that the service shall not see.
    fn refusal(&self, request: &http::Request<Incoming>) -> Option<Response> {
        if self.version < Version::HTTP_2
            && let Some(problem) = framing_problem(request)
        {
            return Some(plain(StatusCode::BAD_REQUEST, problem));
        }
        let length = request.body().size_hint().lower();
        let limit = self.connection.shared.limits.body_bytes;
        (length > limit).then(|| plain(StatusCode::PAYLOAD_TOO_LARGE, "request body too large\n"))
    }

    /// The body of the request, counted and limited.
    fn receive(&mut self, body: Incoming) -> Body {
        if body.is_end_stream() {
            return Body::empty();
        }
        let meter = Arc::new(Meter::default());
        self.meter = Some(Arc::clone(&meter));
        let limits = &self.connection.shared.limits;
        Body::received(Received::new(body, meter, limits.body_bytes, limits.body))
    }

    /// The answer in place of one that the service could not give.
    fn failed(&self, error: &(dyn Error + 'static)) -> Response {
        if let Some(failure) = BodyFailure::cause_of(error) {
            return plain(failure.status(), failure.text());
        }
        if is_client_gone(error) {
            return plain(StatusCode::BAD_REQUEST, "the request broke off\n");
        }
        let id = self.id();
        self.report("service failed", error, &id);
        let mut response = plain(StatusCode::INTERNAL_SERVER_ERROR, "internal server error\n");
        if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    fn send(mut self: Box<Self>, mut response: Response) -> http::Response<Answer> {
        self.status = response.status();
        let last = self.connection.shared.is_leaving.load(Relaxed) || self.refuses_body();
        if last && self.version < Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        if self.method == Method::HEAD {
            without_content(&mut response);
        }
        response.map(|body| Answer { body, exchange: self, untaken: false })
    }

    /// Whether what follows on the connection can't be trusted, or is not worth waiting for.
    fn refuses_body(&self) -> bool {
        const REFUSALS: [StatusCode; 3] =
            [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE, StatusCode::REQUEST_TIMEOUT];
        REFUSALS.contains(&self.status)
    }

    fn id(&self) -> RequestId {
        let sent = self.sent_id.as_ref().and_then(|value| RequestId::sent(value.as_bytes()));
        sent.unwrap_or_else(|| self.connection.request_id(self.begun))
    }

    fn report(&self, what: &'static str, error: &(dyn Error + 'static), id: &RequestId) {
        tracing::error!(
            method = %self.method,
            url = %self.target,
            client = %self.connection.peer,
            request_id = %id,
            error = chain(error),
            "{what}"
        );
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = Instant::now();
        let duration = now.saturating_duration_since(self.begun);
        let received = self.meter.as_ref().map_or(0, |meter| meter.bytes());
        let connection = &self.connection;
        connection.activity.request_ends(now);
        if !connection.is_public {
            return;
        }
        let metrics = &connection.shared.metrics;
        metrics.request_ends(&self.method, self.status, duration, received, self.sent);
        let Some(log) = &connection.shared.access_log else { return };
        let Some(logged) = &self.logged else { return };
        log.write(&Record {
            time: SystemTime::now() - duration,
            request_id: &self.id(),
            peer: &connection.peer,
            method: &self.method,
            target: &self.target,
            version: self.version,
            status: self.status,
            received,
            sent: self.sent,
            duration,
            logged,
        });
    }
}

/// The answer on its way: its panics and errors are reported, and end this answer alone.
pub(crate) struct Answer {
    body: Body,
    exchange: Box<Exchange>,
    /// Whether the client has not taken the last piece yet.
    untaken: bool,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.taken();
        let polled = contain(|| Pin::new(&mut self.body).poll_frame(context));
        let polled = polled.unwrap_or_else(|panic| Poll::Ready(Some(Err(panic.into()))));
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.exchange.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                self.handed_out();
            }
            Poll::Ready(Some(Err(error))) => self.broken_off(&**error),
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Answer {
    fn handed_out(&mut self) {
        // The last piece is not waited for: nothing more will be asked for.
        if !self.body.is_end_stream() {
            self.exchange.connection.activity.handed_out();
            self.untaken = true;
        }
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.untaken) {
            self.exchange.connection.activity.took();
        }
    }

    fn broken_off(&self, error: &(dyn Error + 'static)) {
        if !is_client_gone(error) && BodyFailure::cause_of(error).is_none() {
            self.exchange.report("answer broken off", error, &self.exchange.id());
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.taken();
    }
}

/// The status in logs and metrics of a request whose client left before the answer began; as nginx
/// has it.
fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

const REQUEST_ID: header::HeaderName = header::HeaderName::from_static("x-request-id");

/// What is wrong with the head of an HTTP/1 request that a proxy before this server may understand
/// in another way (RFC 9112, sections 3.2 and 6.1).
fn framing_problem(request: &http::Request<Incoming>) -> Option<&'static str> {
    let headers = request.headers();
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Some("the request needs one host\n");
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let first = codings.next()?;
    let is_chunked = first.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    (!is_chunked || codings.next().is_some()).then_some("the only transfer coding is chunked\n")
}

/// Makes the answer to a HEAD request: the length of the content, and none of it.
fn without_content(response: &mut Response) {
    let content = std::mem::take(response.body_mut());
    // These have none for GET either, and so no length (RFC 9110, section 8.6).
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return;
    }
    let headers = response.headers_mut();
    let is_declared = headers.contains_key(header::CONTENT_LENGTH)
        || headers.contains_key(header::TRANSFER_ENCODING);
    if let Some(length) = content.size_hint().exact().filter(|_| !is_declared) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
}

/// Whether an error comes from the connection itself, as when a service passes on that the request
/// body ended early.
fn is_client_gone(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.any(|cause| cause.is::<hyper::Error>())
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
