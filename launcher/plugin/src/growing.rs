//! Structs of the other side, which may be shorter than ours or longer: rule 2 of the header.

use std::mem::{MaybeUninit, offset_of, size_of};
use std::ptr;

use crate::abi;

/// A struct that begins with its size and grows at its end.
///
/// # Safety
/// The first field of the `repr(C)` struct is its size in bytes, and every field that lies beyond
/// `LEAST` is valid where it is all zeros.
pub(crate) unsafe trait Growing: Sized {
    /// The size of the first version, in bytes: without it, nothing can be done.
    const LEAST: usize;
}

// SAFETY: later fields are optional functions, pointers, numbers and lent bytes.
unsafe impl Growing for abi::Host {
    const LEAST: usize = offset_of!(Self, option);
}
// SAFETY: as above.
unsafe impl Growing for abi::Plugin {
    const LEAST: usize = offset_of!(Self, options);
}
// SAFETY: as above.
unsafe impl Growing for abi::Request {
    const LEAST: usize = offset_of!(Self, client);
}
// SAFETY: as above.
unsafe impl Growing for abi::ServiceOption {
    const LEAST: usize = size_of::<Self>();
}

/// Copies what both sides know of a struct; what the other side does not know yet is zero.
///
/// # Errors
/// The size that it states, where that is less than the least.
///
/// # Safety
/// `theirs` points to a struct of any version of this interface.
pub(crate) unsafe fn copy<T: Growing>(theirs: *const T) -> Result<T, usize> {
    // SAFETY: the caller's promise: every version begins with its size.
    let size = unsafe { theirs.cast::<usize>().read() };
    if size < T::LEAST {
        return Err(size);
    }
    let mut ours = MaybeUninit::<T>::zeroed();
    let shared = size.min(size_of::<T>());
    // SAFETY: both have `shared` bytes. What is left is zero, which is valid, says `Growing`.
    unsafe {
        ptr::copy_nonoverlapping(theirs.cast::<u8>(), ours.as_mut_ptr().cast::<u8>(), shared);
        Ok(ours.assume_init())
    }
}
