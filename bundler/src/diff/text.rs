//! A difference as people read it.

use super::compare::{Counts, Diff, Side, Verdict};
use super::entry::{Change, Difference, Facts, Status, VariantChange};
use super::manifest::KeyChange;
use holdall_bundle::{escaped, grouped};
use std::io::{self, Write};

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// Names up to this many characters line up what follows them.
const NAME_WIDTH_MAX: usize = 48;

/// Writes everything that differs, the sizes and the counts.
pub fn write(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    write_title(diff, out)?;
    if !diff.manifest.is_empty() {
        heading("manifest", out)?;
        diff.manifest.iter().try_for_each(|change| write_key(change, out))?;
    }
    write_digests(&diff.old, &diff.new, out)?;
    write_changes("payload", &diff.payload, out)?;
    write_changes("resources", &diff.resources, out)?;
    write_changes("others", &diff.own, out)?;
    write_end(diff, out)
}

/// Writes the sizes and the counts.
pub fn write_stat(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    write_title(diff, out)?;
    write_end(diff, out)
}

fn write_title(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let title = |side: &Side| {
        let Side { name, version, path, .. } = side;
        format!("{} {} ({})", escaped(name), escaped(version), escaped(path))
    };
    writeln!(out, "{BOLD}{} -> {}{RESET}", title(&diff.old), title(&diff.new))
}

fn heading(text: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{BOLD}{text}{RESET}")
}

fn write_key(KeyChange { key, old, new }: &KeyChange, out: &mut dyn Write) -> io::Result<()> {
    let key = escaped(key);
    // JSON escapes control characters, but not marks that turn the direction of text.
    let text = |value: &serde_json::Value| escaped(&value.to_string()).into_owned();
    match (old, new) {
        (None, Some(new)) => writeln!(out, "  {GREEN}+ {key}{RESET} {}", text(new)),
        (Some(old), None) => writeln!(out, "  {RED}- {key}{RESET} {}", text(old)),
        (Some(old), Some(new)) => {
            writeln!(out, "  {YELLOW}~ {key}{RESET} {} -> {}", text(old), text(new))
        }
        (None, None) => Ok(()),
    }
}

/// The digests that the manifests have, shortened: JSON has them in full.
fn write_digests(old: &Side, new: &Side, out: &mut dyn Write) -> io::Result<()> {
    const SHOWN: usize = 16;
    let digests = [
        ("executable", old.executable.sha256, new.executable.sha256),
        ("content", old.content.digest, new.content.digest),
    ];
    let mut differing = digests.iter().filter(|(_, old, new)| old != new).peekable();
    if differing.peek().is_some() {
        heading("digests", out)?;
    }
    differing.try_for_each(|(label, old, new)| {
        let [old, new] = [old, new].map(|digest| digest.to_string()[..SHOWN].to_owned());
        writeln!(out, "  {YELLOW}~ {label:<10}{RESET}  {old}… -> {new}…")
    })
}

/// One line for each entry; what was merely packed to another size is counted and not listed.
fn write_changes(title: &str, changes: &[Change], out: &mut dyn Write) -> io::Result<()> {
    let listed = || changes.iter().filter(|change| change.status != Status::Repacked);
    if listed().next().is_none() {
        return Ok(());
    }
    heading(title, out)?;
    let growth_width = listed().map(|change| signed(change.growth()).len()).max().unwrap_or(0);
    let name_width = listed().map(|change| escaped(&change.name).chars().count());
    let name_width = name_width.filter(|width| *width <= NAME_WIDTH_MAX).max().unwrap_or(0);
    for change in listed() {
        let (mark, color) = mark(change.status);
        let growth = signed(change.growth());
        let name = escaped(&change.name);
        let details = details(change).join(", ");
        if details.is_empty() {
            writeln!(out, "  {color}{mark} {growth:>growth_width$}  {name}{RESET}")?;
        } else {
            let space = name_width.saturating_sub(name.chars().count()) + 2;
            writeln!(
                out,
                "  {color}{mark} {growth:>growth_width$}  {name}{RESET}{:space$}{details}",
                ""
            )?;
        }
    }
    Ok(())
}

fn mark(status: Status) -> (char, &'static str) {
    match status {
        Status::Added => ('+', GREEN),
        Status::Removed => ('-', RED),
        Status::Changed | Status::Repacked => ('~', YELLOW),
    }
}

