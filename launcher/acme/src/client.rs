//! A conversation with one certificate authority.
