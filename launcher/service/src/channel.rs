//! A body that is sent while it is read, with back-pressure.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::BoxError;

/// The sending end of [`Body::channel`](crate::Body::channel).
///
/// A sender that is dropped without [`finish`](Self::finish) breaks the body off: the client sees
/// a broken connection, never a short body that looks whole.
pub struct BodySender {
    bytes: Sender<Bytes>,
    finished: Arc<AtomicBool>,
}

/// Nobody reads the body any more: the client is gone, or the request was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reader of the body is gone")]
pub struct BodyClosed;

/// The writer of a body went away before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body was broken off by its writer")]
pub struct BrokenOff;

pub(crate) struct Channel {
    bytes: Receiver<Bytes>,
    finished: Arc<AtomicBool>,
}

pub(crate) fn open(frames: usize) -> (BodySender, Channel) {
    let (sender, receiver) = channel(frames.max(1));
    let finished = Arc::new(AtomicBool::new(false));
    let sender = BodySender { bytes: sender, finished: Arc::clone(&finished) };
    let channel = Channel { bytes: receiver, finished };
    (sender, channel)
}

impl BodySender {
    /// Sends bytes, and waits while the reader is behind.
    ///
    /// # Errors
    /// [`BodyClosed`] when nobody reads any more.
    pub async fn send(&mut self, bytes: Bytes) -> Result<(), BodyClosed> {
        self.bytes.send(bytes).await.map_err(|_| BodyClosed)
    }

    /// [`send`](Self::send) for a thread that may block; not for use inside a runtime.
    ///
    /// # Errors
    /// [`BodyClosed`] when nobody reads any more.
    pub fn blocking_send(&mut self, bytes: Bytes) -> Result<(), BodyClosed> {
        self.bytes.blocking_send(bytes).map_err(|_| BodyClosed)
    }

    /// Ends the body: what was sent is all of it.
    pub fn finish(self) {
        // Before the channel closes in drop, which is what the reader waits for.
        self.finished.store(true, Ordering::Release);
    }
}

impl http_body::Body for Channel {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let received = std::task::ready!(self.bytes.poll_recv(context));
        Poll::Ready(match received {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None if self.finished.load(Ordering::Acquire) => None,
            None => Some(Err(BrokenOff.into())),
        })
    }
}
