//! The first run of a new file against its second: nothing is unpacked, cached or written.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use holdall_bundle::EntryPointKind;

use crate::{
    Bench,
    bundles::{FIRST, Recipe},
    content,
    measure::{Cost, medians, run},
    report::{Goal, Quantity, Row},
    trace,
};

/// What a first run may cost more than it does for a program that has nothing of holdall: a new
/// file is new to the kernel, too.
const NO_DIFFERENCE: f64 = 1.10;

/// A bundle and how it is made to read its first resource.
struct Subject {
    name: &'static str,
    bundle: PathBuf,
    arguments: Vec<String>,
}

/// `linked`, `exec`, `plugin` and `site`, after the naked program.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    content::write_tree(bench.directory, &[content::first()])?;
    let loose = bench.directory.join(FIRST);
    let naked = Subject {
        name: "naked",
        bundle: bench.programs.naked(),
        arguments: vec![loose.to_string_lossy().into_owned()],
    };
    let row = |name: &str, [first, second]: [Cost; 2]| {
        Row::new(format!("{name}, first run"), Quantity::Time(first.cpu_s))
            .against("second run", Quantity::Time(second.cpu_s))
    };
    let costs = compare(bench, &naked)?;
    let usual = costs[0].cpu_s / costs[1].cpu_s;
    let mut rows = vec![row(naked.name, costs)];
    for subject in subjects(bench)? {
        let goal = Goal::Ratio(usual.max(1.0) * NO_DIFFERENCE);
        rows.push(row(subject.name, compare(bench, &subject)?).goal(goal));
        let made = trace::creations(bench.directory, &subject.bundle, &subject.arguments)?;
        rows.extend(made.map(|made| {
            Row::new(format!("{}, files it creates", subject.name), Quantity::Count(made))
                .goal(Goal::AtMost(Quantity::Count(0)))
        }));
    }
    Ok(rows)
}

fn subjects(bench: &Bench) -> Result<Vec<Subject>> {
    use EntryPointKind::{Exec, Linked, Plugin, Site};
    let programs = bench.programs;
    let (fixed, dynamic) = (programs.static_launcher(), programs.dynamic_launcher());
    let (reader, plugin) = (programs.reader(), programs.plugin());
    let port: &[&str] = &["--port=tcp:0:interface=127.0.0.1"];
    [
        ("linked", Linked, reader.clone(), None, &[][..]),
        ("exec", Exec, fixed.clone(), Some(reader), &[]),
        ("plugin", Plugin, dynamic, Some(plugin), port),
        ("site", Site, fixed, None, &["--cat-resource", FIRST]),
    ]
    .into_iter()
    .map(|(name, kind, prefix, payload, arguments)| {
        let bundle = bench.directory.join(name);
        let resources = content::first_and_filler(1);
        Recipe { prefix, kind, payload, resources }.write(&bundle)?;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Ok(Subject { name, bundle, arguments })
    })
    .collect()
}

fn compare(bench: &Bench, subject: &Subject) -> Result<[Cost; 2]> {
    let mut costs = [Vec::new(), Vec::new()];
    for turn in 0..bench.effort.turns(100) {
        let copy = bench.directory.join(format!("{}-{turn}", subject.name));
        fs::copy(&subject.bundle, &copy)?;
        for costs in &mut costs {
            costs.push(run(&mut command(&copy, &subject.arguments))?);
        }
        fs::remove_file(&copy)?;
    }
    Ok([medians(&costs[0]), medians(&costs[1])])
}

fn command(bundle: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(bundle);
    command.args(arguments);
    command
}
