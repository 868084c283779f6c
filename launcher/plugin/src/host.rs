//! The side that loads plug-ins, and makes a service of each.

mod declared;
mod exchange;
mod load;
mod responder;
mod stream;
mod table;

use std::ffi::c_void;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use holdall_service::{Request, Response, ServiceOptions};
use tokio::sync::oneshot;
use tower_service::Service;

pub use load::{Library, LoadError};

use crate::abi;
use responder::Responder;

/// What a host gives to its plug-ins: a log, the resources of the bundle, values of options.
pub struct Host {
    pub(crate) log: Box<LogFn>,
    pub(crate) resource: Box<ResourceFn>,
    pub(crate) options: ServiceOptions,
}

type LogFn = dyn Fn(abi::Level, &str) + Send + Sync;
type ResourceFn = dyn Fn(&str) -> io::Result<Bytes> + Send + Sync;

impl Host {
    /// A host that writes lines with `log`, and reads resources by name with `resource`.
    ///
    /// An error of [`io::ErrorKind::NotFound`] tells the plug-in that there is no such resource;
    /// any other is logged, and the plug-in learns that it failed.
    pub fn new(
        log: impl Fn(abi::Level, &str) + Send + Sync + 'static,
        resource: impl Fn(&str) -> io::Result<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let options = ServiceOptions::default();
        Self { log: Box::new(log), resource: Box::new(resource), options }
    }

    /// The same host, with these values for the options that the plug-in declares.
    #[must_use]
    pub fn with_options(self, options: ServiceOptions) -> Self {
        Self { options, ..self }
    }
}

/// A plug-in that was loaded and started; clones are the same plug-in.
///
/// It is a [`tower_service::Service`]. When the last clone is dropped the plug-in is stopped, but
/// never unloaded: threads that it started may still run its code.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

impl Plugin {
    /// Loads a shared object and starts the plug-in in it: [`Library::open`] and
    /// [`Library::start`] in one.
    ///
    /// # Errors
    /// [`LoadError`] says at which step, and what was expected and found.
    pub fn load(path: &Path, host: Host) -> Result<Self, LoadError> {
        Library::open(path)?.start(host)
    }

    /// The name that the plug-in gives itself.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Plugin").field(&self.name()).finish()
    }
}

/// A request that a plug-in did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// It returned without an answer, or gave up later.
    #[error("plug-in {plugin} gave no answer")]
    NoAnswer {
        /// The name of the plug-in.
        plugin: String,
    },
}

impl Service<Request> for Plugin {
    type Response = Response;
    type Error = CallError;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Answering {
        let (parts, body) = request.into_parts();
        let mut responder = Responder::new(body);
        responder.lend_request(&parts, |request, responder| {
            // SAFETY: `context` is what `start` gave, and `stop` was not called, as `self` is
            // alive; request and responder live until `handle` returns.
            unsafe { (self.0.handle)(self.0.context, request, responder) }
        });
        Answering { plugin: self.clone(), state: responder.finish() }
    }
}

/// The answer of a plug-in, now or later.
pub struct Answering {
    plugin: Plugin,
    state: Answer,
}

/// What `handle` has left.
pub(crate) enum Answer {
    Now(Option<Response>),
    Later(oneshot::Receiver<Response>),
}

impl Future for Answering {
    type Output = Result<Response, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.state {
            Answer::Now(response) => response.take(),
            Answer::Later(receiver) => std::task::ready!(Pin::new(receiver).poll(context)).ok(),
        };
        let plugin = || self.plugin.name().to_owned();
        Poll::Ready(answer.ok_or_else(|| CallError::NoAnswer { plugin: plugin() }))
    }
}

/// A started plug-in. Its shared object stays loaded until the process ends.
struct Loaded {
    name: String,
    context: *mut c_void,
    handle: unsafe extern "C" fn(*mut c_void, *const abi::Request, *mut abi::Responder),
    stop: Option<unsafe extern "C" fn(*mut c_void)>,
}

// SAFETY: rule 5 of the header: a plug-in is called from any thread, from many at once.
unsafe impl Send for Loaded {}
// SAFETY: as above.
unsafe impl Sync for Loaded {}

impl Drop for Loaded {
    fn drop(&mut self) {
        if let Some(stop) = self.stop {
            // SAFETY: `context` is what `start` gave; every call of `handle` has returned, as each
            // holds a clone of the plug-in.
            unsafe { stop(self.context) }
        }
    }
}
