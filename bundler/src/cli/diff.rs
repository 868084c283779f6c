//! `holdall diff`.

use clap::{Args, ValueHint};
use std::path::PathBuf;

/// `holdall diff`.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub struct DiffArgs {
    /// The bundle as it was.
    #[arg(value_hint = ValueHint::FilePath)]
    pub old: PathBuf,
    /// The bundle as it is.
    #[arg(value_hint = ValueHint::FilePath)]
    pub new: PathBuf,
    /// Print sizes and counts alone, without what changed.
    #[arg(long, conflicts_with = "json")]
    pub stat: bool,
    /// As a JSON object.
    #[arg(long)]
    pub json: bool,
    /// Exit with 1 where the files differ in any byte; with --quiet, print nothing.
    #[arg(long)]
    pub exit_code: bool,
}

const NOTES: &str = "\
The digests that the bundler recorded are believed (`holdall verify` checks them), so nothing is
read but directories. Where an edit with a zip tool lost them, content is read and digested; media
types that were lost are not compared. Variants for HTTP are told with their resource.

Examples:
  holdall diff sayhello-1.0 sayhello-1.1             what changed
  holdall diff --stat sayhello-1.0 sayhello-1.1      by how much
  holdall diff --json old new | jq .resources        for scripts
  holdall diff --exit-code --quiet old new           are they the same, byte for byte?

Exit codes: 0 whether they differ or not; with --exit-code 1 if they differ. Others as ever:
64 wrong usage, 65 damaged input, 66 no such input.";
