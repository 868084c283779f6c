//! Services in shared objects: the C ABI, its host, and its Rust side.
//!
//! The interface is `include/holdall_plugin.h`; `docs/plugin-abi.md` explains it to authors in C,
//! and [`abi`] mirrors it. An author in Rust needs one line, [`export!`], in a library of
//! `crate-type = ["cdylib"]`:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use holdall_plugin::Context;
//! use holdall_service::{BoxService, Response};
//!
//! fn service(context: &Context) -> Result<BoxService, Infallible> {
//!     context.info("hello is ready");
//!     Ok(BoxService::from_fn(|_| Response::new("hello".into())))
//! }
//!
//! holdall_plugin::export!(service);
//! ```
//!
//! Any [`tower_service::Service`] will do, such as an axum `Router`. The side that loads plug-ins
//! is in `host`, behind the feature of that name.

pub mod abi;
mod borrow;
mod growing;
pub mod guest;
#[cfg(feature = "host")]
pub mod host;

pub use guest::context::{Context, Resource};
pub use guest::start::Start;
#[cfg(feature = "host")]
pub use host::{CallError, Host, Library, LoadError, Plugin};

pub use holdall_service::{
    Body, BoxError, BoxService, Peer, Request, Response, Scheme, ServiceOption, ServiceOptions,
};
