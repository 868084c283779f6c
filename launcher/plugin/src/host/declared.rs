//! The options that a plug-in declares.

use holdall_service::ServiceOption;

use super::LoadError;
use crate::abi;
use crate::growing;

/// Reads the options in a plug-in's table.
///
/// # Safety
/// `plugin` is the table of a plug-in, which lives as long as the process.
pub(super) unsafe fn read(plugin: &abi::Plugin) -> Result<Vec<ServiceOption>, LoadError> {
    let mut options = Vec::with_capacity(plugin.option_count);
    let mut next = plugin.options;
    for index in 0..plugin.option_count {
        // SAFETY: the caller's promise: the array has `option_count` elements, and `next` is one.
        let option = unsafe { growing::copy(next) };
        let option = option.map_err(|_| LoadError::Option { index })?;
        // SAFETY: as above.
        options.push(unsafe { convert(&option) }.ok_or(LoadError::Option { index })?);
        next = next.wrapping_byte_add(option.size);
    }
    Ok(options)
}

/// The option, if all that it says is text.
///
/// # Safety
/// The bytes of `option` live as long as the process.
unsafe fn convert(option: &abi::ServiceOption) -> Option<ServiceOption> {
    // SAFETY: the caller's promise.
    let text = |bytes: abi::Bytes| std::str::from_utf8(unsafe { bytes.borrow::<'static>() }).ok();
    let optional = |bytes: abi::Bytes| match bytes.data.is_null() {
        true => Some(None),
        false => text(bytes).map(Some),
    };
    Some(ServiceOption {
        name: text(option.name)?,
        value: optional(option.value)?,
        default: optional(option.default_value)?,
        help: text(option.help)?,
    })
}
