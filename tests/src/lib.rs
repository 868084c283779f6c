//! Black-box tests: they run the built programs as users do.
//!
//! What the tests in `tests/` share: where the programs are ([`programs`]), a directory of one's
//! own ([`Scratch`]), a program that runs to its end ([`run`]), one that serves ([`Server`]), what
//! a machine must have ([`tools`]), and what is packed again and again ([`fixtures`]).

#![forbid(unsafe_code)]

pub mod fixtures;
pub mod http;
pub mod programs;
pub mod run;
mod scratch;
mod server;
pub mod tools;

pub use run::{Ended, Run};
pub use scratch::Scratch;
pub use server::Server;
