//! Bundles for measurements, written with the format's own writer.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use holdall_archive::{DosTime, Name, Packed, Writer};
use holdall_bundle::{
    About, Built, Content, Digest, EntryPoint, EntryPointKind, MANIFEST_FORMAT, MANIFEST_NAME,
    Manifest, Prefix,
};

/// The resource that is read first, of 1 KB.
pub const FIRST: &str = "first.txt";

/// A file in a bundle.
pub type Resource = (String, Vec<u8>);

/// What a bundle is made of.
#[derive(Debug)]
pub struct Recipe {
    /// The executable that it begins with.
    pub prefix: PathBuf,
    /// What runs.
    pub kind: EntryPointKind,
    /// The code of a `plugin` or `exec` entry point.
    pub payload: Option<PathBuf>,
    /// What is in it, stored.
    pub resources: Vec<Resource>,
}

impl Recipe {
    /// Writes the bundle, and sees to it that it is on the disk.
    pub fn write(self, output: &Path) -> Result<()> {
        let prefix = read(&self.prefix)?;
        let payload = self.payload.as_deref().map(|path| payload(self.kind, path)).transpose()?;
        let file =
            File::create(output).with_context(|| format!("can't make {}", output.display()))?;
        let mut writer = Writer::new(file.try_clone()?, output, &prefix, DosTime::EARLIEST)?;
        let files: Vec<&Resource> = payload.iter().chain(&self.resources).collect();
        let mut manifest = self.manifest(&writer, payload.as_ref(), &files);
        let length = manifest.to_json().len() as u64;
        let reserved =
            writer.reserve(Name::new(MANIFEST_NAME)?, 0o644, "application/json", length)?;
        for (name, content) in files {
            let packed = Packed::stored(content.clone());
            writer.add(Name::new(name)?, 0o644, "text/plain; charset=utf-8", &packed)?;
        }
        manifest.content.digest = Digest(writer.content().digest);
        writer.fill(reserved, &manifest.to_json())?;
        writer.finish()?;
        fs::set_permissions(output, fs::Permissions::from_mode(0o755))?;
        Ok(file.sync_all()?)
    }

    fn manifest(
        &self,
        writer: &Writer,
        payload: Option<&Resource>,
        files: &[&Resource],
    ) -> Manifest {
        Manifest {
            format: MANIFEST_FORMAT,
            name: "bench".into(),
            version: "0.0.0".into(),
            entry_point: EntryPoint {
                kind: self.kind,
                payload: payload.map(|(name, _)| name.clone()),
            },
            about: About::default(),
            arguments: Vec::new(),
            environment: Default::default(),
            serving: None,
            built: Built { by: "holdall-bench".into(), target: env!("BENCH_TARGET").into() },
            prefix: Prefix {
                size: writer.archive_offset(),
                sha256: Digest(writer.prefix_digest()),
            },
            content: Content {
                files: files.len() as u64,
                size: files.iter().map(|(_, content)| content.len() as u64).sum(),
                digest: Digest([0; 32]),
            },
        }
    }
}

fn payload(kind: EntryPointKind, path: &Path) -> Result<Resource> {
    let directory = kind.payload_prefix().context("this entry point has no payload")?;
    Ok((format!("{directory}payload"), read(path)?))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("can't read {}", path.display()))
}
