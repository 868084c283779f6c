//! The mirror of `include/holdall_plugin.h`: same order, same rules, which are written there.
//!
//! A test compares size and offset of every field with what the C compiler says.

use std::ffi::{c_char, c_void};

/// The version of the interface; host and plug-in must agree on it exactly.
pub const ABI: u32 = 1;

/// The name of the one function that a plug-in exports, with the final NUL.
pub const SYMBOL: &str = "holdall_plugin_v1\0";

/// What functions return, and what callbacks are told. A plain number, as the other side may send
/// one that is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Status(pub i32);

impl Status {
    /// Done.
    pub const OK: Self = Self(0);
    /// Write: taken, but wait before the next write.
    pub const PENDING: Self = Self(1);
    /// Read: the request body is over.
    pub const END: Self = Self(2);
    /// The client is gone, or the exchange is over.
    pub const CLOSED: Self = Self(3);
    /// No resource of that name, no value for that option.
    pub const NOT_FOUND: Self = Self(4);
    /// Called at the wrong time.
    pub const MISUSE: Self = Self(5);
    /// An argument that HTTP does not allow.
    pub const INVALID: Self = Self(6);
    /// Anything else.
    pub const FAILED: Self = Self(7);
    /// The plug-in panicked in start.
    pub const PANICKED: Self = Self(8);
}

/// How much a line in the log matters: 1 error, 2 warning, 3 information, 4 debugging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Level(pub u32);

impl Level {
    /// Something failed.
    pub const ERROR: Self = Self(1);
    /// Something may fail.
    pub const WARN: Self = Self(2);
    /// Something happened.
    pub const INFO: Self = Self(3);
    /// For the author of the plug-in.
    pub const DEBUG: Self = Self(4);
}

/// Bytes that belong to somebody else; `data` may be null where `len` is 0.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Bytes {
    /// The first byte.
    pub data: *const u8,
    /// How many.
    pub len: usize,
}

impl Bytes {
    /// No bytes.
    pub const EMPTY: Self = Self { data: std::ptr::null(), len: 0 };

    /// Lends bytes to the other side; the caller keeps them alive as long as the header says.
    pub const fn lend(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes that the other side lends.
    ///
    /// # Safety
    /// `data` points to `len` bytes that stay alive and unchanged for `'a`, or `len` is 0.
    pub unsafe fn borrow<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the caller's promise; `len` is not 0, so `data` is not null.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }
}

/// One header field.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Header {
    /// The name, lower case in requests.
    pub name: Bytes,
    /// The value.
    pub value: Bytes,
}

/// A request, borrowed until `handle` returns.
#[derive(Debug)]
#[repr(C)]
pub struct Request {
    /// Size of this struct in bytes.
    pub size: usize,
    /// 0 where there is no body to read.
    pub has_body: u32,
    /// 10, 11, 20 or 30.
    pub http_version: u32,
    /// `GET`.
    pub method: Bytes,
    /// Path and query as sent.
    pub target: Bytes,
    /// The first header field.
    pub headers: *const Header,
    /// How many.
    pub header_count: usize,
    /// The client's address and port as text; empty where it is unknown.
    pub client: Bytes,
    /// `http` or `https`.
    pub scheme: Bytes,
}

/// A response, or the head of one.
#[derive(Debug)]
#[repr(C)]
pub struct Response {
    /// Size of this struct in bytes.
    pub size: usize,
    /// 200 to 999.
    pub status: u32,
    /// 0.
    pub reserved: u32,
    /// The first header field.
    pub headers: *const Header,
    /// How many.
    pub header_count: usize,
    /// All of the body, or its first piece.
    pub body: Bytes,
    /// Called once when the host is done with the body; none: the host copies it.
    pub release: Option<unsafe extern "C" fn(*mut c_void)>,
    /// What `release` gets.
    pub release_context: *mut c_void,
}

/// A resource of the bundle.
#[derive(Debug)]
#[repr(C)]
pub struct Resource {
    /// Size of this struct in bytes.
    pub size: usize,
    /// What is in it, until it is released.
    pub bytes: Bytes,
    /// Of the host.
    pub owner: *mut c_void,
}

/// The right to answer one request while `handle` runs.
#[derive(Debug)]
#[repr(C)]
pub struct Responder {
    opaque: [u8; 0],
}

/// A request that outlives `handle`.
#[derive(Debug)]
#[repr(C)]
pub struct Exchange {
    opaque: [u8; 0],
}

/// Tells that a write has room again, or never will have.
pub type OnReady = unsafe extern "C" fn(*mut c_void, Status);

/// Brings a piece of the request body, or its end.
pub type OnChunk = unsafe extern "C" fn(*mut c_void, Status, Bytes);

/// What the host offers; each field is explained in the header.
#[derive(Debug)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Host {
    pub size: usize,
    pub abi: u32,
    pub reserved: u32,
    pub log: unsafe extern "C" fn(*const Host, Level, Bytes),
    pub resource: unsafe extern "C" fn(*const Host, Bytes, *mut Resource) -> Status,
    pub resource_release: unsafe extern "C" fn(*const Host, *mut Resource),
    pub respond: unsafe extern "C" fn(*mut Responder, *const Response) -> Status,
    pub detach: unsafe extern "C" fn(*mut Responder) -> *mut Exchange,
    pub complete: unsafe extern "C" fn(*mut Exchange, *const Response) -> Status,
    pub begin: unsafe extern "C" fn(*mut Exchange, *const Response) -> Status,
    pub write: unsafe extern "C" fn(*mut Exchange, Bytes, Option<OnReady>, *mut c_void) -> Status,
    pub end: unsafe extern "C" fn(*mut Exchange) -> Status,
    pub abort: unsafe extern "C" fn(*mut Exchange),
    pub read: unsafe extern "C" fn(*mut Exchange, Option<OnChunk>, *mut c_void) -> Status,
    pub release: unsafe extern "C" fn(*mut Exchange),
    pub option: Option<unsafe extern "C" fn(*const Host, Bytes, *mut Bytes) -> Status>,
}

/// An option that a plug-in declares.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct ServiceOption {
    /// Size of this struct in bytes.
    pub size: usize,
    /// Without dashes before it.
    pub name: Bytes,
    /// What the help calls its value; null for a flag.
    pub value: Bytes,
    /// Null where there is no default.
    pub default_value: Bytes,
    /// One line.
    pub help: Bytes,
}

/// What the plug-in offers; each field is explained in the header.
#[derive(Debug)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Plugin {
    pub size: usize,
    pub abi: u32,
    pub reserved: u32,
    pub name: *const c_char,
    pub start:
        Option<unsafe extern "C" fn(*const Host, *mut *mut c_void, *mut c_char, usize) -> Status>,
    pub handle: Option<unsafe extern "C" fn(*mut c_void, *const Request, *mut Responder)>,
    pub stop: Option<unsafe extern "C" fn(*mut c_void)>,
    pub options: *const ServiceOption,
    pub option_count: usize,
}

// SAFETY: both tables are read only, and the functions in them may be called from any thread.
unsafe impl Sync for Host {}
// SAFETY: as above; `name` and `options` point to what lives as long as the process.
unsafe impl Sync for Plugin {}
// SAFETY: read only, and all it points to lives as long as the process.
unsafe impl Sync for ServiceOption {}

/// The type of the one function that a plug-in exports.
pub type Entry = unsafe extern "C" fn(u32) -> *const Plugin;
