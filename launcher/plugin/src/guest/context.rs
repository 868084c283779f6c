//! What a plug-in may ask of its host.

use std::fmt;
use std::io;
use std::mem::size_of;
use std::ops::Deref;
use std::ptr;

use crate::abi::{self, Level, Status};

/// The host, as a plug-in sees it: a log, and the resources of the bundle.
#[derive(Clone, Copy)]
pub struct Context {
    host: &'static abi::Host,
}

impl Context {
    /// # Safety
    /// `host` is a table with all our fields, and lives as long as the process.
    pub(crate) unsafe fn new(host: *const abi::Host) -> Self {
        // SAFETY: the caller's promise.
        let host = unsafe { &*host };
        Self { host }
    }

    pub(crate) fn host(&self) -> &'static abi::Host {
        self.host
    }

    /// Reads a resource of the bundle.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] where there is none of that name; another kind where it can't
    /// be read, in which case the host's log has the cause.
    pub fn resource(&self, name: &str) -> io::Result<Resource> {
        let mut raw = abi::Resource {
            size: size_of::<abi::Resource>(),
            bytes: abi::Bytes::EMPTY,
            owner: ptr::null_mut(),
        };
        // SAFETY: the name lives for the call, `raw` has the size it states.
        let status = unsafe {
            (self.host.resource)(self.host, abi::Bytes::lend(name.as_bytes()), &raw mut raw)
        };
        match status {
            Status::OK => Ok(Resource { host: self.host, raw }),
            Status::NOT_FOUND => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no resource {name:?} in the bundle"),
            )),
            _ => Err(io::Error::other(format!(
                "resource {name:?} can't be read; the log has the cause"
            ))),
        }
    }

    /// Writes a line to the log of the host.
    pub fn log(&self, level: Level, message: &str) {
        // SAFETY: the message lives for the call.
        unsafe { (self.host.log)(self.host, level, abi::Bytes::lend(message.as_bytes())) }
    }

    /// Logs a failure.
    pub fn error(&self, message: &str) {
        self.log(Level::ERROR, message);
    }

    /// Logs something that happened.
    pub fn info(&self, message: &str) {
        self.log(Level::INFO, message);
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Context")
    }
}

/// The bytes of a resource, lent by the host.
pub struct Resource {
    host: &'static abi::Host,
    raw: abi::Resource,
}

// SAFETY: the bytes do not change, and are given back from any thread.
unsafe impl Send for Resource {}
// SAFETY: as above.
unsafe impl Sync for Resource {}

impl Deref for Resource {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the bytes live until the resource is released, in drop.
        unsafe { self.raw.bytes.borrow() }
    }
}

impl AsRef<[u8]> for Resource {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Resource").field("len", &self.len()).finish()
    }
}

impl Drop for Resource {
    fn drop(&mut self) {
        // SAFETY: the host filled `raw` in, and gets it back once.
        unsafe { (self.host.resource_release)(self.host, &raw mut self.raw) }
    }
}
