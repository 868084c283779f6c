//! What a server is to the system: limits, user, sandbox, upgrade, systemd.

mod fdname;
mod handed;
pub mod notify;
mod nursery;
mod predecessor;
mod system;
mod threads;

pub use nursery::{Nursery, NurseryError, Outcome, SpawnError, Successor};
pub use predecessor::Predecessor;
pub use threads::ThreadsError;
mod limits; mod identity; mod sandbox;
pub use limits::raise_file_limit; pub use identity::*; pub use sandbox::*; pub use notify::Notify;
