//! The table of functions that plug-ins call.
//!
//! Nothing here may panic: a panic can't cross the border, and ends the process.

use std::ffi::c_void;
use std::io;
use std::mem::size_of;
use std::ptr;

use bytes::Bytes;
use holdall_service::{chain, contain};

use super::Host;
use super::exchange::Exchange;
use super::responder::Responder;
use crate::abi::{self, Level, OnChunk, OnReady, Status};

/// The table, and behind it what its functions need. The address of both is the same.
#[repr(C)]
pub(super) struct Table {
    abi: abi::Host,
    host: Host,
}

impl Table {
    pub(super) fn new(host: Host) -> Self {
        let abi = abi::Host {
            size: size_of::<abi::Host>(),
            abi: abi::ABI,
            reserved: 0,
            log,
            resource,
            resource_release,
            respond,
            detach,
            complete,
            begin,
            write,
            end,
            abort,
            read,
            release,
            option: Some(option),
        };
        Self { abi, host }
    }

    pub(super) fn as_abi(&'static self) -> *const abi::Host {
        ptr::from_ref(self).cast()
    }

    /// # Safety
    /// `host` is what [`as_abi`](Self::as_abi) gave.
    unsafe fn from_abi(host: *const abi::Host) -> &'static Self {
        // SAFETY: the caller's promise; tables are never freed.
        unsafe { &*host.cast::<Self>() }
    }

    fn log(&self, level: Level, message: &str) {
        // A log that panics can't be logged.
        let _ = contain(|| (self.host.log)(level, message));
    }

    fn resource(&self, name: &str) -> Result<Bytes, Status> {
        let read = contain(|| (self.host.resource)(name));
        let error = match read {
            Ok(Ok(bytes)) => return Ok(bytes),
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Status::NOT_FOUND);
            }
            Ok(Err(error)) => chain(&error),
            Err(panic) => panic.to_string(),
        };
        self.log(Level::ERROR, &format!("can't read resource {name:?}: {error}"));
        Err(Status::FAILED)
    }
}

// The promises of the header are what makes these functions sound: `host` is the table that start
// was given, a responder is used by the thread of its handle and until that returns, an exchange
// until its release, and borrowed bytes live for the call.

unsafe extern "C" fn log(host: *const abi::Host, level: Level, message: abi::Bytes) {
    // SAFETY: the header's promises, see above.
    let (table, message) = unsafe { (Table::from_abi(host), message.borrow()) };
    table.log(level, &String::from_utf8_lossy(message));
}

unsafe extern "C" fn resource(
    host: *const abi::Host,
    name: abi::Bytes,
    out: *mut abi::Resource,
) -> Status {
    // SAFETY: the header's promises, see above.
    let (table, name, size) = unsafe { (Table::from_abi(host), name.borrow(), (*out).size) };
    let Ok(name) = std::str::from_utf8(name) else {
        return Status::INVALID;
    };
    if size < size_of::<abi::Resource>() {
        return Status::INVALID;
    }
    let bytes = match table.resource(name) {
        Ok(bytes) => Box::new(bytes),
        Err(status) => return status,
    };
    // SAFETY: `out` has room for all our fields, as its size says.
    unsafe {
        (*out).bytes = abi::Bytes::lend(&bytes);
        (*out).owner = Box::into_raw(bytes).cast::<c_void>();
    }
    Status::OK
}

unsafe extern "C" fn resource_release(_: *const abi::Host, resource: *mut abi::Resource) {
    // SAFETY: the resource was filled in above.
    let resource = unsafe { &mut *resource };
    let owner = std::mem::replace(&mut resource.owner, ptr::null_mut());
    resource.bytes = abi::Bytes::EMPTY;
    if !owner.is_null() {
        // SAFETY: `owner` is the box that `resource` made, and is forgotten with this.
        drop(unsafe { Box::from_raw(owner.cast::<Bytes>()) });
    }
}

unsafe extern "C" fn option(
    host: *const abi::Host,
    name: abi::Bytes,
    out: *mut abi::Bytes,
) -> Status {
    // SAFETY: the header's promises, see above.
    let (table, name) = unsafe { (Table::from_abi(host), name.borrow()) };
    let value = std::str::from_utf8(name).ok().and_then(|name| table.host.options.get(name));
    let Some(value) = value else {
        return Status::NOT_FOUND;
    };
    // SAFETY: `out` has room for one; the table, and so the value, lives as long as the process.
    unsafe { *out = abi::Bytes::lend(value.as_bytes()) };
    Status::OK
}

unsafe extern "C" fn respond(
    responder: *mut abi::Responder,
    response: *const abi::Response,
) -> Status {
    // SAFETY: the header's promises, see above.
    unsafe { Responder::from_abi(responder).respond(response) }
}

unsafe extern "C" fn detach(responder: *mut abi::Responder) -> *mut abi::Exchange {
    // SAFETY: the header's promises, see above.
    let exchange = unsafe { Responder::from_abi(responder) }.detach();
    exchange.map_or(ptr::null_mut(), Exchange::into_abi)
}

unsafe extern "C" fn complete(
    exchange: *mut abi::Exchange,
    response: *const abi::Response,
) -> Status {
    // SAFETY: the header's promises, see above.
    unsafe { Exchange::from_abi(exchange).complete(response) }
}

unsafe extern "C" fn begin(exchange: *mut abi::Exchange, head: *const abi::Response) -> Status {
    // SAFETY: the header's promises, see above.
    unsafe { Exchange::from_abi(exchange).begin(head) }
}

unsafe extern "C" fn write(
    exchange: *mut abi::Exchange,
    chunk: abi::Bytes,
    on_ready: Option<OnReady>,
    context: *mut c_void,
) -> Status {
    // SAFETY: the header's promises, see above.
    let (exchange, chunk) = unsafe { (Exchange::from_abi(exchange), chunk.borrow()) };
    exchange.write(chunk, on_ready, context)
}

unsafe extern "C" fn end(exchange: *mut abi::Exchange) -> Status {
    // SAFETY: the header's promises, see above.
    unsafe { Exchange::from_abi(exchange) }.end()
}

unsafe extern "C" fn abort(exchange: *mut abi::Exchange) {
    // SAFETY: the header's promises, see above.
    unsafe { Exchange::from_abi(exchange) }.abort();
}

unsafe extern "C" fn read(
    exchange: *mut abi::Exchange,
    on_chunk: Option<OnChunk>,
    context: *mut c_void,
) -> Status {
    // SAFETY: the header's promises, see above.
    unsafe { Exchange::from_abi(exchange) }.read(on_chunk, context)
}

unsafe extern "C" fn release(exchange: *mut abi::Exchange) {
    // SAFETY: the header's promises, see above; the exchange is not used after this.
    drop(unsafe { Exchange::reclaim(exchange) });
}
