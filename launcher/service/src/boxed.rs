//! A service with its type forgotten.

use std::any::Any;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tower_service::Service;

use crate::{Body, BoxError, Request, Response};

/// A future with its type forgotten.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request that a service has taken.
pub enum Begun {
    /// It is answered.
    Answered(Result<Response, BoxError>),
    /// It will be.
    Answering(BoxFuture<Result<Response, BoxError>>),
}

/// Any service, boxed and clonable.
///
/// It is always ready: each call waits on its own clone of the service, so that one request that
/// is held up by [`poll_ready`](Service::poll_ready) does not hold up the others.
pub struct BoxService(Box<dyn Erased + Send>);

impl BoxService {
    /// Forgets the type of a service; one that is a `BoxService` already stays as it is.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if let Some(same) = (&service as &dyn Any).downcast_ref::<Self>() {
            return same.clone();
        }
        Self(Box::new(service))
    }

    /// A service of a plain function that answers at once.
    ///
    /// ```
    /// use holdall_service::{BoxService, Response};
    ///
    /// let service = BoxService::from_fn(|request| Response::new(request.uri().path().to_owned().into()));
    /// ```
    pub fn from_fn<F>(function: F) -> Self
    where
        F: Fn(Request) -> Response + Clone + Send + 'static,
    {
        Self::from_begin(move |request| Begun::Answered(Ok(function(request))))
    }

    /// A service of a function that can answer at once, where nothing has to be waited for: this
    /// saves a future, its allocation and a turn.
    pub fn from_begin<F>(function: F) -> Self
    where
        F: Fn(Request) -> Begun + Clone + Send + 'static,
    {
        Self(Box::new(Function { function, asks_peer: true }))
    }

    /// The same for a function that never asks for the [`Peer`](crate::Peer) among the extensions of
    /// a request, which then is spared.
    pub fn from_begin_for_all<F>(function: F) -> Self
    where
        F: Fn(Request) -> Begun + Clone + Send + 'static,
    {
        Self(Box::new(Function { function, asks_peer: false }))
    }

    /// Whether it may look who is asking.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only servers know of peers"))]
    pub(crate) fn asks_peer(&self) -> bool {
        self.0.asks_peer()
    }

    /// Begins to answer one request; what takes no time is done then.
    pub fn begin(&self, request: Request) -> Begun {
        self.0.begin(request)
    }

    /// Answers one request.
    ///
    /// # Errors
    /// Whatever the service fails with.
    pub fn answer(&self, request: Request) -> BoxFuture<Result<Response, BoxError>> {
        match self.begin(request) {
            Begun::Answered(answer) => Box::pin(ready(answer)),
            Begun::Answering(future) => future,
        }
    }
}

impl Clone for BoxService {
    fn clone(&self) -> Self {
        self.0.duplicate()
    }
}

impl std::fmt::Debug for BoxService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("BoxService")
    }
}

impl Service<Request> for BoxService {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.answer(request)
    }
}

trait Erased {
    fn begin(&self, request: Request) -> Begun;
    fn duplicate(&self) -> BoxService;

    fn asks_peer(&self) -> bool {
        true
    }
}

impl<S, B> Erased for S
where
    S: Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn begin(&self, request: Request) -> Begun {
        let mut service = self.clone();
        Begun::Answering(Box::pin(async move {
            poll_fn(|context| service.poll_ready(context)).await.map_err(Into::into)?;
            let response = service.call(request).await.map_err(Into::into)?;
            Ok(response.map(Body::new))
        }))
    }

    fn duplicate(&self) -> BoxService {
        BoxService::new(self.clone())
    }
}

struct Function<F> {
    function: F,
    asks_peer: bool,
}

impl<F: Fn(Request) -> Begun + Clone + Send + 'static> Erased for Function<F> {
    fn begin(&self, request: Request) -> Begun {
        (self.function)(request)
    }

    fn duplicate(&self) -> BoxService {
        let (function, asks_peer) = (self.function.clone(), self.asks_peer);
        BoxService(Box::new(Self { function, asks_peer }))
    }

    fn asks_peer(&self) -> bool {
        self.asks_peer
    }
}
