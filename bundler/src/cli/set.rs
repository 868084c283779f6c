//! `holdall set`.

use clap::{Args, ValueHint};
use std::path::PathBuf;

/// `holdall set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The file to make [default: the bundle itself].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// A default argument, in place of those that it has; may be given more than once.
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    pub args: Vec<String>,
    /// Leave it without default arguments.
    #[arg(long, conflicts_with = "args")]
    pub no_args: bool,
    /// A default variable of its environment; may be given more than once.
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Take a default variable away; may be given more than once.
    #[arg(long, value_name = "NAME")]
    pub no_env: Vec<String>,
    /// Another name.
    #[arg(long)]
    pub name: Option<String>,
    /// Another version.
    #[arg(long, value_name = "VERSION")]
    pub bundle_version: Option<String>,
    /// Another description.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
}

pub(super) const SET_EXAMPLES: &str = "\
Nothing is built or packed again. What the user gives at the start comes before these defaults.
A signature stays, and says that the bundle changed since: sign it again.

Examples:
  holdall set sayhello --arg --port=tcp:80 --env GREETING=hello -o sayhello-prod
  holdall set sayhello --arg=--port --arg=tcp:80      the same, as two arguments
  holdall set sayhello --no-args --no-env GREETING    without defaults, in place";
