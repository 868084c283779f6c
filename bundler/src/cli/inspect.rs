//! `holdall inspect`, and the tree of `holdall info`.

use clap::{Args, ValueHint};
use std::path::PathBuf;

/// `holdall inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The page to write; - is standard output [default: the name of FILE with .html behind it, here].
    #[arg(short, long, value_name = "PAGE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// `holdall info --tree`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tree")]
pub struct TreeArgs {
    /// Show where the bytes of the file are, as a tree; with --json all of it, as nested objects.
    #[arg(long)]
    pub tree: bool,
    /// How many levels to show [default: 3, or all with --json].
    #[arg(long, value_name = "N", requires = "tree")]
    pub depth: Option<usize>,
    /// How much of each directory to show, the largest first [default: 6, or all with --json].
    #[arg(long, value_name = "N", requires = "tree")]
    pub top: Option<usize>,
    /// Show all levels, and all of each directory.
    #[arg(long, requires = "tree", conflicts_with_all = ["depth", "top"])]
    pub all: bool,
}

/// The end of `holdall inspect --help`.
pub const INSPECT_EXAMPLES: &str = "\
The page is one HTML file that opens in any browser, from the disk and without a network: a map
of where the bytes are, what compression won, duplicates, the largest files, a table of all
entries, the manifest, and whether every byte is as it was packed. The same bundle always gives the
same page.

Of a damaged bundle, the page says what is damaged; the exit code is 65 then.

Examples:
  holdall inspect sayhello                     write sayhello.html
  holdall inspect sayhello -o report.html      write it somewhere else
  holdall inspect sayhello -o - | gzip > page  to standard output
  holdall info --tree sayhello                 the same for a terminal";
