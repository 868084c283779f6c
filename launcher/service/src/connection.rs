//! One connection: HTTP/1.1, and failures that stay inside one request.

use std::convert::Infallible;
use std::error::Error;
use std::io::Write;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use crate::{
    Body, BoxError, BoxService, Contained, Phase, Request, Response, Server, Shutdown, chain,
    contain,
};

/// What all connections of a server have in common.
pub(crate) struct Connections {
    pub(crate) drain_timeout: Duration,
    http: http1::Builder,
    shutdown: Shutdown,
    reporter: Arc<Reporter>,
}

impl Connections {
    pub(crate) fn new(server: &Server, shutdown: Shutdown) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(server.header_timeout);
        // A client may close its sending side after the request, as socat does, and still listens.
        http.half_close(true);
        Self {
            drain_timeout: server.drain_timeout,
            http,
            shutdown,
            reporter: Arc::new(Reporter { name: server.name.clone() }),
        }
    }

    pub(crate) fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    pub(crate) fn report(&self, line: &str) {
        self.reporter.report(line);
    }

    /// Serves one connection to its end. What fails on it is the client's affair, as hyper has
    /// answered what can be answered.
    pub(crate) async fn serve(self: Arc<Self>, stream: TcpStream, service: BoxService) {
        // Answers are written in few large pieces, and waiting to fill packets costs 40 ms each.
        let _ = stream.set_nodelay(true);
        let reporter = Arc::clone(&self.reporter);
        let answering = service_fn(move |request| answer(&service, request, Arc::clone(&reporter)));
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), answering));
        let mut shutdown = self.shutdown();
        tokio::select! {
            _ = connection.as_mut() => return,
            () = shutdown.reached(Phase::Draining) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}

/// Answers one request, whatever the service does.
fn answer(
    service: &BoxService,
    request: http::Request<Incoming>,
    reporter: Arc<Reporter>,
) -> impl Future<Output = Result<http::Response<WatchedBody>, Infallible>> + use<> {
    let line =
        RequestLine { method: request.method().clone(), target: request.uri().clone(), reporter };
    let request: Request = request.map(Body::incoming);
    let begun = contain(|| service.answer(request));
    async move {
        let outcome = match begun {
            Ok(future) => Contained::new(future).await,
            Err(panic) => Err(panic),
        };
        let response = match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => line.failed(&*error),
            Err(panic) => line.failed(&panic),
        };
        Ok(response.map(|body| WatchedBody { body, line }))
    }
}

/// A request as lines on stderr name it.
struct RequestLine {
    method: Method,
    target: Uri,
    reporter: Arc<Reporter>,
}

impl RequestLine {
    fn failed(&self, error: &(dyn Error + 'static)) -> Response {
        self.report("service failed", error);
        let mut response = Response::new(Body::from("internal server error\n"));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(http::header::CONTENT_TYPE, plain);
        response
    }

    fn report(&self, what: &str, error: &(dyn Error + 'static)) {
        if is_client_gone(error) {
            return;
        }
        let Self { method, target, .. } = self;
        self.reporter.report(&format!("{method} {target}: {what}: {}", chain(error)));
    }
}

/// Whether an error comes from the connection itself, as when a service passes on that the request
/// body ended early.
fn is_client_gone(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.any(|cause| cause.is::<hyper::Error>())
}

/// A response body whose panics and errors are reported, and end this response alone.
struct WatchedBody {
    body: Body,
    line: RequestLine,
}

impl http_body::Body for WatchedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = contain(|| Pin::new(&mut self.body).poll_frame(context));
        let polled = polled.unwrap_or_else(|panic| Poll::Ready(Some(Err(panic.into()))));
        if let Poll::Ready(Some(Err(error))) = &polled {
            self.line.report("answer broken off", &**error);
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

/// Where lines for people go.
struct Reporter {
    name: String,
}

impl Reporter {
    /// Writes one line. A closed stderr is no reason to fail, which `eprintln!` would.
    fn report(&self, line: &str) {
        let line = line.replace(char::is_control, " ");
        let _ = writeln!(std::io::stderr(), "{}: {line}", self.name);
    }
}
