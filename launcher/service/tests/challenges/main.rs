//! Authorities ask who has a name, and others ask for the same: over TLS, and in clear text.

mod clear;
mod running;
mod tls;
