//! What a server that is started for an upgrade gets besides sockets: descriptors by variables.

use std::env;
use std::os::fd::OwnedFd;

use crate::system;

/// The pipe on which a new server says that it is ready, or why it is not.
pub(crate) const READY: &str = "HOLDALL_READY_FD";
/// The socket to the process that starts servers, where there is one for all.
pub(crate) const NURSERY: &str = "HOLDALL_NURSERY_FD";

/// All variables that mean one process only, and must not reach the next.
pub(crate) const OWN: [&str; 6] =
    ["LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES", READY, NURSERY];

/// Takes the descriptor that a variable names, if it is meant for this process (`LISTEN_PID`).
pub(crate) fn take(variable: &str) -> Option<OwnedFd> {
    let process: u32 = env::var("LISTEN_PID").ok()?.parse().ok()?;
    if process != std::process::id() {
        return None;
    }
    system::take_inherited(env::var(variable).ok()?.parse().ok()?)
}
