//! The seam between services and the server: service below, HTTP above.
//!
//! A service is any [`tower_service::Service`] that takes a [`Request`] and gives an
//! `http::Response` with any body of bytes; [`BoxService`] is one with its type forgotten. The
//! [`Server`] (feature `server`) takes connections from listeners through PROXY header and TLS to
//! HTTP/1.1 or HTTP/2, keeps clients within [`Limits`], and keeps what fails in a service to the one
//! request that failed.
//!
//! ```
//! use std::convert::Infallible;
//! use std::future::{Ready, ready};
//! use std::task::{Context, Poll};
//!
//! use holdall_service::{Body, BoxService, Request, Response};
//!
//! #[derive(Clone)]
//! struct Hello;
//!
//! impl tower_service::Service<Request> for Hello {
//!     type Response = Response;
//!     type Error = Infallible;
//!     type Future = Ready<Result<Response, Infallible>>;
//!
//!     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn call(&mut self, _: Request) -> Self::Future {
//!         ready(Ok(Response::new(Body::from("hello"))))
//!     }
//! }
//!
//! let service = BoxService::new(Hello);
//! ```
#![forbid(unsafe_code)]

#[cfg(feature = "server")]
mod accept;
#[cfg(feature = "server")]
mod access_log;
#[cfg(feature = "server")]
mod activity;
#[cfg(feature = "server")]
mod addresses;
#[cfg(feature = "server")]
mod admin;
#[cfg(feature = "server")]
mod arrival;
mod body;
mod boxed;
#[cfg(feature = "server")]
mod challenge;
mod channel;
#[cfg(feature = "server")]
mod connection;
mod contain;
#[cfg(feature = "server")]
mod exchange;
#[cfg(feature = "server")]
mod limits;
#[cfg(feature = "server")]
mod metrics;
mod options;
mod peer;
#[cfg(feature = "server")]
mod receive;
#[cfg(feature = "server")]
mod redirect;
#[cfg(feature = "server")]
mod request_id;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod shutdown;
#[cfg(feature = "server")]
mod stream;
#[cfg(feature = "server")]
mod streams;
#[cfg(feature = "server")]
mod tended;

#[cfg(feature = "server")]
pub use access_log::{AccessFormat, AccessLog, Logged, Record};
#[cfg(feature = "server")]
pub use admin::{Admin, CertificateEnds, Readiness, TendedNames};
pub use body::Body;
pub use boxed::{Begun, BoxFuture, BoxService};
#[cfg(feature = "server")]
pub use challenge::http_challenges;
pub use channel::{BodyClosed, BodySender, BrokenOff};
pub use contain::{Contained, Panic, contain};
#[cfg(feature = "server")]
pub use limits::Limits;
#[cfg(feature = "server")]
pub use metrics::{
    BuildInfo, Cut, Extra, Handshake, HandshakeWatch, Metrics, OpenConnection, Rejection, State,
};
pub use options::{ServiceOption, ServiceOptions};
pub use peer::{Peer, Scheme};
#[cfg(feature = "server")]
pub use redirect::redirect;
#[cfg(feature = "server")]
pub use request_id::RequestId;
#[cfg(feature = "server")]
pub use server::{Binding, Ended, Role, ServeError, Server};
#[cfg(feature = "server")]
pub use shutdown::{Phase, Shutdown, Trigger};
#[cfg(feature = "server")]
pub use tended::{Tended, TendedName};

use std::error::Error;

/// Any error that can cross threads.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What a service is asked.
pub type Request = http::Request<Body>;

/// What a service answers, once the type of its body is forgotten.
pub type Response = http::Response<Body>;

/// An error and its causes in one line: `cannot answer: file not found`.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
