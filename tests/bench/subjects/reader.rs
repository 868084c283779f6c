//! Reads its first resource and ends: from its bundle, or the loose file that it is given.

#![forbid(unsafe_code)]

use std::{env, error::Error, fs};

use holdall_resources::Resources;

fn main() -> Result<(), Box<dyn Error>> {
    let length = match env::args_os().nth(1) {
        Some(loose) => fs::read(loose)?.len(),
        None => Resources::open()?.get("first.txt")?.bytes()?.len(),
    };
    if length == 0 { Err("the resource is empty".into()) } else { Ok(()) }
}
