//! One certificate for all servers.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Result;
use rcgen::generate_simple_self_signed;

/// The name in it.
pub const HOST: &str = "localhost";

/// Writes key and certificate to one file, which is alone in its directory.
pub fn write(directory: &Path) -> Result<PathBuf> {
    let made = generate_simple_self_signed([HOST.to_owned()])?;
    let directory = directory.join("certificates");
    fs::create_dir(&directory)?;
    let path = directory.join(format!("{HOST}.pem"));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all((made.signing_key.serialize_pem() + &made.cert.pem()).as_bytes())?;
    Ok(path)
}
