//! Shared objects, as authors build them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

/// Compiles C with the compiler of the system, warnings are errors.
pub fn c(source: &Path, flags: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a directory");
    let object = directory.path().join("plugin.so");
    let mut compiler = Command::new("cc");
    compiler.args([
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
        "-shared",
        "-fPIC",
        "-pthread",
    ]);
    compiler.arg("-I").arg(Path::new(PACKAGE).join("include"));
    run(compiler.args(flags).arg("-o").arg(&object).arg(source));
    std::fs::read(object).expect("the compiled object")
}

/// The plug-in that answers in every right and wrong way.
pub fn misbehave(flags: &[&str]) -> Vec<u8> {
    c(&Path::new(PACKAGE).join("tests/c/misbehave.c"), flags)
}

/// The example of docs/plugin-abi.md.
pub fn documented_example() -> Vec<u8> {
    let page = std::fs::read_to_string(Path::new(PACKAGE).join("../../docs/plugin-abi.md"))
        .expect("the page");
    let (_, rest) = page.split_once("```c\n").expect("a C example");
    let (source, _) = rest.split_once("```").expect("its end");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("hello.c");
    std::fs::write(&file, source).expect("room for the source");
    c(&file, &[])
}

/// The example in Rust, built by cargo once.
pub fn greeter() -> Vec<u8> {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(PACKAGE);
        cargo.args(["build", "--quiet", "--example", "greeter", "--message-format", "json"]);
        let messages = run(&mut cargo);
        let end = messages.find("libgreeter.so\"").expect("the example among what was built");
        let start = messages[..end].rfind('"').expect("a quoted path") + 1;
        PathBuf::from(format!("{}libgreeter.so", &messages[start..end]))
    });
    std::fs::read(path).expect("the built example")
}

/// Runs a tool that must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the tool is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
