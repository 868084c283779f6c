//! `cargo holdall`: the same command line, as a subcommand of cargo.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Cargo runs `cargo-holdall holdall …`; whoever calls it directly leaves the second word out.
    let mut words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "holdall") {
        words.remove(1);
    }
    holdall::run(words.into_iter(), "cargo holdall").into()
}
