//! Cases that each run in a process of their own, with a single thread: a confined process stays so.

use std::env;
use std::fmt::Write as _;
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};

/// The name of the case that this process is to run; unset in the process that runs all.
const CASE: &str = "HOLDALL_TEST_CASE";

/// A test, in the process where it runs. Its working directory is empty and for it alone.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub run: fn(),
    /// Whether this machine can run it.
    pub is_possible: fn() -> bool,
}

/// The `main` of a test program: one case, or a process for each.
pub fn main(cases: &[Case]) {
    if let Ok(wanted) = env::var(CASE) {
        let case = cases.iter().find(|case| case.name == wanted).expect("a case");
        return (case.run)();
    }
    let trials = cases.iter().map(|&Case { name, is_possible, .. }| {
        Trial::test(name, move || in_process(name)).with_ignored_flag(!is_possible())
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}

fn in_process(name: &str) -> Result<(), Failed> {
    // Removed by this process: the other one may have lost the right to.
    let directory = tempfile::tempdir()?;
    let mut command = Command::new(env::current_exe()?);
    let output = command.env(CASE, name).current_dir(directory.path()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let mut report = output.status.to_string();
    for stream in [output.stdout, output.stderr] {
        write!(report, "\n{}", String::from_utf8_lossy(&stream))?;
    }
    Err(report.into())
}
