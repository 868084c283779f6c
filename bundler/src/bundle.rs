//! `holdall bundle`: the story of a bundle, from the plan to the summary.

use crate::binary;
use crate::cli::BundleArgs;
use crate::code::Code;
use crate::error::Error;
use crate::output::{ClosedFile, NewFile, OwnVerdict};
use crate::pack::{self, PackError};
use crate::plan::Plan;
use crate::prefix::EntryPoint;
use crate::shell::Shell;
use crate::summary::Summary;
use crate::tree::{self, Item};
use holdall_archive::{Name, Writer};
use holdall_bundle::{
    Built, BundleError, Content, Digest, EntryPointKind, MANIFEST_FORMAT, MANIFEST_NAME, Manifest,
    Prefix, ignore_broken_pipe,
};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Makes a bundle.
///
/// # Errors
/// Whatever can go wrong; the file that was there before is untouched then.
pub fn run(args: &BundleArgs, shell: &Shell) -> Result<(), Error> {
    let plan = Plan::new(args)?;
    let code = plan.code.listed_file(args, shell)?;
    let entry_point = EntryPoint::new(code.as_deref(), plan.kind, args.entry.launcher.as_deref())?;
    let items = tree::find(&plan.tree)?;
    check(&plan, &entry_point, &items)?;
    warn(&plan, &items, shell);
    let new = NewFile::create(&plan.output)?;
    shell.status(
        "Packing",
        format_args!("{} into {}", plan.tree.root.display(), new.target().display()),
    );
    write(&plan, &entry_point, &items, new.writer()?, new.target(), shell)?;
    shell.detail("Verifying", new.target().display());
    let closed = new.close()?;
    verify(&closed, &entry_point, shell)?;
    let (output, bundle) = closed.commit()?;
    if shell.verbosity() == crate::shell::Verbosity::Quiet {
        return Ok(());
    }
    print(&Summary::new(&bundle, &output)?)
}

/// Refuses what can't be served as the plan says.
pub(crate) fn check(plan: &Plan, entry_point: &EntryPoint, items: &[Item]) -> Result<(), Error> {
    if let Some(served) = &plan.served {
        served.check_kind(entry_point.kind)?;
        served.check_resources(items)?;
    }
    Ok(())
}

/// Says what may be a mistake.
pub(crate) fn warn(plan: &Plan, items: &[Item], shell: &Shell) {
    const SHOWN: usize = 5;
    let clashes = tree::case_clashes(items);
    for (one, other) in clashes.iter().take(SHOWN) {
        shell.warn(format_args!("{one:?} and {other:?} differ in case alone"));
    }
    if clashes.len() > SHOWN {
        shell.warn(format_args!("{} more names differ in case alone", clashes.len() - SHOWN));
    }
    if items.is_empty() {
        let hint = match plan.code {
            Code::Cargo(..) => "; name them in `include` of [package.metadata.holdall.resources]",
            _ => "",
        };
        shell.warn(format_args!("{} has no resources{hint}", plan.tree.root.display()));
    }
}

/// Writes everything into `file`, the path of which is for messages.
pub(crate) fn write(
    plan: &Plan,
    entry_point: &EntryPoint,
    items: &[Item],
    file: File,
    path: &Path,
    shell: &Shell,
) -> Result<(), Error> {
    let size = items.iter().map(Item::size).sum();
    let mut writer =
        Writer::new(file, path, &entry_point.prefix, plan.time).map_err(PackError::Write)?;
    let mut manifest = manifest(plan, entry_point, &writer);
    manifest.content = largest_content(plan, entry_point, items)?;
    manifest
        .check()
        .map_err(|source| BundleError::Manifest { path: plan.output.clone(), source })?;
    let length = manifest.to_json().len();
    let reserved = writer
        .reserve(manifest_name()?, 0o644, "application/json", length as u64)
        .map_err(PackError::Write)?;
    if let Some(payload) = &entry_point.payload {
        pack::pack_payload(&mut writer, &payload.name, &payload.path)?;
    }
    let progress = shell.progress(size);
    pack::pack(&mut writer, items, &plan.packing, &progress)?;
    progress.finish_and_clear();
    let content = writer.content();
    manifest.content =
        Content { files: content.files, size: content.size, digest: Digest(content.digest) };
    let mut json = manifest.to_json();
    // Smaller numbers have fewer digits; space after the end is nothing to JSON.
    json.resize(length, b'\n');
    writer.fill(reserved, &json).map_err(PackError::Write)?;
    writer.finish().map_err(PackError::Write)?;
    Ok(())
}

fn manifest_name() -> Result<Name<'static>, PackError> {
    Name::new(MANIFEST_NAME)
        .map_err(|source| PackError::Name { name: MANIFEST_NAME.to_owned(), source })
}

/// The manifest as far as it is known before anything is packed.
fn manifest(plan: &Plan, entry_point: &EntryPoint, writer: &Writer) -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT,
        name: plan.name.clone(),
        version: plan.version.clone(),
        entry_point: holdall_bundle::EntryPoint {
            kind: entry_point.kind,
            payload: entry_point.payload.as_ref().map(|payload| payload.name.clone()),
        },
        about: plan.about.clone(),
        arguments: plan.arguments.clone(),
        environment: plan.environment.clone(),
        serving: plan.served.as_ref().map(|served| served.serving().clone()),
        built: Built {
            by: concat!("holdall ", env!("CARGO_PKG_VERSION")).to_owned(),
            target: binary::triple(entry_point.architecture),
        },
        prefix: Prefix { size: writer.archive_offset(), sha256: Digest(writer.prefix_digest()) },
        content: Content { files: 0, size: 0, digest: Digest([0; 32]) },
    }
}

/// What there can be at most: a file that changes its size is an error anyway, and each variant is
/// smaller than its resource.
fn largest_content(
    plan: &Plan,
    entry_point: &EntryPoint,
    items: &[Item],
) -> Result<Content, Error> {
    let copies = 1 + plan.packing.variants.count() as u64;
    let mut files = copies * items.iter().filter(|item| item.stamp.is_some()).count() as u64;
    let mut size = copies * items.iter().map(Item::size).sum::<u64>();
    if let Some(payload) = &entry_point.payload {
        let metadata = std::fs::metadata(&payload.path);
        let path = || payload.path.clone();
        size += metadata.map_err(|source| PackError::Read { path: path(), source })?.len();
        files += 1;
    }
    Ok(Content { files, size, digest: Digest([0; 32]) })
}

/// Has the new file verify itself; what can't run here, or is not our launcher, is checked by us.
fn verify(closed: &ClosedFile, entry_point: &EntryPoint, shell: &Shell) -> Result<(), Error> {
    if !entry_point.runs_here() {
        shell.detail("Skipping", "its own --verify: it is for another machine");
        return Ok(closed.check()?);
    }
    match closed.run()? {
        OwnVerdict::Right if entry_point.kind != EntryPointKind::Linked => return Ok(()),
        OwnVerdict::Right => {}
        OwnVerdict::Unknown(reason) => {
            shell.warn(format_args!("the new file was checked, but not by itself: {reason}"));
        }
    }
    Ok(closed.check()?)
}

fn print(summary: &Summary) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let printed = write!(out, "{summary}").and_then(|()| out.flush());
    ignore_broken_pipe(printed).map_err(Error::Stdout)
}
