//! A server as a process of its own: what clients and signals make of it.

mod failures;
mod process;
mod protocol;
mod shutdown;
