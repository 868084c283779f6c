//! Certificates in real files, seen by real TLS clients.

mod authority;
mod awaiting;
mod challenges;
mod client;
mod directory;
mod events;
mod faults;
mod names;
mod reload;
mod tls;
mod watch;
