//! A request that outlives `handle`: answered from any thread, with bodies both ways.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use holdall_service::{Body, Response};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::responder::take_response;
use super::stream::{self, StreamWriter};
use crate::abi::{self, OnChunk, OnReady, Status};

/// The plug-in's hold on a request.
pub(super) struct Exchange {
    answer: Mutex<Answer>,
    source: Mutex<Source>,
    /// Whether a read is under way.
    reading: Arc<AtomicBool>,
    runtime: Option<Handle>,
}

/// How far the answer is.
enum Answer {
    Due(oneshot::Sender<Response>),
    Streaming(StreamWriter),
    Over,
}

/// Where the request body is.
enum Source {
    /// Not asked for yet.
    Unread(Body),
    /// In a task that reads a piece for each demand.
    Pumped(mpsc::UnboundedSender<Demand>),
}

impl Exchange {
    pub(super) fn new(body: Body) -> (Self, oneshot::Receiver<Response>) {
        let (sender, receiver) = oneshot::channel();
        let exchange = Self {
            answer: Mutex::new(Answer::Due(sender)),
            source: Mutex::new(Source::Unread(body)),
            reading: Arc::default(),
            runtime: Handle::try_current().ok(),
        };
        (exchange, receiver)
    }

    pub(super) fn into_abi(self) -> *mut abi::Exchange {
        Arc::into_raw(Arc::new(self)).cast_mut().cast()
    }

    /// A count of its own for each call: a callback in another thread may release the exchange
    /// before the call that caused it has returned.
    ///
    /// # Safety
    /// `exchange` came from [`into_abi`](Self::into_abi) and was not reclaimed.
    pub(super) unsafe fn from_abi(exchange: *mut abi::Exchange) -> Arc<Self> {
        let exchange = exchange.cast_const().cast::<Self>();
        // SAFETY: the caller's promise: the plug-in's own count is there, so that the exchange is.
        unsafe {
            Arc::increment_strong_count(exchange);
            Arc::from_raw(exchange)
        }
    }

    /// # Safety
    /// As for [`from_abi`](Self::from_abi), and the plug-in begins no more calls with it.
    pub(super) unsafe fn reclaim(exchange: *mut abi::Exchange) -> Arc<Self> {
        // SAFETY: the caller's promise: this is the plug-in's count.
        unsafe { Arc::from_raw(exchange.cast_const().cast::<Self>()) }
    }

    /// # Safety
    /// `response` is one that the header allows.
    pub(super) unsafe fn complete(&self, response: *const abi::Response) -> Status {
        // SAFETY: the caller's promise.
        let response = match unsafe { take_response(response) } {
            Ok(response) => response,
            Err(status) => return status,
        };
        self.answer_with(|| (response.whole(), Answer::Over))
    }

    /// # Safety
    /// `head` is one that the header allows.
    pub(super) unsafe fn begin(&self, head: *const abi::Response) -> Status {
        // SAFETY: the caller's promise.
        let head = match unsafe { take_response(head) } {
            Ok(head) => head,
            Err(status) => return status,
        };
        self.answer_with(|| {
            let (writer, body) = stream::open(head.body);
            (head.head.map(|()| Body::new(body)), Answer::Streaming(writer))
        })
    }

    /// Sends the response, if it is still due, and remembers what comes after it.
    fn answer_with(&self, make: impl FnOnce() -> (Response, Answer)) -> Status {
        let mut answer = lock(&self.answer);
        let Answer::Due(sender) = std::mem::replace(&mut *answer, Answer::Over) else {
            return Status::MISUSE;
        };
        let (response, next) = make();
        *answer = next;
        // Unlocked before the response moves: dropping one may call the plug-in.
        drop(answer);
        match sender.send(response) {
            Ok(()) => Status::OK,
            Err(_gone) => Status::CLOSED,
        }
    }

    pub(super) fn write(
        &self,
        chunk: &[u8],
        on_ready: Option<OnReady>,
        context: *mut c_void,
    ) -> Status {
        let Some(on_ready) = on_ready else {
            return Status::INVALID;
        };
        match &*lock(&self.answer) {
            Answer::Streaming(writer) => writer.write(chunk, on_ready, context),
            Answer::Due(_) | Answer::Over => Status::MISUSE,
        }
    }

