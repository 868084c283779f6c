//! The request body, read from the host piece by piece.

use std::ffi::c_void;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::exchange::{ClientGone, Exchange};
use crate::abi::{self, Status};

/// A body that asks the host for its next piece when it is polled, for one at a time.
pub(super) struct RequestBody {
    exchange: Arc<Exchange>,
    read: Arc<Mutex<Read>>,
    /// What is left of the stated length, if one was stated.
    left_bytes: Option<u64>,
}

/// The read that is under way, if there is one.
enum Read {
    None,
    Waiting(Waker),
    Arrived(Status, Bytes),
    /// The body is over; there will be no more reads.
    Over,
}

impl RequestBody {
    pub(super) fn new(exchange: Arc<Exchange>, length_bytes: Option<u64>) -> Self {
        Self { exchange, read: Arc::new(Mutex::new(Read::None)), left_bytes: length_bytes }
    }

    fn count(&mut self, bytes: &Bytes) {
        let count = bytes.len() as u64;
        self.left_bytes = self.left_bytes.map(|left| left.saturating_sub(count));
    }

    fn ask(&self) -> Status {
        let context = Arc::into_raw(Arc::clone(&self.read)).cast_mut().cast::<c_void>();
        let status = self.exchange.read(on_chunk, context);
        if status != Status::OK {
            // SAFETY: a host that refuses does not call back, so that the count is still ours.
            drop(unsafe { Arc::from_raw(context.cast_const().cast::<Mutex<Read>>()) });
        }
        status
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = ClientGone;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientGone>>> {
        let mut read = lock(&self.read);
        match std::mem::replace(&mut *read, Read::Over) {
            Read::Over => Poll::Ready(None),
            Read::Arrived(Status::OK, bytes) => {
                *read = Read::None;
                drop(read);
                self.count(&bytes);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Read::Arrived(Status::END, _) => Poll::Ready(None),
            Read::Arrived(..) => Poll::Ready(Some(Err(ClientGone))),
            Read::Waiting(_) => {
                *read = Read::Waiting(context.waker().clone());
                Poll::Pending
            }
            Read::None => {
                *read = Read::Waiting(context.waker().clone());
                // Unlocked, as the piece may arrive before `ask` returns.
                drop(read);
                match self.ask() {
                    Status::OK => Poll::Pending,
                    _ => Poll::Ready(Some(Err(ClientGone))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(*lock(&self.read), Read::Over)
    }

    fn size_hint(&self) -> SizeHint {
        self.left_bytes.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

unsafe extern "C" fn on_chunk(context: *mut c_void, status: Status, chunk: abi::Bytes) {
    // SAFETY: `context` is the count that `ask` gave to the host, which gives it back once.
    let read = unsafe { Arc::from_raw(context.cast_const().cast::<Mutex<Read>>()) };
    // SAFETY: the chunk lives for the call.
    let bytes = Bytes::copy_from_slice(unsafe { chunk.borrow() });
    let before = std::mem::replace(&mut *lock(&read), Read::Arrived(status, bytes));
    if let Read::Waiting(reader) = before {
        reader.wake();
    }
}

fn lock(read: &Mutex<Read>) -> MutexGuard<'_, Read> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}
