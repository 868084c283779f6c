//! The site that all of them serve: a directory, the bundle made of it, and its files compressed.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};

use crate::{
    content::{self, Random},
    programs::Programs,
};

/// Files of which nothing can be compressed: their name, their size in bytes.
const SIZES: [(&str, usize); 6] = [
    ("14b.bin", 14),
    ("1k.bin", 1024),
    ("10k.bin", 10 << 10),
    ("100k.bin", 100 << 10),
    ("1m.bin", 1 << 20),
    ("100m.bin", 100 << 20),
];
/// A page that is about 10 KB when it is compressed.
pub const PAGE: &str = "page.html";
const PAGE_BYTES: usize = 36_000;
/// Many small files: `many/0000.bin` and so on.
pub const MANY: usize = 10_000;
const MANY_BYTES: usize = 1024;

/// Where it is.
#[derive(Debug)]
pub struct Site {
    /// The directory with the files.
    pub root: PathBuf,
    /// The executable file that serves them.
    pub bundle: PathBuf,
}

impl Site {
    /// Writes the files, makes the bundle, and then compresses for the others what the bundle has
    /// compressed.
    pub fn write(programs: &Programs, directory: &Path, launcher: Option<&Path>) -> Result<Self> {
        let site = Site { root: directory.join("site"), bundle: directory.join("bundle") };
        site.write_files()?;
        site.make_bundle(&programs.holdall(), launcher)?;
        let page = gzip(&site.read(PAGE)?)?;
        fs::write(site.root.join(format!("{PAGE}.gz")), page)?;
        Ok(site)
    }

    /// The content of one of its files.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let path = self.root.join(path);
        fs::read(&path).with_context(|| format!("can't read {}", path.display()))
    }

    fn write_files(&self) -> Result<()> {
        let mut random = Random::new(19);
        let mut files: Vec<_> =
            SIZES.map(|(name, size)| (name.to_owned(), random.bytes(size))).into();
        files.push((PAGE.to_owned(), content::page(PAGE_BYTES)));
        files.extend(
            (0..MANY).map(|number| (format!("many/{number:04}.bin"), random.bytes(MANY_BYTES))),
        );
        content::write_tree(&self.root, &files)
    }

    fn make_bundle(&self, holdall: &Path, launcher: Option<&Path>) -> Result<()> {
        let mut command = Command::new(holdall);
        command.args(["--quiet", "bundle"]).arg(&self.root).arg("--output").arg(&self.bundle);
        command.args(launcher.iter().flat_map(|launcher| [Path::new("--launcher"), launcher]));
        let status = command.status().with_context(|| format!("can't run {command:?}"))?;
        ensure!(status.success(), "{command:?} failed: {status}");
        Ok(())
    }
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}
