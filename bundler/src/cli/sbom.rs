//! `holdall sbom`.

use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// `holdall sbom`.
#[derive(Debug, Args)]
#[command(after_long_help = NOTES)]
pub struct SbomArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The format.
    #[arg(long, value_name = "FORMAT", default_value = "cyclonedx")]
    pub format: SbomFormat,
    /// The file to write [default: standard output].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// The formats of a bill of materials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SbomFormat {
    /// CycloneDX 1.6, as JSON.
    Cyclonedx,
    /// SPDX 2.3, as JSON; reads all content for the SHA-1 sums that it demands.
    Spdx,
}

const NOTES: &str = "\
In it are the crates that the executable and the payload were built from, as their sections .dep-v0
list them, and the resources with their digests. `holdall bundle` adds the list to what cargo
builds; the launchers have theirs. What carries no list is marked as not known, with a warning.

Examples:
  holdall sbom sayhello -o sayhello.cdx.json                 CycloneDX
  holdall sbom sayhello --format spdx -o sayhello.spdx.json

Environment:
  SOURCE_DATE_EPOCH  the time in the document, in seconds [default: none; SPDX: 1980-01-01]";
