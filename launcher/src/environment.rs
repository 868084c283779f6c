//! What an `exec` program inherits: the environment without our variables, with the bundle's place.

use std::{
    env,
    ffi::{CString, OsStr, OsString},
    os::{fd::RawFd, unix::ffi::OsStrExt},
    path::Path,
};

use holdall_resources::{BUNDLE, BUNDLE_FD};

/// All of our variables begin with this.
const PREFIX: &[u8] = b"HOLDALL_";

/// The environment for the program of `bundle`, which is open as `descriptor`, as execve(2) wants
/// it.
pub(crate) fn for_program(bundle: &Path, descriptor: RawFd) -> Vec<CString> {
    let inherited = env::vars_os().filter(|(name, _)| !name.as_bytes().starts_with(PREFIX));
    let ours = [
        (OsString::from(BUNDLE), bundle.as_os_str().to_owned()),
        (OsString::from(BUNDLE_FD), descriptor.to_string().into()),
    ];
    inherited.chain(ours).filter_map(|(name, value)| pair(&name, &value)).collect()
}

/// `NAME=value`; neither can hold a NUL, as both come from the kernel.
fn pair(name: &OsStr, value: &OsStr) -> Option<CString> {
    let mut pair = name.as_bytes().to_vec();
    pair.push(b'=');
    pair.extend_from_slice(value.as_bytes());
    CString::new(pair).ok()
}
