//! Black-box tests of the endpoints that get their own certificates: the server runs as it does
//! for users, and the authority is a real one.
//!
//! A [`Site`] is all that a test needs: a loopback [`Address`] of its own, so that ports never
//! collide; the authority [`Pebble`]; the [`Names`] that it asks; a [`FaultProxy`] between the
//! server and the authority, which counts requests and breaks those that it is told to; and the
//! directory of certificates. What clients are shown is [`Shown`].

#![forbid(unsafe_code)]

mod address;
mod caddy;
mod exchange;
mod fault;
mod fault_proxy;
mod names;
mod pebble;
mod shown;
mod site;
mod tunnel;

pub use address::Address;
pub use caddy::Caddy;
pub use exchange::{Exchange, Request};
pub use fault::{Answer, Fault, Gate};
pub use fault_proxy::{FaultProxy, Seen};
pub use names::Names;
pub use pebble::{Pebble, Settings, has_new_pebble};
pub use shown::Shown;
pub use site::{Endpoint, HTTP_PORT, Site, TLS_PORT};
pub use tunnel::Tunnel;
