//! What the user can ask for.

use anyhow::{Result, bail};
use lexopt::{Arg, ValueExt};

use crate::{
    figures::{FIGURES, Figure},
    http,
};

/// What the user asked for.
#[derive(Debug)]
pub enum Task {
    /// The figures of docs/performance.md.
    Figures(Options),
    /// A site beside other servers.
    Http(http::Options),
}

/// What to measure, and how long.
#[derive(Debug)]
pub struct Options {
    /// The figures, in the order of the document.
    pub figures: Vec<&'static Figure>,
    /// How thoroughly.
    pub effort: Effort,
    /// Whether to ask for real-time priority.
    pub priority: bool,
    /// Whether to take the programs as they were built before.
    pub built: bool,
}

/// How thoroughly to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Enough repetitions for numbers to be quoted.
    Full,
    /// A few repetitions and smaller trees: shows that everything runs.
    Quick,
}

impl Effort {
    /// How many turns to take, where a full measurement takes `full`.
    pub fn turns(self, full: usize) -> usize {
        match self {
            Effort::Full => full,
            Effort::Quick => full.div_ceil(10),
        }
    }

    /// How many files to make, where a full measurement has `full`.
    pub fn files(self, full: usize) -> usize {
        self.turns(full)
    }
}

impl Task {
    /// Understands the command line; `None` if it only asked for help.
    pub fn parse(mut arguments: lexopt::Parser) -> Result<Option<Task>> {
        if arguments.raw_args()?.peek().is_some_and(|word| word == "http") {
            arguments.value()?;
            return Ok(http::Options::parse(&mut arguments)?.map(Task::Http));
        }
        Ok(Options::parse(arguments)?.map(Task::Figures))
    }
}

impl Options {
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Options>> {
        let mut options =
            Options { figures: Vec::new(), effort: Effort::Full, priority: false, built: false };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("quick") => options.effort = Effort::Quick,
                Arg::Long("no-build") => options.built = true,
                Arg::Long("priority") => options.priority = true,
                Arg::Long("help") | Arg::Short('h') => {
                    print_help();
                    return Ok(None);
                }
                Arg::Value(name) => options.figures.push(figure(&name.string()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        if options.figures.is_empty() {
            options.figures = FIGURES.iter().collect();
        }
        Ok(Some(options))
    }
}

fn figure(name: &str) -> Result<&'static Figure> {
    match FIGURES.iter().find(|figure| figure.name == name) {
        Some(figure) => Ok(figure),
        None => bail!("there is no figure {name:?}: see --help"),
    }
}

fn print_help() {
    println!("usage: holdall-bench [--quick] [--priority] [--no-build] [FIGURE]...");
    println!("       holdall-bench http --help\n");
    println!("  --quick     few repetitions, small trees");
    println!("  --no-build  measure the programs as they were built before");
    println!("  --priority  ask for real-time priority (a busy machine disturbs less)\n");
    println!("figures (all if none is named):");
    for figure in FIGURES {
        println!("  {:<10}  {}", figure.name, figure.title);
    }
}
