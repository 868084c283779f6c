//! How the launcher is linked, where that is no matter of profiles.

use std::env;
use std::process::Command;

/// The GNU C library that reads packed relocations, as it does at the start of a static program.
const READS_PACKED: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let is_static = features.split(',').any(|feature| feature == "crt-static");
    let is_for_here = env::var_os("HOST") == env::var_os("TARGET");
    if is_static && is_for_here && library().is_some_and(|version| version >= READS_PACKED) {
        // Half a megabyte of addresses becomes a twentieth, and starting touches less memory.
        println!("cargo:rustc-link-arg-bin=holdall-launcher=-Wl,-z,pack-relative-relocs");
    }
}

/// The C library of this host, which is linked in: `glibc 2.36`.
fn library() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
