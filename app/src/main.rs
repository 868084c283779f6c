//! The linked server: the service and its host in one executable.
//!
//! `cargo run` serves it from the directory of resources, `holdall bundle` packs it with them.

use std::process::ExitCode;

fn main() -> ExitCode {
    holdall_launcher::serve(sayhello::service)
}
