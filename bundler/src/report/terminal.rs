//! The tree of `holdall info --tree`: a line for each node, with its share of the file as a bar.

use super::outline::Node;
use holdall_bundle::grouped;
use std::io::{self, BufWriter, IsTerminal, Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const BAR: &str = "\x1b[36m";
const RESET: &str = "\x1b[0m";

/// The widest that a bar gets, in columns, and how wide it is where there is no terminal.
const BAR_MAX: usize = 24;
const BAR_DEFAULT: usize = 16;
/// What a name needs at least beside a bar, in columns.
const NAME_MIN: usize = 24;
/// The columns between figures: share, ratio and the space around them.
const FIGURES: usize = 20;

/// How much of a tree is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// How many levels, without the root.
    pub depth: usize,
    /// How many nodes of each directory.
    pub top: usize,
}

impl Default for Extent {
    fn default() -> Self {
        Self { depth: 3, top: 6 }
    }
}

impl Extent {
    /// Everything.
    pub fn all() -> Self {
        Self { depth: usize::MAX, top: usize::MAX }
    }

    /// With the limits that are given.
    pub fn limited(self, depth: Option<usize>, top: Option<usize>) -> Self {
        Self { depth: depth.unwrap_or(self.depth), top: top.unwrap_or(self.top) }
    }

    /// What is left of it a level below; `None` at the last one.
    pub(super) fn below(self) -> Option<Self> {
        self.depth.checked_sub(1).map(|depth| Self { depth, ..self })
    }
}

/// Prints a tree to standard output, cut to the width of the terminal where that is one.
///
/// # Errors
/// If standard output can't be written.
pub fn print(root: &Node) -> io::Result<()> {
    let width = io::stdout().is_terminal().then(terminal_width).flatten();
    let mut out = BufWriter::new(anstream::stdout().lock());
    write(root, width, &mut out)?;
    out.flush()
}

fn terminal_width() -> Option<usize> {
    let columns = rustix::termios::tcgetwinsize(io::stdout()).ok()?.ws_col;
    (columns > 0).then(|| columns.into())
}

/// Writes a tree; `width` is how many columns there are, if that matters.
///
/// # Errors
/// Those of `out`.
pub fn write(root: &Node, width: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let columns = Columns::new(root.bytes, width);
    columns.write_header(out)?;
    columns.write_node(root, "", "", out)
}

/// Where everything stands in a line.
struct Columns {
    total: u64,
    bytes: usize,
    bar: usize,
    /// What is left for a name and the lines that lead to it.
    name: Option<usize>,
}

impl Columns {
    fn new(total: u64, width: Option<usize>) -> Self {
        let bytes = grouped(total).len().max("bytes".len());
        let room = width.map(|width| width.saturating_sub(bytes + FIGURES));
        let bar = room.map_or(BAR_DEFAULT, |room| room.saturating_sub(NAME_MIN).min(BAR_MAX));
        // A bar of a few columns says nothing.
        let bar = if bar < 6 { 0 } else { bar };
        let name = room.map(|room| room.saturating_sub(bar + usize::from(bar > 0)).max(8));
        Self { total, bytes, bar, name }
    }

    fn write_header(&self, out: &mut dyn Write) -> io::Result<()> {
        let (bytes, bar) = (self.bytes, self.bar + usize::from(self.bar > 0));
        writeln!(out, "{DIM}{:>bytes$}    share  {:bar$}packed  name{RESET}", "bytes", "")
    }

    /// Writes a node and what is below it; `guide` leads to its children, `branch` to itself.
    fn write_node(
        &self,
        node: &Node,
        guide: &str,
        branch: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        self.write_line(node, guide, branch, out)?;
        let below = match branch {
            "" => String::new(),
            "└─ " => format!("{guide}   "),
            _ => format!("{guide}│  "),
        };
        let last = node.children.len().saturating_sub(1);
        for (at, child) in node.children.iter().enumerate() {
            let branch = if at == last { "└─ " } else { "├─ " };
            self.write_node(child, &below, branch, out)?;
        }
        Ok(())
    }

    fn write_line(
        &self,
        node: &Node,
        guide: &str,
        branch: &str,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let share = node.bytes as f64 / self.total.max(1) as f64;
        let bytes = self.bytes;
        write!(out, "{:>bytes$}  {:>5.1} %  ", grouped(node.bytes), share * 100.0)?;
        if self.bar > 0 {
            let width = self.bar;
            write!(out, "{BAR}{:width$}{RESET} ", bar(share, width))?;
        }
        write!(out, "{:>6}  {DIM}{guide}{branch}{RESET}", ratio(node))?;
        let lead = (guide.chars().count()) + branch.chars().count();
        let name = match self.name {
            Some(room) => shortened(&node.name, room.saturating_sub(lead).max(4)),
            None => node.name.clone(),
        };
        let is_directory = branch.is_empty() || name.ends_with('/');
        let (style, reset) = if is_directory { (BOLD, RESET) } else { ("", "") };
        writeln!(out, "{style}{name}{reset}")
    }
}

/// A bar that fills `share` of `width` columns, to an eighth of a column.
fn bar(share: f64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}

/// How much compression left of it; empty where it is not compressed.
fn ratio(node: &Node) -> String {
    if node.size == node.packed_size {
        return String::new();
    }
    format!("{:.0} %", node.packed_size as f64 * 100.0 / node.size as f64)
}

/// A name in at most `columns`, its middle left out: its end tells more than what is before that.
fn shortened(name: &str, columns: usize) -> String {
    if name.width() <= columns {
        return name.to_owned();
    }
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| -> Vec<char> {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += c.width().unwrap_or(0);
                used <= room
            })
            .collect()
    };
    let head = take(&mut name.chars(), (columns - 1) / 2);
    let tail = take(&mut name.chars().rev(), columns / 2);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, bytes: u64, children: Vec<Node>) -> Node {
        let name = name.to_owned();
        Node { name, bytes, size: 2 * bytes, packed_size: bytes, files: 1, children }
    }

    fn plain(root: &Node, width: Option<usize>) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        write(root, width, &mut out).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    fn tree() -> Node {
        let below =
            vec![node("a-name-that-is-rather-long.html", 300, vec![]), node("b", 100, vec![])];
        node("file", 1000, vec![node("executable", 600, vec![]), node("resources/", 400, below)])
    }

    #[test]
    fn a_line_has_bytes_share_bar_ratio_and_name() {
        let expected = "\
bytes    share                   packed  name
1,000  100.0 %  ████████████████   50 %  file
  600   60.0 %  █████████▋         50 %  ├─ executable
  400   40.0 %  ██████▍            50 %  └─ resources/
  300   30.0 %  ████▊              50 %     ├─ a-name-that-is-rather-long.html
  100   10.0 %  █▋                 50 %     └─ b
";
        assert_eq!(plain(&tree(), None), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 50, 60, 80, 200] {
            for line in plain(&tree(), Some(width)).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
        assert!(!plain(&tree(), Some(50)).contains('█'));
    }

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shortened("abcdefghij.html", 10), "abcd….html");
        assert_eq!(shortened("日本語の名前.html", 9), "日本…html");
        assert_eq!(shortened("short", 5), "short");
    }

    #[test]
    fn bars_are_as_long_as_the_share() {
        assert_eq!(bar(1.0, 4), "████");
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(0.5 + 1.0 / 32.0, 4), "██▏");
    }
}
