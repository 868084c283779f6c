//! What system calls a program makes, seen by strace(1).

use std::{fs, io, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

/// Calls that make or rename something in a file system; `open` is looked at for its flags.
const CREATING: [&str; 12] = [
    "creat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "rename",
    "renameat",
    "renameat2",
];

/// How many system calls `program` makes between the two marks of `lookup quiet`; `None` without
/// strace.
pub fn calls_between_marks(
    scratch: &Path,
    program: &Path,
    arguments: &[String],
) -> Result<Option<u64>> {
    let Some(calls) = calls(scratch, program, arguments)? else { return Ok(None) };
    let mark = |name| calls.lines().position(|call| call.contains(name));
    let begin = mark("/bench-mark-begin").context("strace did not see the first mark")?;
    let end = mark("/bench-mark-end").context("strace did not see the second mark")?;
    Ok(Some((end - begin - 1) as u64))
}

/// How often `program` makes a file, directory or link; `None` without strace.
pub fn creations(scratch: &Path, program: &Path, arguments: &[String]) -> Result<Option<u64>> {
    let Some(calls) = calls(scratch, program, arguments)? else { return Ok(None) };
    Ok(Some(calls.lines().filter(|call| creates(call)).count() as u64))
}

/// Whether a line of strace, `PID name(arguments) = result`, made something that has a name.
fn creates(line: &str) -> bool {
    let call = line.split_once(' ').map_or(line, |(_, call)| call.trim_start());
    let name = call.split('(').next().unwrap_or_default();
    let succeeded = !call.contains("= -1 ");
    let by_open =
        name.starts_with("open") && (call.contains("O_CREAT") || call.contains("O_TMPFILE"));
    succeeded && (by_open || CREATING.contains(&name))
}

fn calls(scratch: &Path, program: &Path, arguments: &[String]) -> Result<Option<String>> {
    let output = scratch.join("strace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o"]).arg(&output).arg(program).args(arguments);
    let finished = match strace.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        finished => finished.context("can't run strace")?,
    };
    ensure!(finished.status.success(), "{strace:?}: {}", String::from_utf8_lossy(&finished.stderr));
    Ok(Some(fs::read_to_string(output)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_make_something_are_told_from_others() {
        for (line, expected) in [
            (r#"12 openat(AT_FDCWD, "/x", O_WRONLY|O_CREAT, 0666) = 3"#, true),
            (r#"12 openat(AT_FDCWD, "/x", O_WRONLY|O_CREAT, 0666) = -1 EROFS (Read-only)"#, false),
            (r#"12 openat(AT_FDCWD, "/x", O_RDONLY|O_CLOEXEC) = 3"#, false),
            (r#"12 mkdir("/tmp/x", 0700) = 0"#, true),
            (r#"12 memfd_create("bench", MFD_CLOEXEC) = 4"#, false),
        ] {
            assert_eq!(creates(line), expected, "{line}");
        }
    }
}
