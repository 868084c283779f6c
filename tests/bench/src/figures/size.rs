//! How large what every bundle begins with is.

use std::{fs, path::Path};

use anyhow::Result;

use crate::{
    Bench,
    report::{Goal, Quantity, Row},
};

const LIMIT_BYTES: u64 = 5_000_000;

/// Both launchers, stripped, as the bundler carries them.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let row = |what: &str, launcher: &Path| -> Result<Row> {
        let size = Quantity::Size(fs::metadata(launcher)?.len());
        Ok(Row::new(what, size).goal(Goal::AtMost(Quantity::Size(LIMIT_BYTES))))
    };
    Ok(vec![
        row("launcher, dynamic", &bench.programs.dynamic_launcher())?,
        row("launcher, static", &bench.programs.static_launcher())?,
    ])
}
