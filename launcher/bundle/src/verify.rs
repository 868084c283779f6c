//! `--verify`: every byte of a bundle against what the bundle says of itself.

use crate::bundle::Bundle;
use crate::digest::Digest;
use crate::error::BundleError;
use crate::exit_code::ExitCode;
use crate::manifest::Manifest;
use crate::signature::{PublicKey, Signature, SignatureError, signatures, verify_signature};
use crate::text::{chain, ignore_broken_pipe};
use holdall_archive::{Archive, Error, Verified, grouped};
use std::io::{self, Write};

/// Checks every byte: headers, data, index, digests, and what the manifest says of them. Each
/// damage is handed to `problem`.
///
/// # Errors
/// If the archive is too damaged to go on, or can't be read.
pub fn verify(
    archive: &Archive,
    problem: &mut dyn FnMut(BundleError),
) -> Result<Verified, BundleError> {
    let mut intact = true;
    let verified = archive.verify(&mut |error: Error| {
        intact = false;
        problem(error.into());
    })?;
    match Bundle::read_manifest(archive) {
        Ok(manifest) => {
            compare_prefix(archive, &manifest, &verified, problem);
            // Whatever was reported changes the sums over everything as well: no news in that.
            if intact {
                compare_content(archive, &manifest, &verified, problem);
            }
            if let Err(error) = Bundle::find_payload(archive, &manifest) {
                problem(error);
            }
        }
        Err(error) => problem(error),
    }
    Ok(verified)
}

/// Runs [`verify`], and [`verify_signature`] where a key is given, and prints: a line of success and
/// one for each signature to `out`, or a line for each damage to `err`.
///
/// Returns 0 or 65, or 66, 74 or 77 where the file can't be read, or 74 where `out` can't be
/// written.
pub fn print_verification(
    archive: &Archive,
    key: Option<&PublicKey>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let mut worst = ExitCode::Success;
    let mut say = |code: ExitCode, error: &dyn std::error::Error| {
        // The first damage decides; whether it can be printed does not matter.
        if worst == ExitCode::Success {
            worst = code;
        }
        let _ = writeln!(err, "{}", chain(error));
    };
    let signed = key.map(|key| verify_signature(archive, key)).transpose();
    if let Err(error) = &signed {
        say(error.exit_code(), error);
    }
    let mut report = |error: BundleError| say(error.exit_code(), &error);
    let verified = verify(archive, &mut report);
    let verified = match verified {
        Ok(verified) => verified,
        Err(error) => {
            report(error);
            return worst;
        }
    };
    if worst != ExitCode::Success {
        return worst;
    }
    let printed = print_success(archive, &verified, signed.ok().flatten(), out);
    match ignore_broken_pipe(printed.and_then(|()| out.flush())) {
        Ok(()) => ExitCode::Success,
        Err(_) => ExitCode::Io,
    }
}

/// Runs [`verify_signature`], and [`verify`] to its first damage: what is signed, whole.
///
/// # Errors
/// Whatever keeps the bundle from being what the owner of `key` signed.
pub fn verify_signed(archive: &Archive, key: &PublicKey) -> Result<Signature, SignatureError> {
    let signature = verify_signature(archive, key)?;
    first_damage(archive)?.map_or(Ok(signature), |error| Err(error.into()))
}

/// Runs [`verify`], and gives the first damage that it finds; `None` if every byte is right.
///
/// # Errors
/// As [`verify`].
pub fn first_damage(archive: &Archive) -> Result<Option<BundleError>, BundleError> {
    let mut first = None;
    verify(archive, &mut |error| {
        first.get_or_insert(error);
    })?;
    Ok(first)
}

/// What is right with a bundle: its size, and who signed it or is said to have done so.
fn print_success(
    archive: &Archive,
    verified: &Verified,
    signed: Option<Signature>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = archive.path().file_name().unwrap_or(archive.path().as_os_str()).to_string_lossy();
    let name = crate::text::escaped(&name);
    let entries = if verified.entries == 1 { "entry" } else { "entries" };
    let (count, length) = (grouped(verified.entries), grouped(archive.file_len()));
    writeln!(out, "{name}: ok, {count} {entries}, {length} bytes")?;
    if let Some(Signature { key_id, comment, .. }) = signed {
        return writeln!(out, "{name}: signed by {key_id}: {}", crate::text::escaped(&comment));
    }
    for signature in signatures(archive).unwrap_or_default() {
        writeln!(out, "{name}: {}", signature.claim())?;
    }
    Ok(())
}

/// Compares the executable with what the manifest says of it.
fn compare_prefix(
    archive: &Archive,
    manifest: &Manifest,
    verified: &Verified,
    problem: &mut dyn FnMut(BundleError),
) {
    let prefix = &manifest.prefix;
    let lengths = [prefix.size, verified.prefix_len].map(grouped);
    check(archive, "the executable's length", lengths, problem);
    let digests = [prefix.sha256, Digest(verified.prefix_digest)].map(|digest| digest.to_string());
    check(archive, "the executable's digest", digests, problem);
}

/// Compares the entries with what the manifest says of them together.
fn compare_content(
    archive: &Archive,
    manifest: &Manifest,
    verified: &Verified,
    problem: &mut dyn FnMut(BundleError),
) {
    let (said, found) = (&manifest.content, verified.content);
    check(archive, "the number of files", [said.files, found.files].map(grouped), problem);
    check(archive, "the size of all files", [said.size, found.size].map(grouped), problem);
    let digests = [said.digest, Digest(found.digest)].map(|digest| digest.to_string());
    check(archive, "the content's digest", digests, problem);
}

fn check(
    archive: &Archive,
    what: &'static str,
    [expected, found]: [String; 2],
    problem: &mut dyn FnMut(BundleError),
) {
    if expected != found {
        let path = archive.path().to_owned();
        problem(BundleError::Mismatch { path, what, expected, found });
    }
}
