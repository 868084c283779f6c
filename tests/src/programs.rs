//! The programs under test, built once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// The root of the repository.
pub fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package lies in the repository").to_owned()
}

/// The bundler: the one that the variable `HOLDALL` names, or else the one that cargo builds.
pub fn holdall() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| match std::env::var_os("HOLDALL") {
        Some(path) => PathBuf::from(path).canonicalize().expect("the file that HOLDALL names"),
        None => build(&["--release", "--locked", "-p", "holdall"], "holdall", "executable"),
    })
}

/// The subcommand of cargo, which lies beside the bundler.
pub fn cargo_holdall() -> PathBuf {
    let path = holdall().with_file_name("cargo-holdall");
    assert!(path.is_file(), "{} is not there", path.display());
    path
}

/// The plug-in in Rust that answers in every way, as a shared object.
pub fn greeter() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        build(&["-p", "holdall-plugin", "--example", "greeter"], "greeter", "filenames")
    })
}

/// The example service as a program of its own, which is still to be bundled.
pub fn sayhello() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["-p", "sayhello"], "sayhello", "executable"))
}

/// Has cargo build `target`, and takes its place from what cargo says.
fn build(arguments: &[&str], target: &str, key: &str) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(repository());
    cargo.args(["build", "--quiet", "--message-format=json-render-diagnostics"]).args(arguments);
    let output = cargo.output().expect("cargo can be run, as it runs this");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{cargo:?}: {errors}");
    let messages = String::from_utf8(output.stdout).expect("cargo's messages are UTF-8");
    let built = messages.lines().filter_map(|line| artifact(line, target, key)).next_back();
    built.unwrap_or_else(|| panic!("{cargo:?} built no {target}"))
}

fn artifact(line: &str, target: &str, key: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["target"]["name"] != target {
        return None;
    }
    let value = &message[key];
    Some(value.as_str().or_else(|| value[0].as_str())?.into())
}
