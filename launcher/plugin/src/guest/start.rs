//! Start and stop of a plug-in in Rust.

use std::ffi::{c_char, c_void};
use std::mem::size_of;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use holdall_service::{
    BoxError, BoxService, Request, ServiceOption, ServiceOptions, chain, contain,
};
use tokio::runtime::Runtime;
use tower_service::Service;

use super::context::Context;
use super::handle::handle;
use crate::abi::{self, Status};

/// A function that makes a service: of no arguments, of a [`&Context`](Context), or of the
/// [`&ServiceOptions`](ServiceOptions).
pub trait Start<Arguments> {
    /// Makes the service.
    ///
    /// # Errors
    /// Whatever stops the host from starting; the host prints it.
    fn start(self, context: &Context) -> Result<BoxService, BoxError>;
}

impl<F, S, E, B> Start<()> for F
where
    F: FnOnce() -> Result<S, E>,
    E: Into<BoxError>,
    S: Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn start(self, _: &Context) -> Result<BoxService, BoxError> {
        self().map(BoxService::new).map_err(Into::into)
    }
}

impl<F, S, E, B> Start<(Context,)> for F
where
    F: FnOnce(&Context) -> Result<S, E>,
    E: Into<BoxError>,
    S: Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn start(self, context: &Context) -> Result<BoxService, BoxError> {
        self(context).map(BoxService::new).map_err(Into::into)
    }
}

impl<F, S, E, B> Start<(ServiceOptions,)> for F
where
    F: FnOnce(&ServiceOptions) -> Result<S, E>,
    E: Into<BoxError>,
    S: Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn start(self, context: &Context) -> Result<BoxService, BoxError> {
        self(context.options()).map(BoxService::new).map_err(Into::into)
    }
}

/// A plug-in that runs.
pub(crate) struct Guest {
    /// A service may be of one thread at a time; it is locked while it is cloned for a request.
    pub(super) service: Mutex<BoxService>,
    pub(super) runtime: Runtime,
    pub(super) context: Context,
}

/// How long `stop` waits for what still runs.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

type StartFn =
    unsafe extern "C" fn(*const abi::Host, *mut *mut c_void, *mut c_char, usize) -> Status;

/// The table of a plug-in; `name` ends with a NUL.
#[must_use]
pub const fn table(
    name: &'static str,
    start: StartFn,
    options: &'static [abi::ServiceOption],
) -> abi::Plugin {
    abi::Plugin {
        size: size_of::<abi::Plugin>(),
        abi: abi::ABI,
        reserved: 0,
        name: name.as_ptr().cast::<c_char>(),
        start: Some(start),
        handle: Some(handle),
        stop: Some(stop),
        options: options.as_ptr(),
        option_count: options.len(),
    }
}

/// The answer to the host's handshake.
#[must_use]
pub fn entry(plugin: &'static abi::Plugin, host_abi: u32) -> *const abi::Plugin {
    match host_abi {
        abi::ABI => plugin,
        _ => std::ptr::null(),
    }
}

/// Starts a plug-in.
///
/// # Safety
/// The arguments are those that the header promises to `start`.
pub unsafe fn start<Arguments>(
    service: impl Start<Arguments>,
    declared: &[ServiceOption],
    host: *const abi::Host,
    context_out: *mut *mut c_void,
    error: *mut c_char,
    error_size: usize,
) -> Status {
    // SAFETY: the caller's promise, for the whole function.
    let begun = contain(|| unsafe { begin(service, declared, host) });
    let (status, reason) = match begun {
        Ok(Ok(guest)) => {
            // SAFETY: as above.
            unsafe { *context_out = Box::into_raw(guest).cast::<c_void>() };
            return Status::OK;
        }
        Ok(Err(error)) => (Status::FAILED, chain(&*error)),
        Err(panic) => (Status::PANICKED, panic.to_string()),
    };
    // SAFETY: as above.
    unsafe { put_text(&reason, error, error_size) };
    status
}

/// # Safety
/// `host` is a host's table.
unsafe fn begin<Arguments>(
    service: impl Start<Arguments>,
    declared: &[ServiceOption],
    host: *const abi::Host,
) -> Result<Box<Guest>, BoxError> {
    // SAFETY: the caller's promise; the table lives as long as the process.
    let context = unsafe { Context::new(host, declared) }?;
    let runtime = Runtime::new()?;
    let inside = runtime.enter();
    let service = service.start(&context)?;
    drop(inside);
    Ok(Box::new(Guest { service: Mutex::new(service), runtime, context }))
}

/// Puts text and a final NUL into a buffer, cut to its size.
///
/// # Safety
/// `buffer` has room for `size` bytes.
unsafe fn put_text(text: &str, buffer: *mut c_char, size: usize) {
    let Some(room) = size.checked_sub(1) else {
        return;
    };
    let length = text.len().min(room);
    // SAFETY: `length` is less than `size`, and no Rust text lies in the buffer.
    unsafe {
        buffer.copy_from_nonoverlapping(text.as_ptr().cast::<c_char>(), length);
        *buffer.add(length) = 0;
    }
}

/// Stops a plug-in.
///
/// # Safety
/// `context` is what [`start`] gave, and is not used after this.
pub unsafe extern "C" fn stop(context: *mut c_void) {
    // SAFETY: the caller's promise.
    let guest = unsafe { Box::from_raw(context.cast::<Guest>()) };
    // What fails now concerns nobody.
    let _ = contain(|| {
        let Guest { service, runtime, .. } = *guest;
        let inside = runtime.enter();
        drop(service);
        drop(inside);
        runtime.shutdown_timeout(STOP_TIMEOUT);
    });
}
