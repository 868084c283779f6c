//! The header and its mirror are the same, says the C compiler.

use std::fmt::Write;
use std::mem::{align_of, offset_of, size_of};
use std::path::Path;
use std::process::Command;

use holdall_plugin::abi;

use crate::build::run;

/// One line for each struct and field: what C calls it, and where Rust has it.
macro_rules! layout {
    ($($rust:ident as $c:literal { $($field:ident),* })*) => {
        vec![$(
            (format!("sizeof(holdall_{})", $c), size_of::<abi::$rust>()),
            $((format!("offsetof(holdall_{}, {})", $c, stringify!($field)), offset_of!(abi::$rust, $field)),)*
        )*]
    };
}

fn rust_layout() -> Vec<(String, usize)> {
    layout! {
        Bytes as "bytes" { data, len }
        Header as "header" { name, value }
        Request as "request" { size, has_body, http_version, method, target, headers, header_count, client, scheme }
        Response as "response" { size, status, reserved, headers, header_count, body, release, release_context }
        Resource as "resource" { size, bytes, owner }
        Host as "host" {
            size, abi, reserved, log, resource, resource_release, respond, detach, complete, begin, write, end,
            abort, read, release, option
        }
        ServiceOption as "option" { size, name, value, default_value, help }
        Plugin as "plugin" { size, abi, reserved, name, start, handle, stop, options, option_count }
    }
}

fn constants() -> Vec<(String, usize)> {
    let statuses = [
        ("OK", abi::Status::OK),
        ("PENDING", abi::Status::PENDING),
        ("END", abi::Status::END),
        ("CLOSED", abi::Status::CLOSED),
        ("NOT_FOUND", abi::Status::NOT_FOUND),
        ("MISUSE", abi::Status::MISUSE),
        ("INVALID", abi::Status::INVALID),
        ("FAILED", abi::Status::FAILED),
        ("PANICKED", abi::Status::PANICKED),
    ];
    let levels = [
        ("ERROR", abi::Level::ERROR),
        ("WARN", abi::Level::WARN),
        ("INFO", abi::Level::INFO),
        ("DEBUG", abi::Level::DEBUG),
    ];
    let statuses = statuses.map(|(name, status)| (format!("HOLDALL_{name}"), status.0 as usize));
    let levels = levels.map(|(name, level)| (format!("HOLDALL_{name}"), level.0 as usize));
    let sizes = [
        ("HOLDALL_ABI".to_owned(), abi::ABI as usize),
        ("sizeof(holdall_status)".to_owned(), size_of::<abi::Status>()),
        ("sizeof(holdall_level)".to_owned(), size_of::<abi::Level>()),
    ];
    statuses.into_iter().chain(levels).chain(sizes).collect()
}

#[test]
fn rust_and_c_agree_on_every_field() {
    let mut expected = rust_layout();
    expected.extend(constants());
    let mut source =
        "#include <stdio.h>\n#include \"holdall_plugin.h\"\nint main(void) {\n".to_owned();
    for (expression, _) in &expected {
        writeln!(source, "printf(\"%s %zu\\n\", \"{expression}\", (size_t){expression});").unwrap();
    }
    source.push_str("return 0; }\n");
    let wanted: String =
        expected.iter().map(|(expression, value)| format!("{expression} {value}\n")).collect();
    assert_eq!(compile_and_run(&source), wanted);
    assert_eq!(align_of::<abi::Host>(), align_of::<usize>());
}

#[test]
fn the_header_is_cxx_too() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("plugin.cc");
    std::fs::write(&source, "#include \"holdall_plugin.h\"\n").unwrap();
    run(compiler("c++", &["-std=c++11", "-fsyntax-only"]).arg(source));
}

fn compile_and_run(source: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (file, program) = (directory.path().join("layout.c"), directory.path().join("layout"));
    std::fs::write(&file, source).unwrap();
    run(compiler("cc", &["-std=c99"]).arg("-o").arg(&program).arg(file));
    run(&mut Command::new(program))
}

fn compiler(name: &str, flags: &[&str]) -> Command {
    let mut compiler = Command::new(name);
    compiler.args(flags).args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-I"]);
    compiler.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"));
    compiler
}
