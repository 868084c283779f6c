//! Opening a bundle of a million resources: nothing is read but what the first one needs.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use holdall_bundle::EntryPointKind;
use rustix::fs::Advice;

use crate::{
    Bench,
    bundles::Recipe,
    content,
    measure::median,
    report::{Goal, Quantity, Row},
};

const SIZE_BYTES: usize = 100;

/// Warm, then cold, each beside the `zip` crate.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let files = bench.effort.files(1_000_000);
    let bundle = bench.directory.join("million");
    let resources = content::numbered(files, SIZE_BYTES);
    let kind = EntryPointKind::Linked;
    Recipe { prefix: bench.programs.lookup(), kind, payload: None, resources }.write(&bundle)?;
    let warm = compare(bench, &bundle, files, Cache::Warm)?;
    let cold = compare(bench, &bundle, files, Cache::Cold)?;
    let row = |state, [ours, zip]: [f64; 2], limit_s| {
        Row::new(format!("open and read among {files}, {state}"), Quantity::Time(ours))
            .against("zip", Quantity::Time(zip))
            .goal(Goal::AtMost(Quantity::Time(limit_s)))
    };
    Ok(vec![row("warm", warm, 100e-6), row("cold", cold, 3e-3)])
}

/// Whether the file is in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cache {
    Warm,
    Cold,
}

/// Medians in seconds: ours, and the `zip` crate's.
fn compare(bench: &Bench, bundle: &Path, files: usize, cache: Cache) -> Result<[f64; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..bench.effort.turns(20) {
        // Another name each time, so that no turn finds the pages of the one before.
        let name = format!("data/{:07}.txt", turn * 7919 % files);
        for (times, way) in times.iter_mut().zip(["open", "zip"]) {
            // The control takes seconds: every fourth turn is enough.
            if way == "zip" && turn % 4 != 0 {
                continue;
            }
            if cache == Cache::Cold {
                evict(bundle, fs::metadata(bench.programs.lookup())?.len())?;
            }
            times.push(time(bundle, way, &name)?);
        }
    }
    let [ours, zip] = times;
    Ok([median(ours), median(zip)])
}

/// Seconds, as the program itself measures them.
fn time(bundle: &Path, way: &str, name: &str) -> Result<f64> {
    let output = Command::new(bundle).args([way, name]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let nanoseconds: f64 = text.trim().parse().context("the program printed no time")?;
    Ok(nanoseconds * 1e-9)
}

/// Takes a bundle out of the page cache, but not the program at its head: that must run before any
/// archive can be opened.
fn evict(bundle: &Path, program_len: u64) -> Result<()> {
    Ok(rustix::fs::fadvise(File::open(bundle)?, program_len, None, Advice::DontNeed)?)
}