    pub(super) fn end(&self) -> Status {
        match self.take_answer(|answer| matches!(answer, Answer::Streaming(_))) {
            Some(Answer::Streaming(writer)) => writer.finish(),
            _ => Status::MISUSE,
        }
    }

    /// Gives up what is not over: dropping a writer breaks its body off, dropping the sender tells
    /// that there is no answer.
    pub(super) fn abort(&self) {
        drop(self.take_answer(|_| true));
    }

    fn take_answer(&self, wanted: impl FnOnce(&Answer) -> bool) -> Option<Answer> {
        let mut answer = lock(&self.answer);
        wanted(&answer).then(|| std::mem::replace(&mut *answer, Answer::Over))
    }

    pub(super) fn read(&self, on_chunk: Option<OnChunk>, context: *mut c_void) -> Status {
        let (Some(on_chunk), Some(runtime)) = (on_chunk, &self.runtime) else {
            return Status::INVALID;
        };
        if self.reading.swap(true, Ordering::AcqRel) {
            return Status::MISUSE;
        }
        let demand = Demand { on_chunk, context, reading: Arc::clone(&self.reading), told: false };
        // Without a pump, as when the runtime ends, the demand comes back, and closes in its drop.
        drop(self.pump(runtime).send(demand));
        Status::OK
    }

    /// The way to the task that reads the body; the first demand starts it.
    fn pump(&self, runtime: &Handle) -> mpsc::UnboundedSender<Demand> {
        let mut source = lock(&self.source);
        match &mut *source {
            Source::Pumped(demands) => demands.clone(),
            Source::Unread(body) => {
                let (demands, received) = mpsc::unbounded_channel();
                runtime.spawn(pump(std::mem::take(body), received));
                *source = Source::Pumped(demands.clone());
                demands
            }
        }
    }
}

/// Reads a piece of the body for each demand, until the exchange is released.
async fn pump(mut body: Body, mut demands: mpsc::UnboundedReceiver<Demand>) {
    let mut over = None;
    while let Some(demand) = demands.recv().await {
        if let Some(status) = over {
            demand.finish(status, &[]);
            continue;
        }
        let piece = tokio::select! {
            biased;
            piece = next_piece(&mut body) => piece,
            // A second demand can't come while one is open: the exchange was released.
            _ = demands.recv() => return,
        };
        match piece {
            Ok(bytes) => demand.finish(Status::OK, &bytes),
            Err(status) => {
                over = Some(status);
                body = Body::empty();
                demand.finish(status, &[]);
            }
        }
    }
}

/// The next bytes of a body; trailers are passed over.
async fn next_piece(body: &mut Body) -> Result<Bytes, Status> {
    loop {
        let frame = body.frame().await.ok_or(Status::END)?;
        let data = frame.map_err(|_| Status::CLOSED)?.into_data();
        if let Some(bytes) = data.ok().filter(|bytes| !bytes.is_empty()) {
            return Ok(bytes);
        }
    }
}

/// A read that the plug-in waits for. It is told exactly once.
struct Demand {
    on_chunk: OnChunk,
    context: *mut c_void,
    reading: Arc<AtomicBool>,
    told: bool,
}

// SAFETY: the header says that callbacks come from any thread.
unsafe impl Send for Demand {}

impl Demand {
    fn finish(mut self, status: Status, bytes: &[u8]) {
        self.tell(status, bytes);
    }

    fn tell(&mut self, status: Status, bytes: &[u8]) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        // Before the call: the callback may ask for the next piece.
        self.reading.store(false, Ordering::Release);
        // SAFETY: function and context came together; the bytes live for the call.
        unsafe { (self.on_chunk)(self.context, status, abi::Bytes::lend(bytes)) }
    }
}

impl Drop for Demand {
    fn drop(&mut self) {
        self.tell(Status::CLOSED, &[]);
    }
}

/// Nothing that is behind these locks is left half done by a panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
