//! A request that outlives `handle`, from the side of the plug-in.

use std::ffi::c_void;

use bytes::Bytes;
use http::response::Parts;
use tokio::sync::oneshot;

use super::answer::lend_response;
use super::context::Context;
use crate::abi::{self, OnChunk, Status};

/// An exchange of the host; it is given back when the last of request body and answer is done.
pub(super) struct Exchange {
    raw: *mut abi::Exchange,
    host: &'static abi::Host,
}

// SAFETY: the header says that any thread may use an exchange, and several at a time.
unsafe impl Send for Exchange {}
// SAFETY: as above.
unsafe impl Sync for Exchange {}

/// The client went away, so that nobody reads the answer, or nobody sends the rest of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone")]
pub(super) struct ClientGone;

impl Exchange {
    /// # Safety
    /// `raw` is an exchange of this host, which the caller gives up.
    pub(super) unsafe fn new(raw: *mut abi::Exchange, context: Context) -> Self {
        Self { raw, host: context.host() }
    }

    /// Answers with a whole response.
    pub(super) fn complete(&self, head: &Parts, body: Bytes) -> Status {
        // SAFETY: the exchange is ours until drop; the response lives for the call.
        lend_response(head, body, |response| unsafe { (self.host.complete)(self.raw, response) })
    }

    /// Begins a streamed response.
    pub(super) fn begin(&self, head: &Parts, first: Bytes) -> Status {
        // SAFETY: as above.
        lend_response(head, first, |response| unsafe { (self.host.begin)(self.raw, response) })
    }

    /// Writes a piece of a streamed response, and waits until there is room for the next.
    pub(super) async fn write(&self, chunk: &[u8]) -> Result<(), ClientGone> {
        match self.write_now(chunk)? {
            None => Ok(()),
            Some(room) => match room.await {
                Ok(Status::OK) => Ok(()),
                _ => Err(ClientGone),
            },
        }
    }

    /// Writes a piece; the receiver, if there is one, tells when there is room for the next.
    fn write_now(&self, chunk: &[u8]) -> Result<Option<oneshot::Receiver<Status>>, ClientGone> {
        let (sender, receiver) = oneshot::channel::<Status>();
        let context = Box::into_raw(Box::new(sender));
        let chunk = abi::Bytes::lend(chunk);
        // SAFETY: the exchange is ours until drop; the chunk lives for the call.
        let status = unsafe { (self.host.write)(self.raw, chunk, Some(on_ready), context.cast()) };
        if status == Status::PENDING {
            return Ok(Some(receiver));
        }
        // SAFETY: the host calls back for PENDING alone, so that the box is still ours.
        drop(unsafe { Box::from_raw(context) });
        match status {
            Status::OK => Ok(None),
            _ => Err(ClientGone),
        }
    }

    /// Ends a streamed response. A client that went away meanwhile is no matter.
    pub(super) fn end(&self) {
        // SAFETY: the exchange is ours until drop.
        unsafe { (self.host.end)(self.raw) };
    }

    /// Gives up, though the request body may still be read.
    pub(super) fn abort(&self) {
        // SAFETY: as above.
        unsafe { (self.host.abort)(self.raw) }
    }

    /// Asks for the next piece of the request body.
    pub(super) fn read(&self, on_chunk: OnChunk, context: *mut c_void) -> Status {
        // SAFETY: as above.
        unsafe { (self.host.read)(self.raw, Some(on_chunk), context) }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // SAFETY: nobody else has the exchange any more.
        unsafe { (self.host.release)(self.raw) }
    }
}

unsafe extern "C" fn on_ready(context: *mut c_void, status: Status) {
    // SAFETY: `context` is the box of `write_now`, which the host gives back once.
    let sender = unsafe { Box::from_raw(context.cast::<oneshot::Sender<Status>>()) };
    // The writer may have given up.
    let _ = sender.send(status);
}
