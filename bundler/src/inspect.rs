//! `holdall list`, `info`, `cat`, `extract` and `verify`: what a bundle can tell of itself.

use crate::cli::{CatArgs, ExtractArgs, InfoArgs, ListArgs, VerifyArgs};
use crate::error::Error;
use crate::report;
use crate::shell::Shell;
use holdall_archive::Archive;
use holdall_bundle::{
    Bundle, BundleError, ExitCode, InfoFormat, ListFormat, PublicKey, grouped, print_verification,
};
use std::io::stdout;

pub fn list(args: &ListArgs) -> Result<(), Error> {
    let format = match (args.long, args.json) {
        (_, true) => ListFormat::Json,
        (true, _) => ListFormat::Long,
        _ => ListFormat::Names,
    };
    Ok(Bundle::open(&args.file)?.list(format, &mut stdout().lock())?)
}

pub fn info(args: &InfoArgs) -> Result<(), Error> {
    if args.tree.tree {
        return report::tree(args);
    }
    let format = if args.json { InfoFormat::Json } else { InfoFormat::Text };
    Ok(Bundle::open(&args.file)?.info(format, None, &mut stdout().lock())?)
}

pub fn cat(args: &CatArgs) -> Result<(), Error> {
    Ok(Bundle::open(&args.file)?.cat(&args.name, &mut stdout().lock())?)
}

pub fn extract(args: &ExtractArgs, shell: &Shell) -> Result<(), Error> {
    let extracted = Bundle::open(&args.file)?.extract(&args.dir)?;
    let (files, size) = (grouped(extracted.files), grouped(extracted.size));
    shell.status(
        "Extracted",
        format_args!("{files} files, {size} bytes, to {}", args.dir.display()),
    );
    Ok(())
}

pub fn verify(args: &VerifyArgs) -> Result<(), Error> {
    let key = args.public_key.as_deref().map(PublicKey::new).transpose()?;
    let archive = Archive::open(&args.file).map_err(BundleError::Archive)?;
    // What is damaged is told line by line, each with the name of the file.
    let mut err = anstream::stderr().lock();
    match print_verification(&archive, key.as_ref(), &mut stdout().lock(), &mut err) {
        ExitCode::Success => Ok(()),
        code => Err(Error::Reported(code)),
    }
}
