//! Answers in a directory, for other processes: `tls-alpn-01/NAME` and `http-01/TOKEN`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::OFlags;

use super::{Digest, Identifier};

/// A directory that any number of processes put answers in, and look for those of others.
#[derive(Debug)]
pub(super) struct Shared {
    directory: PathBuf,
    looks: Mutex<Looks>,
}

/// How often files were looked for since a moment.
#[derive(Debug)]
struct Looks {
    since: Instant,
    count: u32,
}

const DIGESTS: &str = "tls-alpn-01";
const AUTHORIZATIONS: &str = "http-01";

/// Authorities look at an answer within seconds; what is older was left behind.
const LIFE: Duration = Duration::from_secs(600);

/// Anyone may ask for names and tokens; this bounds what that costs.
const LOOKS_PER_SECOND: u32 = 20;

/// More than any answer has; tokens have 22 to 128 bytes, thumbprints 43.
const LIMIT_BYTES: usize = 256;

impl Shared {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, looks: Mutex::new(Looks { since: Instant::now(), count: 0 }) }
    }

    pub fn put_digest(&self, identifier: &Identifier, digest: Digest) -> io::Result<()> {
        self.put(DIGESTS, &identifier.file_name(), &hex(&digest))
    }

    pub fn put_authorization(&self, token: &str, authorization: &str) -> io::Result<()> {
        self.put(AUTHORIZATIONS, token, authorization)
    }

    pub fn remove_digest(&self, identifier: &Identifier) {
        self.remove(DIGESTS, &identifier.file_name());
    }

    pub fn remove_authorization(&self, token: &str) {
        if is_token(token) {
            self.remove(AUTHORIZATIONS, token);
        }
    }

    pub fn digest(&self, identifier: &Identifier) -> Option<Digest> {
        parse_hex(&self.get(DIGESTS, &identifier.file_name())?)
    }

    pub fn authorization(&self, token: &str) -> Option<String> {
        if !is_token(token) {
            return None;
        }
        let text = self.get(AUTHORIZATIONS, token)?;
        is_authorization(token, &text).then_some(text)
    }

    fn put(&self, kind: &str, name: &str, text: &str) -> io::Result<()> {
        let directory = self.directory.join(kind);
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        remove_old(&directory);
        let temporary = directory.join(temporary_name());
        let written =
            write(&temporary, text).and_then(|()| fs::rename(&temporary, directory.join(name)));
        if written.is_err() {
            // It is removed later, if it can't be now.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn remove(&self, kind: &str, name: &str) {
        // It may be gone, and else it ends by its age.
        let _ = fs::remove_file(self.directory.join(kind).join(name));
    }

    /// The text of a file that is not too old.
    fn get(&self, kind: &str, name: &str) -> Option<String> {
        if !self.looks.lock().unwrap_or_else(PoisonError::into_inner).allows_one() {
            return None;
        }
        let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
        let path = self.directory.join(kind).join(name);
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || is_old(metadata.modified().ok()?) {
            return None;
        }
        let mut text = String::new();
        file.take(LIMIT_BYTES as u64 + 1).read_to_string(&mut text).ok()?;
        (text.len() <= LIMIT_BYTES).then_some(text)
    }
}

impl Looks {
    fn allows_one(&mut self) -> bool {
        if self.since.elapsed() >= Duration::from_secs(1) {
            *self = Self { since: Instant::now(), count: 0 };
        }
        self.count += 1;
        self.count <= LOOKS_PER_SECOND
    }
}

/// Base64url without padding (RFC 8555 section 8.1), so that it is a file name too.
fn is_token(token: &str) -> bool {
    (1..=128).contains(&token.len()) && token.bytes().all(is_base64url)
}

/// A token, a dot, and the thumbprint of an account's key (RFC 8555 section 8.1).
pub(super) fn is_authorization(token: &str, text: &str) -> bool {
    let thumbprint = text.strip_prefix(token).and_then(|rest| rest.strip_prefix('.'));
    is_token(token) && text.len() <= LIMIT_BYTES && thumbprint.is_some_and(is_token)
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Neither a name nor a token can begin with a dot.
fn temporary_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(".tmp-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    // What a process of the same number left behind is in the way.
    let _ = fs::remove_file(path);
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// What was left behind, by this process or another.
fn remove_old(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(is_old) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// So is what comes from the future: the clock was wrong.
fn is_old(modified: SystemTime) -> bool {
    let now = SystemTime::now();
    now.duration_since(modified).unwrap_or_else(|ahead| ahead.duration()) > LIFE
}

fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hex(text: &str) -> Option<Digest> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate().filter(|_| is_hex) {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    is_hex.then_some(digest)
}
