//! `holdall`: packs a server, its resources and its entry point into one executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    holdall::run(std::env::args_os(), "holdall").into()
}
