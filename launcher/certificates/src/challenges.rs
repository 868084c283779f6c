//! Answers to the challenges by which an authority learns who has a name.

mod identifier;
mod proof;
mod shared;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;

use identifier::Identifier;
use shared::Shared;

/// Answers to challenges that are under way, for the listeners of this process, and in a directory
/// for those of others with the same one. Clones are the same.
///
/// What is asked for comes off the network: names and tokens are checked before they come near a
/// file, memory is asked first, and the directory at most twenty times a second.
#[derive(Debug, Clone)]
pub struct Challenges(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    memory: Mutex<Memory>,
    shared: Option<Shared>,
}

#[derive(Debug, Default)]
struct Memory {
    proofs: HashMap<Identifier, Arc<ServerConfig>>,
    /// Key authorizations by token.
    tokens: HashMap<String, String>,
}

/// The SHA-256 of a key authorization (RFC 8737 section 3).
type Digest = [u8; 32];

impl Challenges {
    /// Answers are in memory, and in this directory if there is one; it is made when it is needed.
    pub fn new(directory: Option<PathBuf>) -> Self {
        let memory = Mutex::default();
        Self(Arc::new(Inner { memory, shared: directory.map(Shared::new) }))
    }

    /// From now on answers tls-alpn-01 for a host name or an address; `digest` is the SHA-256 of
    /// the key authorization (RFC 8737 section 3; RFC 8738 for addresses).
    ///
    /// # Errors
    ///
    /// It is no name that can be answered for. Or the directory can't be written to: then this
    /// process answers all the same, and others can't.
    pub fn present_tls(&self, name: &str, digest: [u8; 32]) -> io::Result<()> {
        let identifier = Identifier::parse(name).ok_or_else(|| unusable(name))?;
        let config = proof::config(&identifier, digest).map_err(io::Error::other)?;
        self.memory().proofs.insert(identifier.clone(), config);
        let shared = self.0.shared.as_ref();
        shared.map_or(Ok(()), |shared| shared.put_digest(&identifier, digest))
    }

    /// From now on answers http-01 for a token (RFC 8555 section 8.3).
    ///
    /// # Errors
    ///
    /// As [`present_tls`](Self::present_tls).
    pub fn present_http(&self, token: &str, key_authorization: &str) -> io::Result<()> {
        if !shared::is_authorization(token, key_authorization) {
            return Err(unusable(token));
        }
        self.memory().tokens.insert(token.to_owned(), key_authorization.to_owned());
        let shared = self.0.shared.as_ref();
        shared.map_or(Ok(()), |shared| shared.put_authorization(token, key_authorization))
    }

    /// Forgets the answer for a name.
    pub fn withdraw_tls(&self, name: &str) {
        let Some(identifier) = Identifier::parse(name) else { return };
        self.memory().proofs.remove(&identifier);
        if let Some(shared) = &self.0.shared {
            shared.remove_digest(&identifier);
        }
    }

    /// Forgets the answer for a token.
    pub fn withdraw_http(&self, token: &str) {
        self.memory().tokens.remove(token);
        if let Some(shared) = &self.0.shared {
            shared.remove_authorization(token);
        }
    }

    /// How TLS is spoken with a client that offers the protocol `acme-tls/1` and no other, if a
    /// challenge is under way for the name that it asks for (RFC 8737 section 3).
    ///
    /// It may read a file: ask for those clients only.
    pub fn tls_config(&self, server_name: &str) -> Option<Arc<ServerConfig>> {
        let identifiers = Identifier::of_server_name(server_name);
        let memory = self.memory();
        let known = identifiers.iter().find_map(|one| memory.proofs.get(one).cloned());
        drop(memory);
        known.or_else(|| {
            let shared = self.0.shared.as_ref()?;
            let found = identifiers.iter().find_map(|one| Some((one, shared.digest(one)?)));
            let (identifier, digest) = found?;
            proof::config(identifier, digest).ok()
        })
    }

    /// What is answered to a request for `/.well-known/acme-challenge/TOKEN` (RFC 8555 section
    /// 8.3), if a challenge is under way for it.
    ///
    /// It may read a file.
    pub fn key_authorization(&self, token: &str) -> Option<String> {
        let known = self.memory().tokens.get(token).cloned();
        known.or_else(|| self.0.shared.as_ref()?.authorization(token))
    }

    /// A panic elsewhere leaves nothing half done here.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unusable(what: &str) -> io::Error {
    let message = format!("{what:?} is nothing that a challenge can be answered for");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
