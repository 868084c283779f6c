//! `holdall diff`: what changed from one bundle to another.
//!
//! Both are walked side by side in the order of their names, so memory holds what differs and
//! nothing else. The story is here; what is compared is in [`compare`], what is printed in [`text`].

mod compare;
mod entry;
mod manifest;
mod text;

use crate::binary::BinaryError;
use crate::cli::DiffArgs;
use crate::error::Error;
use crate::shell::{Shell, Verbosity};
use compare::{Diff, Verdict};
use holdall_archive::IndexState;
use holdall_bundle::{Bundle, BundleError, ExitCode, escaped, ignore_broken_pipe};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

/// Compares two bundles and prints what differs.
///
/// # Errors
/// If one of them can't be read or is damaged; with `--exit-code` if they differ.
pub fn run(args: &DiffArgs, shell: &Shell) -> Result<(), Error> {
    let (old, new) = (Bundle::open(&args.old)?, Bundle::open(&args.new)?);
    warn_of_edits(&old, shell)?;
    warn_of_edits(&new, shell)?;
    let mut diff = Diff::new(&old, &new)?;
    if diff.verdict == Verdict::SameContent && are_equal(&args.old, &args.new)? {
        diff.verdict = Verdict::Identical;
    }
    // With both, the exit code is what was asked for.
    if !(args.exit_code && shell.verbosity() == Verbosity::Quiet) {
        print(&diff, args).map_err(Error::Stdout)?;
    }
    match args.exit_code && diff.verdict != Verdict::Identical {
        true => Err(Error::Reported(ExitCode::Other)),
        false => Ok(()),
    }
}

/// Says where digests are not known.
fn warn_of_edits(bundle: &Bundle, shell: &Shell) -> Result<(), Error> {
    if bundle.archive().index_state().map_err(BundleError::from)? != IndexState::Used {
        let path = bundle.archive().path().to_string_lossy();
        shell.warn(format_args!(
            "{} was edited after it was bundled: its content is read, as its digests are lost",
            escaped(&path)
        ));
    }
    Ok(())
}

fn print(diff: &Diff, args: &DiffArgs) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(64 * 1024, anstream::stdout().lock());
    let printed = match (args.json, args.stat) {
        (true, _) => serde_json::to_writer_pretty(&mut out, diff)
            .map_err(io::Error::from)
            .and_then(|()| out.write_all(b"\n")),
        (_, true) => text::write_stat(diff, &mut out),
        _ => text::write(diff, &mut out),
    };
    ignore_broken_pipe(printed.and_then(|()| out.flush()))
}

/// Whether two files hold the same bytes.
fn are_equal(one: &Path, other: &Path) -> Result<bool, Error> {
    let (mut old, mut new) = (open(one)?, open(other)?);
    loop {
        let piece = next_piece(&mut old, one)?;
        if piece != next_piece(&mut new, other)? {
            return Ok(false);
        }
        if piece.is_empty() {
            return Ok(true);
        }
    }
}

fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(|source| unreadable(path, source))
}

/// The next bytes of a file; none at its end.
fn next_piece(file: &mut File, path: &Path) -> Result<Vec<u8>, Error> {
    const LENGTH: usize = 256 * 1024;
    let mut piece = Vec::with_capacity(LENGTH);
    let read = file.take(LENGTH as u64).read_to_end(&mut piece);
    read.map_err(|source| unreadable(path, source))?;
    Ok(piece)
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    BinaryError::Read { path: path.to_owned(), source }.into()
}
