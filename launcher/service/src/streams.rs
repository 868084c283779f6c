//! Requests of one HTTP/2 connection: all that arrived together are begun before anything is written.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper::rt::Executor;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Collects requests, and gives each its first turn within the task of the connection.
///
/// Most are answered in that turn, and their answers leave in one write. A task for each would cost
/// its allocation and a turn of the scheduler, and a write for each answer, as the connection is woken
/// after the first. What is not done becomes a task, so that no request waits for another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams(Arc<Mutex<Vec<Held>>>);

/// A request whose first turn is to come.
struct Held(Stream);

impl std::fmt::Debug for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Held")
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.lock().push(Held(Box::pin(stream)));
    }
}

impl Streams {
    /// Polls a connection, and all requests that it brings, until nothing more can be done.
    pub(crate) fn poll<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        context: &mut Context<'_>,
    ) -> Poll<C::Output> {
        loop {
            if let Poll::Ready(output) = connection.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            if !self.begin() {
                return Poll::Pending;
            }
        }
    }

    /// Begins what has come; whether there was anything.
    fn begin(&self) -> bool {
        let mut held = std::mem::take(&mut *self.lock());
        let has_any = !held.is_empty();
        for Held(mut stream) in held.drain(..) {
            // Its own task, if it gets one, polls it again and leaves a waker that wakes.
            let mut context = Context::from_waker(Waker::noop());
            if stream.as_mut().poll(&mut context).is_pending() {
                tokio::spawn(stream);
            }
        }
        let mut lock = self.lock();
        if lock.is_empty() {
            // The memory is of use again.
            *lock = held;
        }
        has_any
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
