//! What the user can type. Nothing is decided here: that is done in [`plan`](crate::plan).

mod deploy;
mod diff;
mod image;
mod inspect;
mod run;
mod sbom;
mod set;
mod sign;

use crate::variants::Variants;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell as CompletionShell;
pub use deploy::{DeployArgs, DeployTarget, KubernetesArgs};
pub use diff::DiffArgs;
use holdall_bundle::EntryPointKind;
pub use image::ImageArgs;
use inspect::INSPECT_EXAMPLES;
pub use inspect::{InspectArgs, TreeArgs};
pub use run::RunArgs;
pub use sbom::{SbomArgs, SbomFormat};
pub use set::SetArgs;
pub use sign::{SignArgs, VerifyArgs};
use std::ffi::OsString;
use std::path::PathBuf;

/// Packs a server, its resources and its entry point into one executable.
#[derive(Debug, Parser)]
#[command(name = "holdall", version, after_long_help = EXAMPLES, max_term_width = 100)]
#[command(
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What counts for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Print nothing but errors and what was asked for.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Colour the messages.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = false
    )]
    pub color: Color,
}

/// When to use colour. `auto` is: on a terminal, unless NO_COLOR is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Pack a directory or a Cargo package into one executable.
    #[command(after_long_help = BUNDLE_EXAMPLES)]
    Bundle(Box<BundleArgs>),
    /// Run what is in a directory, and again when it changes: for development.
    #[command(after_long_help = run::RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// Write a commented holdall.toml for what is in a directory.
    Init(InitArgs),
    /// List the resources of a bundle.
    List(ListArgs),
    /// Tell what a bundle is: name, version, entry point, sizes, digests.
    Info(InfoArgs),
    /// Write a page that shows what is in a bundle, and where its bytes are.
    #[command(after_long_help = INSPECT_EXAMPLES)]
    Inspect(InspectArgs),
    /// Write a resource of a bundle to standard output.
    Cat(CatArgs),
    /// Write the resources of a bundle to a directory.
    Extract(ExtractArgs),
    /// Check every byte of a bundle, and who signed it.
    #[command(after_long_help = sign::VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Sign a bundle with a key of minisign.
    #[command(after_long_help = sign::SIGN_EXAMPLES)]
    Sign(SignArgs),
    /// Give a bundle other defaults, without building it again.
    #[command(after_long_help = set::SET_EXAMPLES)]
    Set(SetArgs),
    /// Tell what differs between two bundles.
    Diff(DiffArgs),
    /// Write the bill of materials of a bundle: CycloneDX or SPDX.
    Sbom(SbomArgs),
    /// Make the image of a container, without Docker.
    #[command(after_long_help = image::IMAGE_EXAMPLES)]
    Image(Box<ImageArgs>),
    /// Write what others have to be told to run a bundle.
    Deploy(DeployArgs),
    /// Write a completion script for a shell to standard output.
    Completions(CompletionsArgs),
    /// Write the manual pages to a directory, or the first one to standard output.
    Man(ManArgs),
}

/// `holdall bundle`.
#[derive(Debug, Args)]
pub struct BundleArgs {
    /// The directory: of a holdall.toml, of a Cargo package, or of a site.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// The file to make [default: the name of the bundle, here].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// What runs.
    #[command(flatten)]
    pub entry: EntryArgs,
    /// What is packed.
    #[command(flatten)]
    pub resources: ResourceArgs,
    /// How it is packed.
    #[command(flatten)]
    pub packing: PackingArgs,
    /// What cargo is told.
    #[command(flatten)]
    pub cargo: CargoArgs,
}

/// What runs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Entry point")]
pub struct EntryArgs {
    /// The kind of entry point [default: inferred from what is there].
    #[arg(long, value_name = "KIND", value_parser = entry_point_kind())]
    pub entry_point: Option<EntryPointKind>,
    /// A built program, shared object or script to run.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["bin", "lib"])]
    pub path: Option<PathBuf>,
    /// A binary of the Cargo package.
    #[arg(long, value_name = "NAME", conflicts_with = "lib")]
    pub bin: Option<String>,
    /// The library (cdylib) of the Cargo package.
    #[arg(long)]
    pub lib: bool,
    /// The name of the bundle.
    #[arg(long)]
    pub name: Option<String>,
    /// The version of the bundle.
    #[arg(long, value_name = "VERSION")]
    pub bundle_version: Option<String>,
    /// A launcher to use instead of the ones compiled in.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub launcher: Option<PathBuf>,
}

/// Which files become resources.
#[derive(Debug, Args)]
#[command(next_help_heading = "Resources")]
pub struct ResourceArgs {
    /// The directory that resource names are relative to [default: DIR].
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub root: Option<PathBuf>,
    /// Pack only what matches; may be given more than once.
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<String>,
    /// Don't pack what matches; may be given more than once.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Pack what symbolic links point to; they are refused otherwise.
    #[arg(long)]
    pub follow_symlinks: bool,
    /// Pack what .gitignore files leave out, too.
    #[arg(long)]
    pub no_gitignore: bool,
}

