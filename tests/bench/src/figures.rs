//! The figures, in the order of docs/performance.md.

mod bundling;
mod first_run;
mod handshakes;
mod issue;
mod launch;
mod lookup;
mod million;
mod requests;
mod size;
mod start;

use anyhow::Result;

use crate::{Bench, report::Row};

/// One section of the report.
#[derive(Debug)]
pub struct Figure {
    /// What the user calls it.
    pub name: &'static str,
    /// What stands above its table.
    pub title: &'static str,
    /// Measures it.
    pub measure: fn(&Bench) -> Result<Vec<Row>>,
}

/// All of them.
pub const FIGURES: &[Figure] = &[
    Figure {
        name: "start",
        title: "From the start of a process to its first resource (processor time)",
        measure: start::measure,
    },
    Figure {
        name: "many",
        title: "The same with many resources (processor time)",
        measure: start::measure_many,
    },
    Figure {
        name: "lookup",
        title: "Lookup and reading of a stored resource of 1 KB, random order",
        measure: lookup::measure,
    },
    Figure {
        name: "million",
        title: "Opening and first reading among a million resources",
        measure: million::measure,
    },
    Figure {
        name: "launch",
        title: "A static launcher to its first resource",
        measure: launch::measure,
    },
    Figure {
        name: "first-run",
        title: "The first run of a new file against its second (processor time)",
        measure: first_run::measure,
    },
    Figure { name: "bundling", title: "Bundling against zip -9", measure: bundling::measure },
    Figure { name: "size", title: "The launchers", measure: size::measure },
    Figure {
        name: "requests",
        title: "What a request costs the server (processor time), 64 connections",
        measure: requests::measure,
    },
    Figure {
        name: "handshakes",
        title: "What a TLS handshake costs the server (processor time)",
        measure: handshakes::measure,
    },
    Figure {
        name: "issue",
        title: "How long a certificate takes, from an authority on the same machine",
        measure: issue::measure,
    },
];
