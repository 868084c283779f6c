//! One lookup and reading in a running bundle, against other ways to have files at hand.

use std::{collections::HashMap, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use holdall_bundle::EntryPointKind;

use crate::{
    Bench,
    bundles::Recipe,
    content,
    measure::median,
    report::{Goal, Quantity, Row},
    trace,
};

const SIZE_BYTES: usize = 1024;
/// Processes of which the median is taken: where memory lies differs from one to the next.
const PROCESSES: usize = 9;

/// A thousand and a hundred thousand resources.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = among(bench, 1000, 60e-9)?;
    rows.extend(among(bench, 100_000, 150e-9)?);
    Ok(rows)
}

fn among(bench: &Bench, files: usize, limit_s: f64) -> Result<Vec<Row>> {
    let bundle = prepare(bench, files)?;
    let results: Vec<_> = (0..bench.effort.turns(PROCESSES))
        .map(|_| run(bench, &bundle, files))
        .collect::<Result<_>>()?;
    let of = |name: &str| {
        let values: Vec<f64> =
            results.iter().filter_map(|result| result.get(name)).copied().collect();
        (!values.is_empty()).then(|| median(values))
    };
    let nanoseconds = |name: &str| of(name).map(|value| Quantity::Time(value * 1e-9));
    let ours = nanoseconds("holdall").context("the reader printed no time")?;
    let among = format!("among {files}");
    let mut rows = vec![
        Row::new(format!("lookup and read, {among}"), ours)
            .goal(Goal::AtMost(Quantity::Time(limit_s))),
    ];
    for control in ["memory", "include_dir", "rust-embed", "std::fs::read", "zip"] {
        let versus =
            |time| Row::new(format!("lookup and read, {among}"), ours).against(control, time);
        rows.extend(nanoseconds(control).map(versus));
    }
    rows.extend(nanoseconds("first").map(|time| {
        Row::new(format!("first reading of each, checksum and page faults included, {among}"), time)
    }));
    rows.push(never("allocations", &among, of("allocations").unwrap_or(f64::NAN) as u64));
    let calls = trace::calls_between_marks(
        bench.directory,
        &bundle,
        &["quiet".to_owned(), files.to_string()],
    )?;
    rows.extend(calls.map(|calls| never("system calls", &among, calls)));
    Ok(rows)
}

fn never(what: &str, among: &str, count: u64) -> Row {
    Row::new(format!("{what} in 2,000 readings, {among}"), Quantity::Count(count))
        .goal(Goal::AtMost(Quantity::Count(0)))
}

/// A bundle of the program that measures, and the same files loose.
fn prepare(bench: &Bench, files: usize) -> Result<PathBuf> {
    let resources = content::numbered(files, SIZE_BYTES);
    content::write_tree(&loose(bench, files), &resources)?;
    let bundle = bench.directory.join(format!("lookup-{files}"));
    let kind = EntryPointKind::Linked;
    Recipe { prefix: bench.programs.lookup(), kind, payload: None, resources }.write(&bundle)?;
    Ok(bundle)
}

fn loose(bench: &Bench, files: usize) -> PathBuf {
    bench.directory.join(format!("loose-{files}"))
}

/// The `name number` lines of one process.
fn run(bench: &Bench, bundle: &PathBuf, files: usize) -> Result<HashMap<String, f64>> {
    let mut command = Command::new(bundle);
    let output = command.args(["get", &files.to_string()]).arg(loose(bench, files)).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let line = |line: &str| {
        let (name, number) = line.split_once(' ').context("a line without a number")?;
        Ok((name.to_owned(), number.parse()?))
    };
    text.lines().map(line).collect()
}
