//! Start to first resource: `linked`, `exec` and `plugin` against the same program on its own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use holdall_bundle::EntryPointKind;

use crate::{
    Bench,
    bundles::{FIRST, Recipe, Resource},
    content,
    measure::{Cost, in_turns, program},
    report::{Goal, Quantity, Row},
};

/// What `linked` may cost, as a multiple of the program on its own.
const LINKED_LIMIT: f64 = 1.06;
/// What `exec` and `plugin` may cost more: once, and for each megabyte of payload.
const COPY_ONCE_S: f64 = 0.5e-3;
const COPY_PER_MEGABYTE_S: f64 = 0.7e-3;
/// What a hundred thousand resources may cost against three.
const MANY_LIMIT: f64 = 1.05;

const MEGABYTES: [usize; 3] = [1, 10, 100];

/// The three entry points, with 1, 10 and 100 MB.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    content::write_tree(bench.directory, &[content::first()])?;
    let mut rows = Vec::new();
    for megabytes in MEGABYTES {
        rows.extend(linked(bench, megabytes)?);
    }
    for megabytes in MEGABYTES {
        rows.push(exec(bench, megabytes)?);
    }
    for megabytes in MEGABYTES {
        rows.push(plugin(bench, megabytes)?);
    }
    Ok(rows)
}

/// Three resources against a hundred thousand.
pub fn measure_many(bench: &Bench) -> Result<Vec<Row>> {
    let few = linked_bundle(bench, "few", content::first_and_filler(2))?;
    let files = bench.effort.files(100_000);
    let mut resources = vec![content::first()];
    resources.extend(content::numbered(files - 1, 100));
    let many = linked_bundle(bench, "many", resources)?;
    let [few, many] = compare(bench, 300, || Command::new(&few), || Command::new(&many))?;
    let row = Row::new(format!("linked, {files} resources"), Quantity::Time(many.cpu_s))
        .against("3 resources", Quantity::Time(few.cpu_s))
        .goal(Goal::Ratio(MANY_LIMIT));
    Ok(vec![row])
}

/// The reader with its resources behind it, against the reader and a loose file.
fn linked(bench: &Bench, megabytes: usize) -> Result<[Row; 2]> {
    let resources = content::first_and_filler(megabytes);
    let bundle = linked_bundle(bench, &format!("linked-{megabytes}"), resources)?;
    let [naked, bundled] =
        compare(bench, 300, || loose(bench, &bench.programs.reader()), || Command::new(&bundle))?;
    let row = |unit: &str, measured, control| {
        Row::new(format!("linked, {megabytes} MB{unit}"), Quantity::Time(measured))
            .against("loose file", Quantity::Time(control))
            .goal(Goal::Ratio(LINKED_LIMIT))
    };
    Ok([
        row("", bundled.cpu_s, naked.cpu_s),
        row(", wall clock", bundled.wall_s, naked.wall_s).goal(Goal::None),
    ])
}

/// The reader in memory, started by the launcher, against the reader of the same size.
fn exec(bench: &Bench, megabytes: usize) -> Result<Row> {
    let payload = padded(bench, &bench.programs.reader(), megabytes)?;
    let bundle = bench.directory.join(format!("exec-{megabytes}"));
    Recipe {
        prefix: bench.programs.static_launcher(),
        kind: EntryPointKind::Exec,
        payload: Some(payload.clone()),
        resources: vec![content::first()],
    }
    .write(&bundle)?;
    let costs =
        compare(bench, copies(megabytes), || loose(bench, &payload), || Command::new(&bundle))?;
    Ok(copied("exec", megabytes, "naked program", costs))
}

/// The plug-in in memory, loaded by the launcher, against a program that loads it from a file.
fn plugin(bench: &Bench, megabytes: usize) -> Result<Row> {
    let payload = padded(bench, &bench.programs.plugin(), megabytes)?;
    let bundle = bench.directory.join(format!("plugin-{megabytes}"));
    Recipe {
        prefix: bench.programs.dynamic_launcher(),
        kind: EntryPointKind::Plugin,
        payload: Some(payload.clone()),
        resources: vec![content::first()],
    }
    .write(&bundle)?;
    let host = || {
        let mut command = Command::new(bench.programs.host());
        command.arg(&payload).arg(bench.directory);
        command
    };
    let launcher = || {
        let mut command = Command::new(&bundle);
        command.arg("--port=tcp:0:interface=127.0.0.1");
        command
    };
    let costs = compare(bench, copies(megabytes), host, launcher)?;
    Ok(copied("plugin", megabytes, "naked host", costs))
}

fn copied(kind: &str, megabytes: usize, control: &str, [naked, bundled]: [Cost; 2]) -> Row {
    let allowed = COPY_ONCE_S + COPY_PER_MEGABYTE_S * megabytes as f64;
    Row::new(format!("{kind}, payload {megabytes} MB"), Quantity::Time(bundled.cpu_s))
        .against(control, Quantity::Time(naked.cpu_s))
        .goal(Goal::Added(Quantity::Time(allowed)))
}

/// Copying takes longer the more there is; a hundred megabytes are as clear after fewer turns.
fn copies(megabytes: usize) -> usize {
    if megabytes < 100 { 200 } else { 40 }
}

fn compare(
    bench: &Bench,
    turns: usize,
    control: impl Fn() -> Command,
    measured: impl Fn() -> Command,
) -> Result<[Cost; 2]> {
    let costs = in_turns(&[program(control), program(measured)], bench.effort.turns(turns))?;
    Ok([costs[0], costs[1]])
}

fn linked_bundle(bench: &Bench, name: &str, resources: Vec<Resource>) -> Result<PathBuf> {
    let bundle = bench.directory.join(name);
    let kind = EntryPointKind::Linked;
    Recipe { prefix: bench.programs.reader(), kind, payload: None, resources }.write(&bundle)?;
    Ok(bundle)
}

fn padded(bench: &Bench, code: &Path, megabytes: usize) -> Result<PathBuf> {
    let name = code.file_name().unwrap_or_default().to_string_lossy().into_owned();
    content::padded(code, megabytes, bench.directory.join(format!("{name}-{megabytes}")))
}

/// A program that reads the loose first resource.
fn loose(bench: &Bench, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(bench.directory.join(FIRST));
    command
}
