//! `holdall completions` and `holdall man`: both are made from the definition of the command line.

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::error::Error;
use crate::shell::Shell;
use clap::CommandFactory;
use holdall_bundle::ignore_broken_pipe;
use std::io::Write;
use std::path::Path;

/// Writes a completion script to standard output.
///
/// # Errors
/// [`Error::Stdout`].
pub fn completions(args: &CompletionsArgs, program: &str) -> Result<(), Error> {
    let mut script = Vec::new();
    let name = program.replace(' ', "-");
    clap_complete::generate(args.shell, &mut Cli::command(), name, &mut script);
    print(&script)
}

/// Writes the manual: all pages into a directory, or the first one to standard output.
///
/// # Errors
/// [`Error::Create`], [`Error::Write`] and [`Error::Stdout`].
pub fn man(args: &ManArgs, shell: &Shell) -> Result<(), Error> {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = &args.dir else {
        return print(&page(command)?);
    };
    std::fs::create_dir_all(dir).map_err(|source| Error::Create { path: dir.clone(), source })?;
    for subcommand in command.get_subcommands() {
        let name = format!("holdall-{}", subcommand.get_name());
        write_page(dir, &name, subcommand.clone().name(name.clone()), shell)?;
    }
    write_page(dir, "holdall", command, shell)
}

fn write_page(dir: &Path, name: &str, command: clap::Command, shell: &Shell) -> Result<(), Error> {
    let path = dir.join(format!("{name}.1"));
    let text = page(command)?;
    std::fs::write(&path, text).map_err(|source| Error::Write { path: path.clone(), source })?;
    shell.status("Wrote", path.display());
    Ok(())
}

fn page(command: clap::Command) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    // The date is left out: the same version gives the same page.
    clap_mangen::Man::new(command).date("").render(&mut text).map_err(Error::Stdout)?;
    Ok(text)
}

fn print(bytes: &[u8]) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    ignore_broken_pipe(out.write_all(bytes).and_then(|()| out.flush())).map_err(Error::Stdout)
}
