//! Certificates from files: found by name, renewed while they are in use.