/// In what an entry differs, in words.
fn details(change: &Change) -> Vec<String> {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return Vec::new() };
    let mut details = Vec::new();
    if change.has(Difference::Content) {
        details.push(match old.size == new.size {
            true => "other content of the same size".to_owned(),
            false => format!("{} -> {}", grouped(old.size), grouped(new.size)),
        });
    }
    let mut tell = |difference, label: &str, text: fn(&Facts) -> &str| {
        if change.has(difference) {
            details.push(format!("{label} {} -> {}", escaped(text(old)), escaped(text(new))));
        }
    };
    tell(Difference::Mode, "mode", |facts| &facts.mode);
    tell(Difference::MediaType, "type", |facts| facts.media_type.as_deref().unwrap_or("-"));
    tell(Difference::Method, "method", |facts| &facts.method);
    details.extend(change.variants.iter().filter_map(|variant| variant_detail(variant, change)));
    details
}

/// A variant that came or went; one that differs is news only where its resource is the same.
fn variant_detail(variant: &VariantChange, change: &Change) -> Option<String> {
    let coding = escaped(&variant.coding);
    match (variant.old, variant.new) {
        (None, Some(size)) => Some(format!("+{coding} {}", grouped(size))),
        (Some(size), None) => Some(format!("-{coding} {}", grouped(size))),
        (Some(old), Some(new)) if !change.has(Difference::Content) => {
            Some(format!("{coding} {} -> {}", grouped(old), grouped(new)))
        }
        _ => None,
    }
}

fn write_end(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let Counts { added, removed, changed, repacked, same } = diff.counts;
    match diff.verdict {
        Verdict::Identical => return writeln!(out, "identical, byte for byte"),
        Verdict::SameContent if repacked == 0 => {
            return writeln!(
                out,
                "the same content; other bytes differ: time stamps, padding, or damage, which \
                 `holdall verify` finds"
            );
        }
        Verdict::SameContent => writeln!(out, "the same content, packed differently")?,
        Verdict::Different => {}
    }
    heading("sizes", out)?;
    write_sizes(&diff.old, &diff.new, out)?;
    let kinds = [
        (added, "added"),
        (removed, "removed"),
        (changed, "changed"),
        (repacked, "packed differently"),
    ];
    let mut words: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", grouped(*count)))
        .collect();
    words.push(format!("{} the same", grouped(same)));
    writeln!(out, "\nresources: {}", words.join(", "))
}

/// A table: what there was, what there is, by how much it grew.
fn write_sizes(old: &Side, new: &Side, out: &mut dyn Write) -> io::Result<()> {
    type Size = fn(&Side) -> u64;
    let rows: [(&str, Size); 7] = [
        ("file", |side| side.size),
        ("executable", |side| side.executable.size),
        ("payload", |side| side.payload.size),
        ("resources", |side| side.resources.size),
        ("  packed", |side| side.resources.packed_size),
        ("  files", |side| side.resources.files),
        ("variants", |side| side.variants.size),
    ];
    let rows = rows.map(|(label, size)| (label, size(old), size(new)));
    let rows: Vec<(&str, [String; 3])> = rows
        .into_iter()
        .filter(|(_, old, new)| old + new > 0)
        .map(|(label, old, new)| {
            let growth = signed(i128::from(new) - i128::from(old));
            (label, [grouped(old), grouped(new), growth])
        })
        .collect();
    let width = |at: usize| rows.iter().map(|(_, cells)| cells[at].len()).max().unwrap_or(0).max(6);
    let widths = [width(0), width(1), width(2)];
    let mut line = |label: &str, cells: [&str; 3]| {
        write!(out, "  {label:<10}")?;
        for (cell, width) in cells.iter().zip(widths) {
            write!(out, "  {cell:>width$}")?;
        }
        writeln!(out)
    };
    line("", ["old", "new", "change"])?;
    rows.iter().try_for_each(|(label, [old, new, growth])| line(label, [old, new, growth]))
}

/// A number with its sign; nothing is said of zero.
fn signed(number: i128) -> String {
    let digits = grouped(u64::try_from(number.unsigned_abs()).unwrap_or(u64::MAX));
    match number {
        0 => digits,
        1.. => format!("+{digits}"),
        _ => format!("-{digits}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_has_its_sign() {
        assert_eq!([signed(0), signed(1_234), signed(-5)], ["0", "+1,234", "-5"]);
    }
}
