//! `holdall-bench http`: a site beside nginx, Caddy and hyper alone, in turns, in one run.

mod cells;
mod certificate;
mod chart;
mod curl;
mod exchange;
mod handshakes;
mod idle;
mod options;
mod peers;
mod requests;
mod running;
mod script;
mod site;
mod start;
mod table;
mod turns;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::{
    cores::Cores,
    programs::Programs,
    report::{Quantity, Verdict},
};

pub use options::Options;

use cells::{Cell, Kind};
use peers::Peer;
use site::Site;
use turns::Medians;

/// What is there for every cell.
pub struct Ground<'a> {
    programs: &'a Programs,
    cores: Cores,
    /// Where anything may be written.
    directory: &'a Path,
    site: Site,
    /// Key and certificate.
    pem: PathBuf,
    /// What wrk asks for many files with.
    script: PathBuf,
}

/// A cell, and what each peer did in it.
pub struct Measured {
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
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for &cell in &options.cells {
        eprintln!("{}", cell.name);
        match turns::medians(cell, &ground, options.effort) {
            Ok(peers) => measured.push(Measured { cell, peers }),
            Err(error) => failed.push(format!("{}: {error:#}", cell.name)),
        }
    }
    table::print(&measured);
    options.svg.as_deref().map_or(Ok(()), |path| chart::write(&measured, path))?;
    ensure!(failed.is_empty(), "can't be measured:\n{}", failed.join("\n"));
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
            script: script::write(directory)?,
        })
    }
}

impl Measured {
    /// What the cost of the peer is, with its unit.
    fn quantity(&self, peer: Peer) -> Option<Quantity> {
        let cost = self.cost(peer)?;
        Some(match self.cell.kind {
            Kind::Idle => Quantity::Size(cost as u64),
            _ => Quantity::Time(cost),
        })
    }

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
