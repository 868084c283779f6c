//! Endpoint strings (`tcp:8080`) and the listeners they open.
//!
//! An endpoint says where a service listens, as one string: a kind, then positional and named
//! arguments, parted by colons. A backslash takes the next character literally, and a bare number
//! is a TCP port.
//!
//! ```
//! use holdall_endpoint::{Endpoint, Inherited};
//!
//! let endpoint: Endpoint = "tcp:0:interface=127.0.0.1:backlog=64".parse()?;
//! let mut inherited = Inherited::from_environment()?;
//! let listener = endpoint.open(&mut inherited)?;
//! assert!(listener.url().starts_with("http://127.0.0.1:"));
//! assert_ne!(listener.url(), "http://127.0.0.1:0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A new kind of endpoint is one file beside `tcp.rs`, and one line in the table of `kind.rs`.
#![deny(unsafe_code)]

mod acme;
mod arguments;
mod descriptor;
mod endpoint;
mod error;
mod fd;
mod haproxy;
mod inherited;
mod kind;
mod listener;
mod open_error;
pub mod proxy;
mod redirect;
mod stdio;
mod syntax;
mod systemd;
mod tcp;
mod tls;
mod unix;
mod unix_socket;

pub use acme::{Acme, Challenge};
pub use descriptor::{Family, Unsuitable};
pub use endpoint::{Endpoint, Socket};
pub use error::{ParseError, Problem};
pub use fd::Fd;
pub use haproxy::Proxy;
pub use inherited::{InheritError, Inherited, Passing};
pub use listener::{Address, Listener, OpenSocket};
pub use open_error::{OpenError, OpenErrorKind};
pub use redirect::Redirect;
pub use syntax::quote;
pub use systemd::{Systemd, Which};
pub use tcp::{DEFAULT_BACKLOG, Tcp};
pub use tls::Tls;
pub use unix::Unix;
pub use unix_socket::SocketPath;
