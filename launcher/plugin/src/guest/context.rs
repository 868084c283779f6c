//! What a plug-in may ask of its host.

use std::fmt;
use std::io;
use std::mem::size_of;
use std::ops::Deref;
use std::ptr;

use holdall_service::{ServiceOption, ServiceOptions};

use super::options;
use crate::abi::{self, Level, Status};
use crate::growing::{self, Growing};

/// The host, as a plug-in sees it: a log, the resources of the bundle, and the options.
#[derive(Clone, Copy)]
pub struct Context(&'static Host);

/// One for each plug-in, as long as the process lives.
struct Host {
    /// The table itself, which is what its functions are given.
    own: *const abi::Host,
    /// What we know of it.
    table: abi::Host,
    options: ServiceOptions,
}

// SAFETY: rule 5 of the header: functions of the host may be called from any thread.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

/// A host of another interface, in spite of its version.
#[derive(Debug, thiserror::Error)]
#[error("the host's table has {size} bytes, expected at least {}", abi::Host::LEAST)]
pub(crate) struct ShortTable {
    size: usize,
}

impl Context {
    /// # Safety
    /// `host` is a host's table, and lives as long as the process.
    pub(crate) unsafe fn new(
        host: *const abi::Host,
        declared: &[ServiceOption],
    ) -> Result<Self, ShortTable> {
        // SAFETY: the caller's promise.
        let table = unsafe { growing::copy(host) }.map_err(|size| ShortTable { size })?;
        // SAFETY: as above.
        let options = unsafe { options::values(host, &table, declared) };
        Ok(Self(Box::leak(Box::new(Host { own: host, table, options }))))
    }

    pub(crate) fn host(&self) -> &'static abi::Host {
        &self.0.table
    }

    /// The values of the options that the plug-in declares.
    pub fn options(&self) -> &'static ServiceOptions {
        &self.0.options
    }

    /// The value that an option was given, or its default; empty for a flag that is set.
    pub fn option(&self, name: &str) -> Option<&'static str> {
        self.0.options.get(name)
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
            (self.0.table.resource)(self.0.own, abi::Bytes::lend(name.as_bytes()), &raw mut raw)
        };
        match status {
            Status::OK => Ok(Resource { host: self.0, raw }),
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
        unsafe { (self.0.table.log)(self.0.own, level, abi::Bytes::lend(message.as_bytes())) }
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
    host: &'static Host,
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
        unsafe { (self.host.table.resource_release)(self.host.own, &raw mut self.raw) }
    }
}
