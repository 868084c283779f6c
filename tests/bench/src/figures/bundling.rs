//! Packing a tree: `holdall bundle` against Info-ZIP's best.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use holdall_archive::Archive;

use crate::{
    Bench, content,
    measure::{Cost, in_turns, program},
    report::{Goal, Quantity, Row},
};

/// A site of ordinary files, and one of very many small ones.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = compare(bench, bench.effort.files(1000), 1.0, 9)?;
    rows.extend(compare(bench, bench.effort.files(50_000), 0.04, 5)?);
    Ok(rows)
}

/// A tree of `files` files whose typical sizes are scaled by `scale`.
fn compare(bench: &Bench, files: usize, scale: f64, turns: usize) -> Result<Vec<Row>> {
    let tree = bench.directory.join(format!("tree-{files}"));
    let resources = content::site(files, scale);
    let size: usize = resources.iter().map(|(_, content)| content.len()).sum();
    content::write_tree(&tree, &resources)?;
    drop(resources);
    let (bundle, zip) = (bench.directory.join("site"), bench.directory.join("site.zip"));
    let costs = in_turns(
        &[
            Box::new(|| {
                // An archive that is there would be updated, not made.
                if zip.exists() {
                    fs::remove_file(&zip)?;
                }
                crate::measure::run(&mut zip_command(&tree, &zip))
            }),
            program(|| bundle_command(bench, &tree, &bundle)),
        ],
        bench.effort.turns(turns),
    )
    .context("this figure needs Info-ZIP's zip")?;
    let what = format!("{files} files, {:.1} MB", size as f64 / 1e6);
    Ok(rows(&what, [costs[0], costs[1]], [archive_len(&bundle)?, fs::metadata(&zip)?.len()]))
}

fn rows(what: &str, [zip, ours]: [Cost; 2], [our_len, zip_len]: [u64; 2]) -> Vec<Row> {
    let row = |unit: &str, measured, control| {
        Row::new(format!("{what}: {unit}"), measured).against("zip -9", control)
    };
    vec![
        row("wall clock", Quantity::Time(ours.wall_s), Quantity::Time(zip.wall_s))
            .goal(Goal::Ratio(1.0)),
        row("processor time", Quantity::Time(ours.cpu_s), Quantity::Time(zip.cpu_s)),
        row("archive", Quantity::Size(our_len), Quantity::Size(zip_len)).goal(Goal::Ratio(1.0)),
    ]
}

/// The length of what stands behind the launcher, index included.
fn archive_len(bundle: &Path) -> Result<u64> {
    let archive = Archive::open(bundle)?;
    Ok(archive.file_len() - archive.archive_offset()?)
}

fn bundle_command(bench: &Bench, tree: &Path, bundle: &PathBuf) -> Command {
    let mut command = Command::new(bench.programs.holdall());
    command.args(["bundle", "--quiet"]).arg(tree).arg("--output").arg(bundle);
    command
}

fn zip_command(tree: &Path, zip: &Path) -> Command {
    let mut command = Command::new("zip");
    command.args(["-9", "-q", "-r"]).arg(zip).arg(".").current_dir(tree);
    command
}
