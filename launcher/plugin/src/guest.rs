//! The Rust side of a plug-in: what stands behind [`export!`](crate::export).
//!
//! No panic leaves this side: each of `start`, `handle` and `stop` catches its own.

mod answer;
mod body;
pub(crate) mod context;
mod exchange;
mod handle;
mod options;
pub(crate) mod start;

#[doc(hidden)]
pub use handle::handle;
#[doc(hidden)]
pub use options::lend_options;
#[doc(hidden)]
pub use start::{entry, start, stop, table};

/// Makes a plug-in of a library: exports the service that a function makes.
///
/// The function is one of no arguments or of one, a [`&Context`](crate::Context) or the
/// [`&ServiceOptions`](crate::ServiceOptions) alone. It gives a `Result` of a service, any
/// [`tower_service::Service`] over [`Request`](crate::Request) that is `Clone + Send`, and of an
/// error that stops the host from starting. It runs, like the service, inside a tokio runtime of
/// the plug-in.
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::{Router, routing::get};
///
/// fn service() -> Result<Router, Infallible> {
///     Ok(Router::new().route("/", get(|| async { "hello from axum" })))
/// }
///
/// holdall_plugin::export!(service);
/// ```
///
/// With options of its own, which the bundle then shows and parses:
///
/// ```
/// # use std::convert::Infallible;
/// use holdall_plugin::{BoxService, Response, ServiceOption, ServiceOptions};
///
/// const OPTIONS: &[ServiceOption] = &[ServiceOption {
///     name: "greeting",
///     value: Some("TEXT"),
///     default: Some("hello"),
///     help: "What every answer says",
/// }];
///
/// fn service(options: &ServiceOptions) -> Result<BoxService, Infallible> {
///     let greeting = options.get("greeting").unwrap_or_default().to_owned();
///     Ok(BoxService::from_fn(move |_| Response::new(greeting.clone().into())))
/// }
///
/// holdall_plugin::export!(service, options = OPTIONS);
/// ```
#[macro_export]
macro_rules! export {
    ($service:path) => {
        $crate::export!($service, options = &[]);
    };
    ($service:path, options = $options:expr) => {
        const _: () = {
            const __HOLDALL_DECLARED: &[$crate::ServiceOption] = $options;

            static __HOLDALL_OPTIONS: [$crate::abi::ServiceOption; __HOLDALL_DECLARED.len()] =
                $crate::guest::lend_options(__HOLDALL_DECLARED);

            unsafe extern "C" fn __holdall_start(
                host: *const $crate::abi::Host,
                context: *mut *mut ::core::ffi::c_void,
                error: *mut ::core::ffi::c_char,
                error_size: usize,
            ) -> $crate::abi::Status {
                // SAFETY: the host calls this with what the header promises.
                unsafe {
                    let declared = __HOLDALL_DECLARED;
                    $crate::guest::start($service, declared, host, context, error, error_size)
                }
            }

            static __HOLDALL_PLUGIN: $crate::abi::Plugin = $crate::guest::table(
                concat!(env!("CARGO_PKG_NAME"), "\0"),
                __holdall_start,
                &__HOLDALL_OPTIONS,
            );

            // SAFETY: no other function has this name, as there is one plug-in in a library.
            #[unsafe(no_mangle)]
            pub extern "C" fn holdall_plugin_v1(host_abi: u32) -> *const $crate::abi::Plugin {
                $crate::guest::entry(&__HOLDALL_PLUGIN, host_abi)
            }
        };
    };
}
