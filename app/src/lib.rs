//! `sayhello`: a page that greets, and shows the file that it came from.
//!
//! This is the whole of a service: [`service`] makes it, [`SayHello`] is a
//! [`tower_service::Service`] on `http` types, and `answer` is a plain function from request to
//! response. The same code is a plug-in (the last line of this file) and a server of its own
//! (`main.rs`); its pages are resources, so it does not know whether they come from a bundle or,
//! in development, from a directory.
#![forbid(unsafe_code)]

mod answer;
mod page;
mod template;

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use holdall_plugin::{ServiceOption, ServiceOptions};
use holdall_resources::Resources;
use http::{Request, Response};
use http_body_util::Full;

pub use template::TemplateError;

/// Why there is no answer; the host turns it into a 500 and logs it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A resource can't be had.
    #[error("can't read what the page is made of")]
    Resource(#[from] holdall_resources::Error),
    /// A page wants a value that it is not given.
    #[error("can't make the page")]
    Template(#[from] TemplateError),
}

/// What the service adds to the options of every bundle.
pub const OPTIONS: &[ServiceOption] = &[ServiceOption {
    name: "greeting",
    value: Some("TEXT"),
    default: Some("Hello"),
    help: "The word before the name",
}];

/// The service: cheap to clone, as each request gets its own.
#[derive(Clone)]
pub struct SayHello {
    resources: &'static Resources,
    greeting: Arc<str>,
}

/// Opens the resources, wherever they are, and makes the service.
///
/// # Errors
/// When there are no resources, or they are damaged.
pub fn service(options: &ServiceOptions) -> Result<SayHello, Error> {
    Ok(SayHello::new(Resources::open()?, options))
}

impl SayHello {
    /// The service over these resources. They stay open for as long as the process lives, so that
    /// a response can lend its bytes to the connection.
    pub fn new(resources: Resources, options: &ServiceOptions) -> Self {
        let greeting = options.get("greeting").unwrap_or_default().into();
        SayHello { resources: resources.into_static(), greeting }
    }
}

impl<B> tower_service::Service<Request<B>> for SayHello {
    type Response = Response<Full<Bytes>>;
    type Error = Error;
    type Future = Ready<Result<Self::Response, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let request = request.map(drop);
        ready(self.answer(&request).map(|response| response.map(Full::new)))
    }
}

holdall_plugin::export!(service, options = OPTIONS);
