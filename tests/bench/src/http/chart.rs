//! The costs as a picture: bars in panels, for light and for dark pages.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{Measured, peers::Peer, turns::Course};

/// The cells that are shown, if they were measured.
const SHOWN: [&str; 12] = [
    "14b", "10k", "gzip", "1m", "100m", "many", "close", "tls-new", "tls-14b", "tls-1m", "h2-14b",
    "h2-10k",
];

const TITLE: &str = "Processor time of the server for each request";
const LEGEND: &str =
    "Shorter is better; each panel has its own scale. hyper: nothing but one constant from memory.";

const COLUMNS: usize = 3;
const PANEL_WIDTH: usize = 280;
const PANEL_HEIGHT: usize = 116;
const MARGIN: usize = 16;
/// Above the panels.
const HEAD: usize = 56;
/// Where bars begin in a panel, and how long the longest is.
const BAR_LEFT: usize = 58;
const BAR_LONGEST: f64 = 140.0;
const BAR_HEIGHT: usize = 14;
/// From the top of the panel to its first bar, and from bar to bar.
const BAR_TOP: usize = 24;
const BAR_STEP: usize = 20;

/// Text is text, so that it can be read aloud and found.
const STYLE: &str = "
text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #57606a }
.title { font-size: 16px; font-weight: 600; fill: #1f2328 }
.cell { font-weight: 600; fill: #1f2328 }
.name { text-anchor: end }
.ours { fill: #1f2328; font-weight: 600 }
rect { fill: #afb8c1 }
rect.ours { fill: #0969da }
rect.floor { fill: none; stroke: #8c959f; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 }
.title, .cell, .ours { fill: #f0f6fc }
rect { fill: #484f58 }
rect.ours { fill: #4493f8 }
rect.floor { stroke: #7d8590 }
}
";

/// Writes the picture.
pub fn write(measured: &[Measured], path: &Path) -> Result<()> {
    fs::write(path, picture(measured)).with_context(|| format!("can't write {}", path.display()))
}

fn picture(measured: &[Measured]) -> String {
    let find = |name: &&str| measured.iter().find(|measured| measured.cell.name == *name);
    let shown: Vec<&Measured> = SHOWN.iter().filter_map(find).collect();
    let width = MARGIN + COLUMNS * PANEL_WIDTH;
    let height = HEAD + shown.len().div_ceil(COLUMNS) * PANEL_HEIGHT;
    let panels = shown.iter().enumerate().map(|(number, measured)| panel(number, measured));
    let panels: String = panels.collect();
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"
 width="{width}" height="{height}" role="img">
<title>{TITLE}</title>
<style>{STYLE}</style>
<text class="title" x="{MARGIN}" y="24">{TITLE}</text>
<text x="{MARGIN}" y="42">{LEGEND}</text>
{panels}</svg>
"#
    )
}

fn panel(number: usize, measured: &Measured) -> String {
    let left = MARGIN + number % COLUMNS * PANEL_WIDTH;
    let top = HEAD + number / COLUMNS * PANEL_HEIGHT;
    let mut panel = format!(
        "<g transform=\"translate({left} {top})\">\n<text class=\"cell\" x=\"0\" y=\"14\">{}</text>\n",
        measured.cell.title
    );
    let longest = measured.courses.iter().map(Course::cost).fold(0.0, f64::max);
    for (row, course) in measured.courses.iter().enumerate() {
        let length = course.cost() / longest * BAR_LONGEST;
        let value = measured.cost(course.peer).map(|cost| cost.to_string().replace("us", "µs"));
        panel += &bar(row, course.peer, length, &value.unwrap_or_default());
    }
    panel + "</g>\n"
}

fn bar(row: usize, peer: Peer, length: f64, value: &str) -> String {
    let top = BAR_TOP + row * BAR_STEP;
    let base = top + BAR_HEIGHT - 3;
    let (name_end, value_left) = (BAR_LEFT - 6, BAR_LEFT as f64 + length + 6.0);
    let class = class(peer);
    format!(
        r#"<text class="name {class}" x="{name_end}" y="{base}">{}</text>
<rect class="{class}" x="{BAR_LEFT}" y="{top}" width="{length:.1}" height="{BAR_HEIGHT}" rx="2"/>
<text class="{class}" x="{value_left:.1}" y="{base}">{value}</text>
"#,
        peer.name()
    )
}

fn class(peer: Peer) -> &'static str {
    match peer {
        Peer::Ours => "ours",
        Peer::Nginx | Peer::Caddy => "other",
        Peer::Hyper => "floor",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::cells::find;

    #[test]
    fn the_longest_bar_fills_its_panel_and_the_others_are_in_proportion() {
        let course = |(peer, cost)| Course::of(peer, &[cost]);
        let courses = Peer::ALL.into_iter().zip([1e-6, 2e-6, 4e-6, 1e-6]).map(course).collect();
        let picture = picture(&[Measured { cell: find("14b").unwrap(), courses }]);
        for length in ["140.0", "70.0", "35.0"] {
            assert!(picture.contains(&format!("width=\"{length}\"")), "{length}: {picture}");
        }
        assert!(picture.contains(">4.00 µs</text>"), "{picture}");
    }

    #[test]
    fn every_cell_that_is_shown_exists() {
        assert!(SHOWN.iter().all(|name| find(name).is_ok()));
    }
}
