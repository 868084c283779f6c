//! What the user can ask for.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use lexopt::{Arg, Parser, ValueExt};

use super::{
    cells::{self, CELLS, Cell},
    peers::Peer,
    turns::Effort,
};

const FULL: Effort = Effort { rounds: 5, duration: Duration::from_secs(2) };
const QUICK: Effort = Effort { rounds: 1, duration: Duration::from_secs(1) };

/// What to measure, and how long.
#[derive(Debug)]
pub struct Options {
    /// In the order of the table.
    pub cells: Vec<&'static Cell>,
    pub effort: Effort,
    /// Whether to take the programs as they were built before.
    pub built: bool,
    /// In the order of the table.
    pub peers: Vec<Peer>,
    /// What the bundle begins with, if not with what the bundler has.
    pub launcher: Option<PathBuf>,
    /// Where the picture goes.
    pub svg: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            cells: CELLS.iter().collect(),
            effort: FULL,
            built: false,
            peers: Peer::ALL.to_vec(),
            launcher: None,
            svg: None,
        }
    }
}

impl Options {
    /// Understands the command line behind `http`; `None` if it only asked for help.
    pub fn parse(arguments: &mut Parser) -> Result<Option<Options>> {
        let mut options = Options::default();
        let mut cells = Vec::new();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("help") | Arg::Short('h') => {
                    print_help();
                    return Ok(None);
                }
                Arg::Long("quick") => options.effort = QUICK,
                Arg::Long("rounds") => options.effort.rounds = arguments.value()?.parse()?,
                Arg::Long("seconds") => {
                    options.effort.duration = Duration::from_secs(arguments.value()?.parse()?);
                }
                Arg::Long("servers") => options.peers = peers(&arguments.value()?.string()?)?,
                Arg::Long("launcher") => options.launcher = Some(arguments.value()?.into()),
                Arg::Long("svg") => options.svg = Some(arguments.value()?.into()),
                Arg::Long("no-build") => options.built = true,
                Arg::Value(name) => cells.push(cells::find(&name.string()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        if !cells.is_empty() {
            options.cells = cells;
        }
        Ok(Some(options))
    }
}

/// Names with commas between them.
fn peers(names: &str) -> Result<Vec<Peer>> {
    let peer = |name: &str| {
        let found = Peer::ALL.into_iter().find(|peer| peer.name().eq_ignore_ascii_case(name));
        found.with_context(|| format!("there is no server {name:?}: see http --help"))
    };
    names.split(',').map(peer).collect()
}

fn print_help() {
    println!("usage: holdall-bench http [OPTION]... [CELL]...\n");
    println!("  --rounds COUNT   turns of each server in each cell (5)");
    println!("  --seconds COUNT  of load in each turn (2)");
    println!("  --quick          one turn of one second");
    println!("  --servers LIST   of these only (holdall,nginx,caddy,hyper)");
    println!("  --launcher FILE  bundle with this launcher");
    println!("  --svg FILE       draw the costs");
    println!("  --no-build       measure the programs as they were built before\n");
    println!("cells (all if none is named):");
    for cell in CELLS {
        println!("  {:<11}  {}", cell.name, cell.title);
    }
}
