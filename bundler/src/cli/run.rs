//! `holdall run`.

use super::{BundleArgs, CargoArgs, EntryArgs, PackingArgs, ResourceArgs};
use crate::variants::Variants;
use clap::{Args, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;

/// `holdall run`.
#[derive(Debug, Args)]
#[command(mut_arg("profile", |arg| arg.default_value("dev")))]
#[command(mut_arg("more", |arg| arg.help("Arguments for the server").help_heading("Arguments")))]
pub struct RunArgs {
    /// The directory: of a holdall.toml, of a Cargo package, or of a site.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Leave pages as they are: the browser does not load them again by itself.
    #[arg(long)]
    pub no_reload: bool,
    /// What runs.
    #[command(flatten)]
    pub entry: EntryArgs,
    /// What is packed.
    #[command(flatten)]
    pub resources: ResourceArgs,
    /// What cargo is told.
    #[command(flatten)]
    pub cargo: CargoArgs,
}

impl RunArgs {
    /// What `holdall bundle` is told to make `output`, as fast as it can; and the arguments for the server.
    pub(crate) fn into_bundle_args(self, output: PathBuf) -> (BundleArgs, Vec<OsString>) {
        let Self { dir, entry, resources, mut cargo, .. } = self;
        let arguments = std::mem::take(&mut cargo.more);
        let variants = Some(Variants::default());
        let packing = PackingArgs { release: false, level: Some(0), variants };
        (BundleArgs { dir, output: Some(output), entry, resources, packing, cargo }, arguments)
    }
}

pub(super) const RUN_EXAMPLES: &str = "\
Packs what is here as `holdall bundle` does, but fast and into a temporary file, and runs that on
http://127.0.0.1:8080. When a resource, holdall.toml or the built program changes, it packs again,
the new server takes over without a lost request, and pages in the browser load themselves again.
What can't be packed or does not start is told, and the old server goes on.

Sources of the service are cargo's: run `cargo build` beside it, by hand or by a tool that watches
them, and the new program is taken. An exec entry point is ended and started again.

Examples:
  holdall run                               what is here
  holdall run app                           a Cargo package, built for development
  holdall run public                        a site
  holdall run app -- --port 3000            on port 3000 of all interfaces
  holdall run app -- --log-level debug      with all that the server has to tell
  holdall run . --path server.py -- -v      a script, with arguments of its own

Environment:
  TMPDIR             where the temporary file is
  HOLDALL_PORT, ...  options of the server, as without holdall";
