//! What the user can ask for.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use lexopt::{Arg, Parser, ValueExt};

use super::{
    cells::{CELLS, Cell, find},
    turns::Effort,
};

/// What to measure, and how long.
#[derive(Debug)]
pub struct Options {
    /// In the order of the table.
    pub cells: Vec<&'static Cell>,
    pub effort: Effort,
    /// Whether to take the programs as they were built before.
    pub built: bool,
    /// Where the picture goes.
    pub svg: Option<PathBuf>,
}

impl Options {
    /// Understands the command line behind `http`; `None` if it only asked for help.
    pub fn parse(arguments: &mut Parser) -> Result<Option<Options>> {
        let effort = Effort { rounds: 5, duration: Duration::from_secs(2) };
        let mut options = Options { cells: Vec::new(), effort, built: false, svg: None };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("quick") => {
                    options.effort = Effort { rounds: 1, duration: Duration::from_secs(1) };
                }
                Arg::Long("rounds") => options.effort.rounds = arguments.value()?.parse()?,
                Arg::Long("seconds") => {
                    options.effort.duration = Duration::from_secs(arguments.value()?.parse()?);
                }
                Arg::Long("svg") => options.svg = Some(arguments.value()?.into()),
                Arg::Long("no-build") => options.built = true,
                Arg::Long("help") | Arg::Short('h') => {
                    print_help();
                    return Ok(None);
                }
                Arg::Value(name) => options.cells.push(find(&name.string()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        if options.cells.is_empty() {
            options.cells = CELLS.iter().collect();
        }
        Ok(Some(options))
    }
}

fn print_help() {
    println!("usage: holdall-bench http [OPTION]... [CELL]...\n");
    println!("  --rounds COUNT   turns of each server in each cell (5)");
    println!("  --seconds COUNT  of load in each turn (2)");
    println!("  --quick          one turn of one second");
    println!("  --svg FILE       draw the costs");
    println!("  --no-build       measure the programs as they were built before\n");
    println!("cells (all if none is named):");
    for cell in CELLS {
        println!("  {:<10}  {}", cell.name, cell.title);
    }
}
