//! Capabilities of a bundle's file, handed on to its `exec` program.

use rustix::thread::{CapabilitySet, CapabilitySets};

/// Raises every permitted capability to ambient, so that it survives the exec of a file in memory,
/// which has no capabilities of its own (capabilities(7)).
///
/// Best effort: where the kernel or a policy refuses, the program runs with less, as it would say
/// itself.
pub(crate) fn keep_for_program() {
    // For the superuser the kernel grants them anew at each exec.
    if rustix::process::geteuid().is_root() {
        return;
    }
    let Ok(sets) = rustix::thread::capabilities(None) else { return };
    if sets.permitted.is_empty() {
        return;
    }
    let inheritable = CapabilitySets { inheritable: sets.permitted, ..sets };
    if rustix::thread::set_capabilities(None, inheritable).is_err() {
        return;
    }
    for capability in sets.permitted.iter() {
        raise(capability);
    }
}

fn raise(capability: CapabilitySet) {
    let _ = rustix::thread::configure_capability_in_ambient_set(capability, true);
}
