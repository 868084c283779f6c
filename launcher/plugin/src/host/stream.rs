//! A response body that the plug-in writes while the client reads, with back-pressure.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use holdall_service::{BoxError, BrokenOff};
use http_body::Frame;

use super::exchange::lock;
use crate::abi::{OnReady, Status};

/// From this many waiting bytes on, a writer has to wait. A piece that is larger is still taken.
const HIGH_WATER_BYTES: usize = 64 * 1024;

/// The plug-in's end. Dropped without [`finish`](Self::finish) it breaks the body off.
pub(super) struct StreamWriter(Arc<Mutex<Queue>>);

/// The server's end. Dropped before the end it closes the stream.
pub(super) struct StreamBody(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    chunks: VecDeque<Bytes>,
    waiting_bytes: usize,
    end: Option<End>,
    /// The writer that waits for room.
    blocked: Option<Blocked>,
    /// The server, where it waits for bytes.
    reader: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Finished,
    BrokenOff,
    /// The reader is gone.
    Closed,
}

pub(super) fn open(first: Bytes) -> (StreamWriter, StreamBody) {
    let mut queue = Queue::default();
    queue.push(first);
    let queue = Arc::new(Mutex::new(queue));
    (StreamWriter(Arc::clone(&queue)), StreamBody(queue))
}

impl StreamWriter {
    pub(super) fn write(&self, chunk: &[u8], on_ready: OnReady, context: *mut c_void) -> Status {
        let mut queue = lock(&self.0);
        if queue.end == Some(End::Closed) {
            return Status::CLOSED;
        }
        if queue.blocked.is_some() {
            return Status::MISUSE;
        }
        queue.push(Bytes::copy_from_slice(chunk));
        let status = match queue.waiting_bytes < HIGH_WATER_BYTES {
            true => Status::OK,
            false => {
                queue.blocked = Some(Blocked::new(on_ready, context));
                Status::PENDING
            }
        };
        let reader = queue.reader.take();
        drop(queue);
        wake(reader);
        status
    }

    pub(super) fn finish(self) -> Status {
        match self.close(End::Finished) {
            Some(End::Closed) => Status::CLOSED,
            _ => Status::OK,
        }
    }

    /// Ends the stream if nothing has ended it before; returns what has.
    fn close(&self, end: End) -> Option<End> {
        let mut queue = lock(&self.0);
        let before = queue.end;
        queue.end = before.or(Some(end));
        let reader = queue.reader.take();
        drop(queue);
        wake(reader);
        before
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.close(End::BrokenOff);
    }
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut queue = lock(&self.0);
        if let Some(chunk) = queue.pop() {
            let unblocked = queue.unblock();
            drop(queue);
            // Unlocked, as the callback may write.
            if let Some(writer) = unblocked {
                writer.tell(Status::OK);
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match queue.end {
            None => {
                queue.reader = Some(context.waker().clone());
                Poll::Pending
            }
            Some(End::BrokenOff) => Poll::Ready(Some(Err(BrokenOff.into()))),
            Some(End::Finished | End::Closed) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let queue = lock(&self.0);
        queue.chunks.is_empty() && queue.end == Some(End::Finished)
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        let mut queue = lock(&self.0);
        queue.end = Some(End::Closed);
        let left = std::mem::take(&mut queue.chunks);
        let blocked = queue.blocked.take();
        // Unlocked, as both may call the plug-in.
        drop(queue);
        drop(left);
        if let Some(writer) = blocked {
            writer.tell(Status::CLOSED);
        }
    }
}

impl Queue {
    fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.waiting_bytes += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    fn pop(&mut self) -> Option<Bytes> {
        let chunk = self.chunks.pop_front()?;
        self.waiting_bytes -= chunk.len();
        Some(chunk)
    }

    /// The writer that waits, once there is room for it.
    fn unblock(&mut self) -> Option<Blocked> {
        match self.waiting_bytes < HIGH_WATER_BYTES {
            true => self.blocked.take(),
            false => None,
        }
    }
}

/// A writer that was told to wait. Whoever takes it out of the queue tells it.
struct Blocked {
    on_ready: OnReady,
    context: *mut c_void,
}

// SAFETY: the header says that callbacks come from any thread.
unsafe impl Send for Blocked {}

impl Blocked {
    fn new(on_ready: OnReady, context: *mut c_void) -> Self {
        Self { on_ready, context }
    }

    fn tell(self, status: Status) {
        // SAFETY: function and context came together, and are called once, as `self` is consumed.
        unsafe { (self.on_ready)(self.context, status) }
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}
