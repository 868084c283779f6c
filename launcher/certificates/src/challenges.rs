//! Answers to the challenges of an authority.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;

/// Answers to challenges under way. Clones are the same.
#[derive(Debug, Clone)]
pub struct Challenges;

impl Challenges {
    /// Answers in memory, and in this directory for other processes.
    pub fn new(_directory: Option<PathBuf>) -> Self {
        Self
    }

    /// Answers the challenge tls-alpn-01 for a host name or an address (RFC 8737).
    pub fn present_tls(&self, _name: &str, _digest: [u8; 32]) -> io::Result<()> {
        todo!()
    }

    /// Answers the challenge http-01 (RFC 8555 section 8.3).
    pub fn present_http(&self, _token: &str, _key_authorization: &str) -> io::Result<()> {
        todo!()
    }

    /// Forgets the answer for a name.
    pub fn withdraw_tls(&self, _name: &str) {
        todo!()
    }

    /// Forgets the answer for a token.
    pub fn withdraw_http(&self, _token: &str) {
        todo!()
    }

    /// How a handshake that offers `acme-tls/1` alone is answered.
    pub fn tls_config(&self, _server_name: &str) -> Option<Arc<ServerConfig>> {
        todo!()
    }

    /// What `/.well-known/acme-challenge/TOKEN` answers.
    pub fn key_authorization(&self, _token: &str) -> Option<String> {
        todo!()
    }
}
