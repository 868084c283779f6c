//! Builds the launchers that are compiled into the bundler: see `src/prefix.rs`.
//!
//! They are programs, so they can't be ordinary dependencies: a cargo inside of cargo builds them,
//! with a target directory of its own, as the outer one holds the lock of the usual one.
//!
//! `HOLDALL_BUILD_DYNAMIC` and `HOLDALL_BUILD_STATIC` name launchers that were built before, from this
//! very source: for packagers and for builds that can't wait.

#[path = "src/auditable/section.rs"]
mod section;
#[path = "src/auditable/tree.rs"]
mod tree;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a launcher is linked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Linking {
    /// Against the libraries of the system, so that plug-ins can be loaded.
    Dynamic,
    /// Against nothing, so that it starts faster and runs anywhere.
    Static,
}

fn main() {
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let launcher = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("../launcher");
    watch(&launcher);
    let dynamic = build(&launcher, &out_dir, Linking::Dynamic);
    let fixed = build(&launcher, &out_dir, Linking::Static).or_else(|| {
        println!("cargo:warning=the static launcher can't be built here (is libc.a missing?)");
        dynamic.clone()
    });
    provide("HOLDALL_DYNAMIC_LAUNCHER", dynamic, &out_dir);
    provide("HOLDALL_STATIC_LAUNCHER", fixed, &out_dir);
}

/// Builds again when anything changes that is part of a launcher.
fn watch(launcher: &Path) {
    for file in ["build.rs", "src/auditable/section.rs", "src/auditable/tree.rs"] {
        println!("cargo:rerun-if-changed={file}");
    }
    // All packages below it are part of it.
    let below = launcher.read_dir().into_iter().flatten().filter_map(Result::ok);
    let below = below.map(|entry| entry.path()).filter(|path| path.join("Cargo.toml").exists());
    for package in below.chain([launcher.to_owned()]) {
        for part in ["Cargo.toml", "build.rs", "src", "include"] {
            // A path that is not there would make cargo build again every time.
            if package.join(part).exists() {
                println!("cargo:rerun-if-changed={}", package.join(part).display());
            }
        }
    }
    for file in ["../Cargo.toml", "../Cargo.lock"] {
        println!("cargo:rerun-if-changed={}", launcher.join(file).display());
    }
}

/// Builds one launcher, unless it was built before; `None` if that is impossible here.
fn build(launcher: &Path, out_dir: &Path, linking: Linking) -> Option<PathBuf> {
    let variable = match linking {
        Linking::Dynamic => "HOLDALL_BUILD_DYNAMIC",
        Linking::Static => "HOLDALL_BUILD_STATIC",
    };
    println!("cargo:rerun-if-env-changed={variable}");
    let name = if linking == Linking::Static { "static" } else { "dynamic" };
    let built = match env::var_os(variable) {
        Some(path) => {
            println!("cargo:rerun-if-changed={}", path.display());
            PathBuf::from(path)
        }
        None => run_cargo(launcher, out_dir, linking, name)?,
    };
    // Kept aside, so that a later build can't change it while the compiler reads it.
    let kept = out_dir.join(name);
    let copied = fs::copy(&built, &kept);
    copied.unwrap_or_else(|error| panic!("can't copy {}: {error}", built.display()));
    if let Err(reason) = add_list(launcher, linking, &kept) {
        println!("cargo:warning=the {name} launcher carries no list of dependencies: {reason}");
    }
    Some(kept)
}

fn run_cargo(launcher: &Path, out_dir: &Path, linking: Linking, name: &str) -> Option<PathBuf> {
    if !launcher.join("src/main.rs").exists() {
        return None;
    }
    let target = env::var("TARGET").expect("cargo sets TARGET");
    let target_dir = target_dir(out_dir).join(name);
    let mut command = cargo();
    command.arg("build").args(["--bin", "holdall-launcher", "--profile", "launcher"]);
    command.arg("--manifest-path").arg(launcher.join("Cargo.toml"));
    command.arg("--target-dir").arg(&target_dir).args(["--target", &target]);
    if linking == Linking::Static {
        // Without the part that loads plug-ins: a static program can't.
        command.arg("--no-default-features");
        command.env("RUSTFLAGS", "-C target-feature=+crt-static");
    }
    let status = command.status().expect("cargo can be run, as it runs this");
    if !status.success() {
        assert!(linking == Linking::Static, "the launcher can't be built: {status}");
        return None;
    }
    Some(target_dir.join(target).join("launcher/holdall-launcher"))
}

/// Adds the list of what a launcher was built from, for bills of materials, unless it has one.
fn add_list(launcher: &Path, linking: Linking, built: &Path) -> Result<(), String> {
    let target = env::var("TARGET").map_err(|error| error.to_string())?;
    let elf = fs::read(built).map_err(|error| error.to_string())?;
    if section::is_in(&elf) {
        return Ok(());
    }
    let [all, runtime] = tree::EDGES.map(|edges| {
        let mut command = cargo();
        command.args(["tree", "--quiet", "--target", &target]).args(edges);
        command.arg("--manifest-path").arg(launcher.join("Cargo.toml"));
        if linking == Linking::Static {
            command.arg("--no-default-features");
        }
        let output = command.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => String::from_utf8(output.stdout).map_err(|error| error.to_string()),
            false => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ")),
        }
    });
    let list = section::compress(&tree::list(&all?, &runtime?)).map_err(|e| e.to_string())?;
    let elf = section::append(&elf, &list).ok_or("it has no table of sections")?;
    fs::write(built, elf).map_err(|error| error.to_string())
}

/// A cargo that knows nothing of the one that runs this script: flags and wrappers for the bundler
/// (coverage, clippy, another target) are none of the launcher's.
fn cargo() -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    let kept = ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_TERM_COLOR"];
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours = (text.starts_with("CARGO") || text.starts_with("RUSTC")) && text != "RUSTC";
        let is_setting = kept.contains(&&*text)
            || text.starts_with("CARGO_REGISTR")
            || text.starts_with("CARGO_SOURCE")
            || text.starts_with("CARGO_HTTP");
        if is_ours && !is_setting || text == "RUSTFLAGS" {
            command.env_remove(&name);
        }
    }
    // The jobserver of the outer cargo stays: both together use no more cores than one.
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// `<target>/launcher`, found from `<target>[/TRIPLE]/PROFILE/build/holdall-HASH/out`.
fn target_dir(out_dir: &Path) -> PathBuf {
    out_dir.ancestors().nth(4).unwrap_or(out_dir).join("launcher")
}

/// Tells the compiler where a launcher is; an empty file stands for one that could not be built.
fn provide(variable: &str, launcher: Option<PathBuf>, out_dir: &Path) {
    let path = launcher.unwrap_or_else(|| {
        let empty = out_dir.join("no-launcher");
        fs::write(&empty, []).expect("OUT_DIR can be written");
        empty
    });
    println!("cargo:rustc-env={variable}={}", path.display());
}
