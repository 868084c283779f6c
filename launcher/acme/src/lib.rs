//! Certificates that get and renew themselves (ACME, RFC 8555).
//!
//! A [`Manager`] looks after the certificates of one directory: an empty `NAME.pem` in it asks for
//! a certificate for NAME, and holds it, with its key, as soon as an authority has issued it.
//! What it works out is written to the directory before it counts, so that a process that is
//! killed at any moment leaves nothing that the next one would have to do twice.
#![forbid(unsafe_code)]

mod alarm;
mod attempt;
mod authority;
mod client;
mod clock;
mod delivery;
mod engine;
mod entry;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod hook;
mod inspect;
mod job;
mod ledger;
mod manager;
mod name;
mod office;
mod order;
mod record;
mod schedule;
mod setback;
mod shared;
mod status;
mod store;
mod supervisor;
mod watch;

pub use authority::{
    Authority, ExternalAccount, ExternalAccountError, LETS_ENCRYPT, LETS_ENCRYPT_STAGING,
};
pub use client::RootsError;
pub use clock::Clock;
pub use hook::{DnsHook, Kinds};
pub use inspect::inspect;
pub use manager::{Manager, Prepared, Settings, SetupError, TIMEOUT};
pub use name::{BadName, Name};
pub use status::{State, Status};
pub use store::StoreError;
