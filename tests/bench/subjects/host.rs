//! The control of `plugin`: loads a plug-in from a loose file, and reads loose files for it.

#![forbid(unsafe_code)]

use std::{env, error::Error, fs, path::PathBuf};

use holdall_plugin::{Host, Plugin};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let usage = "usage: host PLUGIN DIRECTORY";
    let library = arguments.next().ok_or(usage)?;
    let directory = arguments.next().ok_or(usage)?;
    let host = Host::new(
        |_, message| eprintln!("host: {message}"),
        move |name| Ok(fs::read(directory.join(name))?.into()),
    );
    Plugin::load(&library, host)?;
    Err("the plug-in did not end the process".into())
}
