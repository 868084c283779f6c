//! The options of a plug-in: declared to the host, and their values asked of it.

use std::mem::size_of;

use holdall_service::{ServiceOption, ServiceOptions};

use crate::abi::{self, Bytes, Status};

/// Options as they stand in the table of a plug-in.
///
/// # Panics
/// While it is compiled, where `COUNT` is not the number of options.
#[must_use]
pub const fn lend_options<const COUNT: usize>(
    options: &'static [ServiceOption],
) -> [abi::ServiceOption; COUNT] {
    assert!(options.len() == COUNT);
    let mut lent = [lend(&NONE); COUNT];
    let mut index = 0;
    while index < COUNT {
        lent[index] = lend(&options[index]);
        index += 1;
    }
    lent
}

const NONE: ServiceOption = ServiceOption { name: "", value: None, default: None, help: "" };

const fn lend(option: &'static ServiceOption) -> abi::ServiceOption {
    abi::ServiceOption {
        size: size_of::<abi::ServiceOption>(),
        name: Bytes::lend(option.name.as_bytes()),
        value: lend_text(option.value),
        default_value: lend_text(option.default),
        help: Bytes::lend(option.help.as_bytes()),
    }
}

const fn lend_text(text: Option<&'static str>) -> Bytes {
    match text {
        Some(text) => Bytes::lend(text.as_bytes()),
        None => Bytes::EMPTY,
    }
}

/// The values of the options; a host that knows no options yet leaves them at their defaults.
///
/// # Safety
/// `host` is the host's own table, and `table` our copy of it.
pub(super) unsafe fn values(
    host: *const abi::Host,
    table: &abi::Host,
    declared: &[ServiceOption],
) -> ServiceOptions {
    let Some(option) = table.option else {
        return ServiceOptions::from(declared);
    };
    let value = |name: &'static str| {
        let mut value = Bytes::EMPTY;
        // SAFETY: the caller's promise; the name lives for the call, and `value` has room.
        match unsafe { option(host, Bytes::lend(name.as_bytes()), &raw mut value) } {
            // SAFETY: the header: a value lives as long as the process.
            Status::OK => Some(String::from_utf8_lossy(unsafe { value.borrow() }).into_owned()),
            _ => None,
        }
    };
    declared.iter().filter_map(|option| Some((option.name, value(option.name)?))).collect()
}
