//! `--require-signature KEY`: a bundle that is not, to the byte, what the owner of a key signed does
//! not run.
//!
//! The launcher that checks is part of what it checks: who can change the file can take the check
//! away. So this guards against mistakes and damage, and keeps an unsigned file from taking over in an
//! upgrade. Who receives a file from others checks it with `holdall verify --public-key`, or minisign.

use std::ffi::{OsStr, OsString};

use holdall_bundle::{Bundle, EntryPointKind, Manifest, PublicKey, verify_signed};

use crate::failure::Failure;

const OPTION: &str = "--require-signature";
const VARIABLE: &str = "HOLDALL_REQUIRE_SIGNATURE";

/// Fails unless the bundle is signed as it has to be.
///
/// It comes before anything of the bundle runs, a plug-in that adds options among them: so the
/// option is looked for before the command line is understood.
pub(crate) fn check(bundle: &Bundle, arguments: &[OsString]) -> Result<(), Failure> {
    if let Some(given) = required(bundle.manifest(), arguments, std::env::var_os(VARIABLE)) {
        verify_signed(bundle.archive(), &PublicKey::new(&given)?)?;
    }
    Ok(())
}

/// The arguments of an `exec` program, without ours where it stands first.
pub(crate) fn arguments_of_program(arguments: &[OsString]) -> &[OsString] {
    match arguments {
        [first, _, rest @ ..] if first == OPTION => rest,
        [first, rest @ ..] if value_of(first).is_some() => rest,
        all => all,
    }
}

/// The command line comes before the environment, and that before the defaults of the bundle.
fn required(
    manifest: &Manifest,
    arguments: &[OsString],
    variable: Option<OsString>,
) -> Option<OsString> {
    if manifest.entry_point.kind == EntryPointKind::Exec {
        // All but the first argument are the program's own.
        return given(&arguments[..arguments.len().min(2)], 1).or(variable);
    }
    let defaults: Vec<OsString> = manifest.arguments.iter().map(OsString::from).collect();
    given(arguments, usize::MAX)
        .or_else(|| variable.filter(|value| !value.is_empty()))
        .or_else(|| given(&defaults, usize::MAX))
}

/// The value of the option, where it is among the first `within` arguments.
fn given(arguments: &[OsString], within: usize) -> Option<OsString> {
    let position = arguments.iter().take(within).position(|argument| is_option(argument))?;
    value_of(&arguments[position])
        .map(OsStr::to_owned)
        .or_else(|| arguments.get(position + 1).cloned())
}

fn is_option(argument: &OsStr) -> bool {
    argument == OPTION || value_of(argument).is_some()
}

fn value_of(argument: &OsStr) -> Option<&OsStr> {
    use std::os::unix::ffi::OsStrExt;
    let rest = argument.as_bytes().strip_prefix(OPTION.as_bytes())?;
    rest.strip_prefix(b"=").map(OsStr::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn both_spellings_are_found() {
        let found = |list: &[&str], within| given(&words(list), within);
        assert_eq!(found(&["--port", "1", "--require-signature", "k"], 9), Some("k".into()));
        assert_eq!(found(&["--require-signature=k", "x"], 1), Some("k".into()));
        assert_eq!(found(&["x", "--require-signature=k"], 1), None);
        assert_eq!(found(&["--require-signatures=k"], 9), None);
        assert_eq!(found(&["--require-signature"], 9), None);
    }

    #[test]
    fn a_program_does_not_see_it() {
        let left = |list: &[&str]| arguments_of_program(&words(list)).to_vec();
        assert_eq!(left(&["--require-signature", "k", "a"]), words(&["a"]));
        assert_eq!(left(&["--require-signature=k", "a"]), words(&["a"]));
        assert_eq!(left(&["a", "--require-signature", "k"]).len(), 3);
    }
}
