//! Plug-ins in C and in Rust, built by the system's compilers, loaded from sealed memory files and
//! driven over real sockets.

mod build;
mod client;
mod host;

mod c;
mod layout;
mod load;
mod options;
mod rust;
mod versions;
