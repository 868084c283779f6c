//! Panics that stay inside one request.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

/// A panic that was caught: its message, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// What the panic said.
    pub message: String,
    /// `file:line:column` in the source, when it is known.
    pub location: Option<String>,
}

impl fmt::Display for Panic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "panic: {}", self.message.replace('\n', " "))?;
        match &self.location {
            Some(location) => write!(formatter, " ({location})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Panic {}

/// Runs foreign code, and turns its panic into an error.
///
/// The usual report on stderr is left out, as the caller reports: one failure, one line. State
/// that the code shares with others may be half changed after a panic, as ever.
///
/// # Errors
/// [`Panic`] when the code panicked.
///
/// ```
/// let error = holdall_service::contain(|| panic!("out of {}", "luck")).unwrap_err();
/// assert_eq!(error.message, "out of luck");
/// ```
pub fn contain<T>(code: impl FnOnce() -> T) -> Result<T, Panic> {
    quiet_inside();
    let outer = INSIDE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(code));
    INSIDE.set(outer);
    result.map_err(|payload| Panic { message: message(&*payload), location: LOCATION.take() })
}

/// A future whose panics are errors.
pub struct Contained<F>(F);

impl<F: Future + Unpin> Contained<F> {
    /// Wraps a future; a boxed and pinned one will do.
    pub fn new(future: F) -> Self {
        Self(future)
    }
}

impl<F: Future + Unpin> Future for Contained<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match contain(|| Pin::new(&mut self.0).poll(context)) {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes the process's panic hook silent inside [`contain`], once; elsewhere it stays what it was.
fn quiet_inside() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let outside = take_hook();
        set_hook(Box::new(move |info| match INSIDE.get() {
            true => note_location(info),
            false => outside(info),
        }));
    });
}

fn note_location(info: &PanicHookInfo<'_>) {
    LOCATION.set(info.location().map(ToString::to_string));
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return (*text).to_owned();
    }
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => "no message".to_owned(),
    }
}
