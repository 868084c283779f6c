//! The body of a request as it arrives: counted, limited, and not waited for without end.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use crate::BoxError;

/// How many bytes of a body have arrived.
#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Why the server reads no more of a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyFailure {
    #[error("the request body has more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("no byte of the request body for {limit:?}")]
    TooSlow { limit: Duration },
}

impl BodyFailure {
    /// The failure among the causes of a service's error.
    pub(crate) fn cause_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut causes = std::iter::successors(Some(error), |error| (*error).source());
        causes.find_map(|cause| cause.downcast_ref())
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
        }
    }

    pub(crate) fn text(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "request body too large\n",
            Self::TooSlow { .. } => "request body too slow\n",
        }
    }
}

pub(crate) struct Received {
    body: Incoming,
    meter: Arc<Meter>,
    limit_bytes: u64,
    patience: Duration,
    /// Runs while bytes are waited for.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Received {
    pub(crate) fn new(
        body: Incoming,
        meter: Arc<Meter>,
        limit_bytes: u64,
        patience: Duration,
    ) -> Self {
        Self { body, meter, limit_bytes, patience, waiting: None }
    }

    fn counted(&self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BoxError> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let before = self.meter.0.fetch_add(length, Relaxed);
        if before + length > self.limit_bytes {
            return Err(BodyFailure::TooLarge { limit: self.limit_bytes }.into());
        }
        Ok(frame)
    }

    /// Ready when nothing has arrived for too long.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<BoxError> {
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(BodyFailure::TooSlow { limit: patience }.into())
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Pending => self.poll_late(context).map(|late| Some(Err(late))),
            Poll::Ready(polled) => {
                self.waiting = None;
                let polled = polled.map(|frame| self.counted(frame?));
                Poll::Ready(polled)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
