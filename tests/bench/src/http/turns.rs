//! All peers in turns, so that whatever slows the machine down meets each of them.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::{load::Latency, measure::median};

use super::{
    Ground, Options,
    cells::{Cell, Kind},
    idle,
    peers::Peer,
};

/// How often, and how long each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How many turns each server has.
    pub rounds: usize,
    /// Of load in each of them.
    pub duration: Duration,
}

/// What a server did in a turn.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// In seconds for each request, mostly.
    pub cost: f64,
    /// How often in a second.
    pub rate: Option<f64>,
    pub latency: Option<Latency>,
    /// At the end.
    pub resident_bytes: Option<u64>,
}

/// What a server did in all of its turns.
#[derive(Debug, Clone)]
pub struct Course {
    pub peer: Peer,
    turns: Vec<Turn>,
}

/// A B C D, and the next time the other way round: what gets slower or faster all the while favours
/// none of them.
pub fn take(cell: &Cell, ground: &Ground, options: &Options) -> Result<Vec<Course>> {
    let course = |&peer| Course { peer, turns: Vec::new() };
    let mut courses: Vec<Course> = options.peers.iter().map(course).collect();
    for _ in 0..options.effort.rounds {
        for course in &mut courses {
            let turn = turn(cell, course.peer, ground, options.effort.duration);
            course.turns.push(turn.with_context(|| format!("with {}", course.peer.name()))?);
        }
        courses.reverse();
    }
    courses.sort_by_key(|course| course.peer);
    Ok(courses)
}

fn turn(cell: &Cell, peer: Peer, ground: &Ground, duration: Duration) -> Result<Turn> {
    match &cell.kind {
        Kind::Requests(requests) => requests.turn(peer, ground, duration),
        Kind::Handshakes(handshakes) => handshakes.turn(peer, ground, duration),
        Kind::Start(clock) => clock.turn(peer, ground),
        Kind::Idle => idle::turn(peer, ground),
    }
}

impl Course {
    /// The median cost.
    pub fn cost(&self) -> f64 {
        self.median(|turn| Some(turn.cost)).unwrap_or(f64::NAN)
    }

    /// The median of a number, if there is one.
    pub fn median(&self, number: impl Fn(&Turn) -> Option<f64>) -> Option<f64> {
        let numbers: Vec<f64> = self.turns.iter().filter_map(number).collect();
        (!numbers.is_empty()).then(|| median(numbers))
    }

    /// The costs as multiples of another's, turn by turn.
    pub fn ratios(&self, other: &Course) -> Vec<f64> {
        let pairs = self.turns.iter().zip(&other.turns);
        pairs.map(|(turn, other)| turn.cost / other.cost).collect()
    }
}

#[cfg(test)]
impl Course {
    /// One with these costs.
    pub fn of(peer: Peer, costs: &[f64]) -> Self {
        let turn = |&cost| Turn { cost, rate: None, latency: None, resident_bytes: None };
        Course { peer, turns: costs.iter().map(turn).collect() }
    }
}
