//! Endpoint strings (`tcp:8080`) and the listeners they open.
//!
//! An endpoint says where a service listens, as one string: a kind, then positional and named
//! arguments, parted by colons. A backslash takes the next character literally, and a bare number
//! is a TCP port.
//!
//! ```
//! use holdall_endpoint::Endpoint;
//!
//! let endpoint: Endpoint = "tcp:0:interface=127.0.0.1:backlog=64".parse()?;
//! let listener = endpoint.bind()?;
//! assert!(listener.authority().starts_with("127.0.0.1:"));
//! assert_ne!(listener.authority(), "127.0.0.1:0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A new kind of endpoint is one file beside `tcp.rs`, one variant of [`Endpoint`] and one line in
//! the table of `endpoint.rs`.
#![forbid(unsafe_code)]

mod arguments;
mod endpoint;
mod error;
mod listener;
mod syntax;
mod tcp;

pub use endpoint::Endpoint;
pub use error::{BindError, BindErrorKind, ParseError, Problem};
pub use listener::Listener;
pub use syntax::quote;
pub use tcp::{DEFAULT_BACKLOG, Tcp};
