//! Older sides of the same interface: their structs are shorter, and what lies behind is not read.

use std::ffi::c_void;
use std::mem::offset_of;
use std::sync::{Arc, Mutex};

use holdall_plugin::abi::{self, Bytes, Level, Status};
use holdall_plugin::{BoxService, Context, Host, Library, Peer, Request, Response, ServiceOption};

use crate::build;
use crate::client::get;
use crate::host::{Running, sealed};

#[test]
fn a_plugin_of_the_first_version_works() {
    let object = build::misbehave(&["-DFIRST_VERSION"]);
    let library = Library::open(&sealed(&object)).unwrap();
    assert_eq!(library.options(), []);
    let none = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    assert_eq!(library.start(Host::new(|_, _| {}, none)).unwrap().name(), "misbehave");
    let running = Running::start(&object);
    assert_eq!(get(&running.authority, "/").text(), "plain");
    assert_eq!(get(&running.authority, "/thread").text(), "from another thread");
}

const OPTIONS: &[ServiceOption] = &[ServiceOption {
    name: "greeting",
    value: Some("TEXT"),
    default: Some("Hello"),
    help: "The word before the name",
}];

fn service(context: &Context) -> Result<BoxService, std::convert::Infallible> {
    let greeting = context.option("greeting").unwrap_or("nothing");
    Ok(BoxService::from_fn(move |request: Request| {
        let peer = request.extensions().get::<Arc<Peer>>().map(ToString::to_string);
        Response::new(format!("{greeting} {}", peer.unwrap_or_default()).into())
    }))
}

/// What the plug-in answered.
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The table of a host of the first version; what follows it in memory is no part of it.
static FIRST_HOST: abi::Host = abi::Host {
    size: offset_of!(abi::Host, option),
    abi: abi::ABI,
    reserved: 0,
    log,
    resource: no_resource,
    resource_release,
    respond,
    detach: no_exchange,
    complete: no_answer,
    begin: no_answer,
    write: no_write,
    end: no_end,
    abort: nothing,
    read: no_read,
    release: nothing,
    option: Some(beyond),
};

#[test]
fn a_host_of_the_first_version_leaves_the_defaults() {
    let mut context = std::ptr::null_mut();
    let mut error = [0; 256];
    // SAFETY: a table that lives as long as the process, and room for what is written.
    let status = unsafe {
        let (error, size) = (error.as_mut_ptr(), error.len());
        holdall_plugin::guest::start(service, OPTIONS, &FIRST_HOST, &mut context, error, size)
    };
    assert_eq!(status, Status::OK);
    let beyond = Bytes { data: std::ptr::dangling(), len: usize::MAX };
    let request = abi::Request {
        size: offset_of!(abi::Request, client),
        has_body: 0,
        http_version: 11,
        method: Bytes::lend(b"GET"),
        target: Bytes::lend(b"/"),
        headers: std::ptr::null(),
        header_count: 0,
        client: beyond,
        scheme: beyond,
    };
    // SAFETY: the context that start gave; this host's respond does not use the responder.
    unsafe { holdall_plugin::guest::handle(context, &request, std::ptr::null_mut()) };
    assert_eq!(ANSWER.lock().unwrap().as_slice(), b"Hello -");
    // SAFETY: as above, and not used after this.
    unsafe { holdall_plugin::guest::stop(context) };
}

unsafe extern "C" fn respond(_: *mut abi::Responder, response: *const abi::Response) -> Status {
    // SAFETY: the response, and its body, live for the call.
    *ANSWER.lock().unwrap() = unsafe { (*response).body.borrow() }.to_vec();
    Status::OK
}

unsafe extern "C" fn beyond(_: *const abi::Host, _: Bytes, _: *mut Bytes) -> Status {
    std::process::abort()
}

unsafe extern "C" fn log(_: *const abi::Host, _: Level, _: Bytes) {}

unsafe extern "C" fn no_resource(_: *const abi::Host, _: Bytes, _: *mut abi::Resource) -> Status {
    Status::NOT_FOUND
}

unsafe extern "C" fn resource_release(_: *const abi::Host, _: *mut abi::Resource) {}

unsafe extern "C" fn no_exchange(_: *mut abi::Responder) -> *mut abi::Exchange {
    std::ptr::null_mut()
}

unsafe extern "C" fn no_answer(_: *mut abi::Exchange, _: *const abi::Response) -> Status {
    Status::CLOSED
}

unsafe extern "C" fn no_write(
    _: *mut abi::Exchange,
    _: Bytes,
    _: Option<abi::OnReady>,
    _: *mut c_void,
) -> Status {
    Status::CLOSED
}

unsafe extern "C" fn no_read(
    _: *mut abi::Exchange,
    _: Option<abi::OnChunk>,
    _: *mut c_void,
) -> Status {
    Status::CLOSED
}

unsafe extern "C" fn no_end(_: *mut abi::Exchange) -> Status {
    Status::CLOSED
}

unsafe extern "C" fn nothing(_: *mut abi::Exchange) {}
