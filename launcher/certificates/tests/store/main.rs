//! Certificates in real files, seen by real TLS clients.

mod authority;
mod client;
mod directory;
mod events;
mod faults;
mod names;
mod reload;
mod tls;
mod watch;
