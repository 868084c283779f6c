//! An `exec` program in Rust: writes the resource that its argument names.

use std::io::Write;
use std::process::ExitCode;

use holdall_resources::Resources;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let read = Resources::open().and_then(|resources| resources.read(&name));
    match read {
        Ok(bytes) if std::io::stdout().write_all(&bytes).is_ok() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("reader: {error}");
            ExitCode::FAILURE
        }
    }
}