/// How resources are packed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Packing")]
pub struct PackingArgs {
    /// Compress as well as possible: the same as --level 12 --variants br.
    #[arg(short, long)]
    pub release: bool,
    /// The level of compression, 0 (none) to 12 [default: 9].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=12))]
    pub level: Option<u8>,
    /// Compress in these ways as well, for HTTP: br, zstd or both, separated by a comma; or none.
    #[arg(long, value_name = "LIST")]
    pub variants: Option<Variants>,
}

/// Flags that are handed on to cargo.
#[derive(Debug, Args, Clone, Default)]
#[command(next_help_heading = "Cargo")]
pub struct CargoArgs {
    /// Take what was built before; don't run cargo build.
    #[arg(long)]
    pub no_build: bool,
    /// The package of a workspace.
    #[arg(short, long, value_name = "NAME")]
    pub package: Option<String>,
    /// The Cargo.toml of the package [default: the one in DIR].
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub manifest_path: Option<PathBuf>,
    /// The profile to build with.
    #[arg(long, value_name = "NAME", default_value = "release")]
    pub profile: String,
    /// The target triple to build for.
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<String>,
    /// Where cargo puts what it builds.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub target_dir: Option<PathBuf>,
    /// Features to activate, separated by commas.
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub features: Vec<String>,
    /// Activate all features.
    #[arg(long)]
    pub all_features: bool,
    /// Don't activate the default feature.
    #[arg(long)]
    pub no_default_features: bool,
    /// How many jobs cargo may run at once.
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<String>,
    /// Cargo.lock has to be right as it is.
    #[arg(long)]
    pub locked: bool,
    /// Don't use the network.
    #[arg(long)]
    pub offline: bool,
    /// The same as --locked and --offline.
    #[arg(long)]
    pub frozen: bool,
    /// A configuration value for cargo, KEY=VALUE.
    #[arg(long, value_name = "KEY=VALUE")]
    pub config: Vec<String>,
    /// More arguments for cargo build.
    #[arg(last = true, value_name = "ARGS")]
    pub more: Vec<OsString>,
}

/// `holdall init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The directory to write holdall.toml into.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}

/// `holdall list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// With mode, sizes, method, media type and digest.
    #[arg(short, long, conflicts_with = "json")]
    pub long: bool,
    /// As a JSON array.
    #[arg(long)]
    pub json: bool,
}

/// `holdall info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// As a JSON object.
    #[arg(long)]
    pub json: bool,
    /// As a tree.
    #[command(flatten)]
    pub tree: TreeArgs,
}

/// `holdall cat`.
#[derive(Debug, Args)]
pub struct CatArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The name of the resource.
    pub name: String,
}

/// `holdall extract`.
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The directory to write to; it is made if it is not there. No file is overwritten.
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}

/// `holdall completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: CompletionShell,
}

/// `holdall man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The directory to write all pages to.
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// Parses the four kinds by their own names, so that the command line can't drift from the format.
fn entry_point_kind() -> impl clap::builder::TypedValueParser<Value = EntryPointKind> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    const KINDS: [EntryPointKind; 4] = [
        EntryPointKind::Linked,
        EntryPointKind::Plugin,
        EntryPointKind::Exec,
        EntryPointKind::Site,
    ];
    PossibleValuesParser::new(KINDS.map(EntryPointKind::as_str))
        .try_map(|name| KINDS.into_iter().find(|kind| kind.as_str() == name).ok_or("unknown kind"))
}

const EXAMPLES: &str = "\
Examples:
  holdall bundle app -o sayhello       pack the Cargo package in app/
  holdall bundle public -o site        pack a directory, to be served as it is
  holdall run app                      run it from there, and again when something changes
  holdall list sayhello --long         what is in it
  holdall verify sayhello              check every byte
  holdall diff sayhello sayhello-new   what changed
  cargo holdall bundle --release       the same, as a subcommand of cargo

Exit codes:
  0 success, 1 any other failure, 64 wrong usage, 65 damaged input, 66 no such input,
  69 something needed is unavailable, 70 internal error, 73 cannot create the output,
  74 input/output error, 77 no permission, 78 wrong configuration";

const BUNDLE_EXAMPLES: &str = "\
What is packed is told by holdall.toml in DIR, or by [package.metadata.holdall] in its Cargo.toml;
options come before both. Without either, a Cargo package gives its binary or cdylib, with the
resources below assets/, data/, public/, resources/, static/ and templates/; any other directory
is packed whole and served as a site.

GLOB is matched as in .gitignore: `*.map` at any depth, `/docs` and `data/*.json` from the root.

Examples:
  holdall bundle                                    what is here
  holdall bundle app -o sayhello --release          a Cargo package, compressed as well as possible
  holdall bundle public --exclude '*.map'           a site, without its source maps
  holdall bundle public --variants br,zstd          a site, compressed for HTTP beforehand
  holdall bundle . --path server.py --include data  a script with its data
  holdall bundle app -- -Z build-std                more arguments for cargo build

Environment:
  CARGO              the cargo to run
  SOURCE_DATE_EPOCH  the time stamp of all entries, in seconds [default: 1980-01-01]
  NO_COLOR           no colour";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_exit_code_is_in_the_help() {
        for (code, words) in holdall_bundle::ExitCode::ALL {
            assert!(EXAMPLES.contains(&format!("{} {words}", code.code())), "{words}");
        }
    }
}
