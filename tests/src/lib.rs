//! Black-box tests: they run the built programs as users do.
//!
//! What the tests in `tests/` share: where the programs are ([`programs`]), a directory of one's
//! own ([`Scratch`]), a program that runs to its end ([`run`]), one that serves ([`Server`]), is
//! upgraded ([`generations`]) under [`load`], or just runs ([`background`]), what it says ([`Log`])
//! and takes ([`process`]), clients for HTTP/1.1 ([`http`], [`Client`]) and HTTP/2 ([`h2`]) that need
//! not behave, one for HTTPS ([`TlsClient`]), [`certificates`], what a machine must have ([`tools`]),
//! and what is packed again and again ([`fixtures`]).

#![forbid(unsafe_code)]

pub mod background;
pub mod certificates;
mod client;
pub mod fixtures;
pub mod generations;
pub mod h2;
pub mod http;
pub mod load;
mod log;
pub mod process;
pub mod programs;
pub mod run;
mod scratch;
mod server;
mod tls_client;
pub mod tools;

pub use background::Background;
pub use client::Client;
pub use generations::Generations;
pub use log::Log;
pub use run::{Ended, Run};
pub use scratch::Scratch;
pub use server::{FREE_PORT, Server};
pub use tls_client::{TlsClient, TlsSettings};
