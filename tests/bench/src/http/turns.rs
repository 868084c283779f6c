//! All peers in turns, so that whatever slows the machine down meets each of them.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::{load::Latency, measure::median};

use super::{
    Ground,
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
pub struct Medians {
    pub peer: Peer,
    pub cost: f64,
    pub rate: Option<f64>,
    pub p50_s: Option<f64>,
    pub p99_s: Option<f64>,
    pub resident_bytes: Option<f64>,
}

/// A B C D, and the next time the other way round: what gets slower or faster all the while favours
/// none of them.
pub fn medians(cell: &Cell, ground: &Ground, effort: Effort) -> Result<Vec<Medians>> {
    let mut turns = vec![Vec::new(); Peer::ALL.len()];
    for round in 0..effort.rounds {
        let mut order: Vec<usize> = (0..Peer::ALL.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for number in order {
            let peer = Peer::ALL[number];
            let turn = turn(cell, peer, ground, effort.duration);
            turns[number].push(turn.with_context(|| format!("with {}", peer.name()))?);
        }
    }
    Ok(Peer::ALL.iter().zip(turns).map(|(peer, turns)| Medians::of(*peer, &turns)).collect())
}

fn turn(cell: &Cell, peer: Peer, ground: &Ground, duration: Duration) -> Result<Turn> {
    match &cell.kind {
        Kind::Requests(requests) => requests.turn(peer, ground, duration),
        Kind::Handshakes(handshakes) => handshakes.turn(peer, ground, duration),
        Kind::Start(clock) => clock.turn(peer, ground),
        Kind::Idle => idle::turn(peer, ground),
    }
}

impl Medians {
    fn of(peer: Peer, turns: &[Turn]) -> Self {
        let of = |number: &dyn Fn(&Turn) -> Option<f64>| {
            let numbers: Vec<f64> = turns.iter().filter_map(number).collect();
            (!numbers.is_empty()).then(|| median(numbers))
        };
        Medians {
            peer,
            cost: of(&|turn| Some(turn.cost)).unwrap_or(f64::NAN),
            rate: of(&|turn| turn.rate),
            p50_s: of(&|turn| Some(turn.latency?.p50_s)),
            p99_s: of(&|turn| Some(turn.latency?.p99_s)),
            resident_bytes: of(&|turn| Some(turn.resident_bytes? as f64)),
        }
    }
}
