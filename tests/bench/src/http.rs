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
    measure::median,
    programs::Programs,
    report::{Quantity, Verdict},
};

pub use options::Options;

use cells::{Cell, Kind};
use peers::Peer;
use site::Site;
use turns::Course;

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
    courses: Vec<Course>,
}

/// Measures the cells and prints their table.
pub fn run(options: &Options, programs: &Programs) -> Result<()> {
    if !options.built {
        programs.build_for_http()?;
    }
    let directory = programs.scratch()?;
    let ground = Ground::prepare(programs, directory.path(), options.launcher.as_deref())?;
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for &cell in &options.cells {
        eprintln!("{}", cell.name);
        match turns::take(cell, &ground, options) {
            Ok(courses) => measured.push(Measured { cell, courses }),
            Err(error) => failed.push(format!("{}: {error:#}", cell.name)),
        }
    }
    table::print(&measured);
    options.svg.as_deref().map_or(Ok(()), |path| chart::write(&measured, path))?;
    ensure!(failed.is_empty(), "can't be measured:\n{}", failed.join("\n"));
    Ok(())
}

impl<'a> Ground<'a> {
    fn prepare(
        programs: &'a Programs,
        directory: &'a Path,
        launcher: Option<&Path>,
    ) -> Result<Self> {
        Ok(Ground {
            programs,
            cores: Cores::of_process()?,
            directory,
            site: Site::write(programs, directory, launcher)?,
            pem: certificate::write(directory)?,
            script: script::write(directory)?,
        })
    }
}

impl Measured {
    fn course(&self, peer: Peer) -> Option<&Course> {
        self.courses.iter().find(|course| course.peer == peer)
    }

    /// What the cost of a peer is, with its unit.
    fn cost(&self, peer: Peer) -> Option<Quantity> {
        let cost = self.course(peer)?.cost();
        Some(match self.cell.kind {
            Kind::Idle => Quantity::Size(cost as u64),
            _ => Quantity::Time(cost),
        })
    }

    /// Our cost as a multiple of a peer's: the median, the least and the most.
    fn ratio(&self, peer: Peer) -> Option<[f64; 3]> {
        let ratios = self.course(Peer::Ours)?.ratios(self.course(peer)?);
        let least = ratios.iter().copied().reduce(f64::min)?;
        let most = ratios.iter().copied().reduce(f64::max)?;
        Some([median(ratios), least, most])
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
            (Some(goal), Some([ratio, ..])) if ratio <= goal => Verdict::Pass,
            (Some(_), Some(_)) => Verdict::Miss,
            _ => Verdict::Unjudged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_turn_by_turn() {
        let courses = vec![
            Course::of(Peer::Ours, &[2.0, 6.0, 1.0]),
            Course::of(Peer::Nginx, &[4.0, 8.0, 4.0]),
        ];
        let measured = Measured { cell: cells::find("14b").unwrap(), courses };
        assert_eq!(measured.ratio(Peer::Nginx), Some([0.5, 0.25, 0.75]));
        assert_eq!(measured.verdict(Peer::Nginx), Verdict::Pass);
        assert_eq!(measured.verdict(Peer::Hyper), Verdict::Unjudged);
    }
}
