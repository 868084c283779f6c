//! Certificates that get and renew themselves (ACME, RFC 8555).
#![forbid(unsafe_code)]

mod authority;
mod client;
mod clock;
mod name;
mod record;
mod schedule;
mod status;
mod store;

pub use authority::{Authority, ExternalAccount};
pub use clock::Clock;
pub use name::{BadName, Name};
pub use status::{State, Status};
