//! The cells: what is measured, and the goals.

use anyhow::{Result, bail};

use crate::load::{CONNECTIONS, Protocol};

use super::{
    exchange::Ask,
    requests::{Requests, Transport},
};

/// One line of the table.
#[derive(Debug)]
pub struct Cell {
    /// What the user calls it.
    pub name: &'static str,
    /// What the table calls it.
    pub title: &'static str,
    /// How it is measured.
    pub kind: Kind,
    /// What is to be reached.
    pub goals: Goals,
}

/// What is measured.
#[derive(Debug)]
pub enum Kind {
    /// What a request costs.
    Requests(Requests),
}

/// The most that ours may cost, as a multiple of another; what has none is there to compare.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goals {
    /// Of nginx.
    pub nginx: Option<f64>,
    /// Of hyper alone.
    pub hyper: Option<f64>,
}

const SMALL: Goals = goals(0.70, 1.10);

/// All of them, in the order of the table.
pub const CELLS: &[Cell] = &[Cell {
    name: "14b",
    title: "14 B",
    kind: Kind::Requests(clear("14b.bin", CONNECTIONS)),
    goals: SMALL,
}];

/// The cell of a name.
pub fn find(name: &str) -> Result<&'static Cell> {
    match CELLS.iter().find(|cell| cell.name == name) {
        Some(cell) => Ok(cell),
        None => bail!("there is no cell {name:?}: see http --help"),
    }
}

const fn goals(nginx: f64, hyper: f64) -> Goals {
    Goals { nginx: Some(nginx), hyper: Some(hyper) }
}

const fn clear(file: &'static str, connections: u32) -> Requests {
    Requests {
        ask: Ask::File(file),
        transport: Transport::Clear,
        protocol: Protocol::KeepAlive,
        connections,
    }
}
