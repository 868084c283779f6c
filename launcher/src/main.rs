//! The executable that a bundle begins with.

fn main() -> std::process::ExitCode {
    holdall_launcher::run()
}
