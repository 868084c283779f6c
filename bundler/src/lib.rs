//! Packs a server, its resources and its entry point into one executable.
//!
//! The command line is the interface that is kept stable; this library is what the two programs
//! `holdall` and `cargo-holdall` share. The way of a bundle goes through the modules in this
//! order:
//!
//! | module | does |
//! |---|---|
//! | [`cli`] | what was typed |
//! | [`config`] | what `holdall.toml` or `[package.metadata.holdall]` says |
//! | [`plan`] | both together: what will be packed, every mistake of usage found |
//! | [`code`] | what runs, found |
//! | [`cargo`] | builds the package, finds what was built |
//! | [`auditable`] | lists what that was built from |
//! | [`binary`] | looks into executables: architecture, note, plug-in symbol |
//! | [`prefix`] | the executable that the file begins with |
//! | [`tree`] | the resources, found and named |
//! | [`serving`] | which of them are served over HTTP |
//! | [`globs`] | by patterns as in a `.gitignore` |
//! | [`media`] | their media types |
//! | [`pack`] | reads and digests them, writes them in order |
//! | [`compress`] | makes them smaller |
//! | [`variants`] | and once more, for HTTP |
//! | [`output`] | the new file, checked before it takes its place |
//! | [`summary`] | what was packed |
//! | [`mod@run`] | what is in a directory, run for development |
//! | [`rewrite`] | a bundle made of another one |
//! | [`set`] | with other defaults |
//! | [`sign`] | with a signature |
//! | `diff` | what differs between two bundles |
//! | `sbom` | what a bundle is made of |
//! | [`report`] | what is in a bundle, as a page or a tree |
//! | [`listening`] | where a bundle will listen |
//! | [`image`] | a bundle as the image of a container |
//! | [`deploy`] | what others are told to run it |

#![forbid(unsafe_code)]

pub mod auditable;
pub mod binary;
mod bundle;
pub mod cargo;
pub mod cli;
pub mod code;
pub mod compress;
pub mod config;
pub mod deploy;
mod diff;
mod error;
pub mod globs;
pub mod image;
mod init;
mod inspect;
pub mod listening;
mod manual;
pub mod media;
pub mod output;
pub mod pack;
pub mod plan;
pub mod prefix;
pub mod report;
pub mod rewrite;
pub mod run;
mod sbom;
pub mod serving;
pub mod set;
pub mod shell;
pub mod sign;
pub mod summary;
pub mod tree;
pub mod variants;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use cli::{Cli, Command};
pub use error::Error;
use holdall_bundle::ExitCode;
use shell::Shell;
use std::ffi::OsString;

/// Runs the command line in `words`, the first of which is the program's own name.
///
/// `program` is how the user calls it: `holdall` or `cargo holdall`.
pub fn run(words: impl Iterator<Item = OsString>, program: &'static str) -> ExitCode {
    let cli = match parse(words, program) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let shell = Shell::new(&cli.global);
    match execute(cli.command, program, &shell) {
        Ok(()) => ExitCode::Success,
        Err(Error::Reported(code)) => code,
        Err(error) => {
            shell.error(&error);
            error.exit_code()
        }
    }
}

fn parse(words: impl Iterator<Item = OsString>, program: &str) -> Result<Cli, clap::Error> {
    let command = Cli::command().bin_name(program);
    let mut matches = command.try_get_matches_from(words)?;
    Cli::from_arg_matches_mut(&mut matches)
}

/// Prints help and usage errors; clap's own code for the latter is 2, ours is that of sysexits.
fn refuse(error: &clap::Error) -> ExitCode {
    // A closed standard output or error is no reason to fail in another way.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::Success,
        _ => ExitCode::Usage,
    }
}

fn execute(command: Command, program: &'static str, shell: &Shell) -> Result<(), Error> {
    match command {
        Command::Bundle(args) => bundle::run(&args, shell),
        Command::Run(args) => run::run(*args, shell),
        Command::Init(args) => init::run(&args, shell),
        Command::List(args) => inspect::list(&args),
        Command::Info(args) => inspect::info(&args),
        Command::Inspect(args) => report::run(&args, shell),
        Command::Cat(args) => inspect::cat(&args),
        Command::Extract(args) => inspect::extract(&args, shell),
        Command::Verify(args) => inspect::verify(&args),
        Command::Sign(args) => sign::run(&args, shell),
        Command::Set(args) => set::run(&args, shell),
        Command::Diff(args) => diff::run(&args, shell),
        Command::Sbom(args) => sbom::run(&args, shell),
        Command::Image(args) => image::run(&args, shell),
        Command::Deploy(args) => deploy::run(&args, shell),
        Command::Completions(args) => manual::completions(&args, program),
        Command::Man(args) => manual::man(&args, shell),
    }
}
