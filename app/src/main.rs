//! The linked server: the service and its host in one executable.
//!
//! `cargo run` serves it from the directory of resources, `holdall bundle` packs it with them.

use std::process::ExitCode;

use holdall_launcher::Launcher;

fn main() -> ExitCode {
    Launcher::new().options(sayhello::OPTIONS).serve(sayhello::service)
}
