//! Measures what docs/performance.md promises: each figure beside its control, in turns, in one run.

mod bundles;
mod content;
mod cores;
mod figures;
mod http;
mod load;
mod markdown;
mod measure;
mod options;
mod processes;
mod programs;
mod report;
mod server;
mod trace;

use std::path::Path;

use anyhow::{Context, Result};

use options::{Effort, Options, Task};
use programs::Programs;
use report::Verdict;

/// What every figure needs.
struct Bench<'a> {
    programs: &'a Programs,
    effort: Effort,
    /// Where the figure may write; empty at first, gone at the end.
    directory: &'a Path,
}

fn main() -> Result<()> {
    let programs = Programs::beside_this()?;
    match Task::parse(lexopt::Parser::from_env())? {
        Some(Task::Figures(options)) => measure_figures(&options, &programs),
        Some(Task::Http(options)) => http::run(&options, &programs),
        None => Ok(()),
    }
}

fn measure_figures(options: &Options, programs: &Programs) -> Result<()> {
    if !options.built {
        programs.build()?;
    }
    if options.priority {
        measure::ask_for_priority().context("can't have real-time priority")?;
    }
    let mut verdicts = Vec::new();
    for figure in &options.figures {
        let directory = programs.scratch()?;
        let bench = Bench { programs, effort: options.effort, directory: directory.path() };
        let rows = (figure.measure)(&bench).with_context(|| format!("in {}", figure.name))?;
        report::print(figure.title, &rows);
        verdicts.extend(rows.iter().map(report::Row::verdict));
    }
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    println!("\n{} goals reached, {} missed", count(Verdict::Pass), count(Verdict::Miss));
    Ok(())
}
