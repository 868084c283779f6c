//! What a server is to the system: limits, user, sandbox, upgrade, systemd.

mod fdname;
mod handed;
pub mod identity;
pub mod limits;
pub mod notify;
mod nursery;
mod predecessor;
pub mod sandbox;
mod system;
mod threads;

pub use nursery::{Nursery, NurseryError, Outcome, SpawnError, Successor};
pub use predecessor::Predecessor;
pub use threads::ThreadsError;
