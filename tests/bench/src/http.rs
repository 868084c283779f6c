//! `holdall-bench http`: a site beside nginx, Caddy and hyper alone, in turns, in one run.

mod cells;
mod certificate;
mod curl;
mod exchange;
mod options;
mod peers;
mod requests;
mod running;
mod site;
mod table;
mod turns;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{cores::Cores, programs::Programs, report::Verdict};

pub use options::Options;

use cells::Cell;
use peers::Peer;
use site::Site;
use turns::Medians;

/// What is there for every cell.
struct Ground<'a> {
    programs: &'a Programs,
    cores: Cores,
    /// Where anything may be written.
    directory: &'a Path,
    site: Site,
    /// Key and certificate.
    pem: PathBuf,
}

/// A cell, and what each peer did in it.
struct Measured {
    cell: &'static Cell,
    peers: Vec<Medians>,
}

/// Measures the cells and prints their table.
pub fn run(options: &Options, programs: &Programs) -> Result<()> {
    if !options.built {
        programs.build_for_http()?;
    }
    let directory = programs.scratch()?;
    let ground = Ground::prepare(programs, directory.path())?;
    let mut measured = Vec::new();
    for &cell in &options.cells {
        eprintln!("{}", cell.name);
        let peers = turns::medians(cell, &ground, options.effort);
        measured
            .push(Measured { cell, peers: peers.with_context(|| format!("in {}", cell.name))? });
    }
    table::print(&measured);
    Ok(())
}

impl<'a> Ground<'a> {
    fn prepare(programs: &'a Programs, directory: &'a Path) -> Result<Self> {
        Ok(Ground {
            programs,
            cores: Cores::of_process()?,
            directory,
            site: Site::write(programs, directory)?,
            pem: certificate::write(directory)?,
        })
    }
}

impl Measured {
    fn cost(&self, peer: Peer) -> Option<f64> {
        self.peers.iter().find(|medians| medians.peer == peer).map(|medians| medians.cost)
    }

    /// Our cost as a multiple of the peer's.
    fn ratio(&self, peer: Peer) -> Option<f64> {
        Some(self.cost(Peer::Ours)? / self.cost(peer)?)
    }

    /// What the ratio should be, at most.
    fn goal(&self, peer: Peer) -> Option<f64> {
        match peer {
            Peer::Nginx => self.cell.goals.nginx,
            Peer::Hyper => self.cell.goals.hyper,
            Peer::Ours | Peer::Caddy => None,
        }
    }

    fn verdict(&self, peer: Peer) -> Verdict {
        match (self.goal(peer), self.ratio(peer)) {
            (None, _) => Verdict::Unjudged,
            (Some(goal), Some(ratio)) if ratio <= goal => Verdict::Pass,
            _ => Verdict::Miss,
        }
    }
}
