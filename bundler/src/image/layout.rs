//! The archive that an image is handed on in: an image layout, and what Docker has instead, in one tar.
//!
//! ```text
//! oci-layout            {"imageLayoutVersion":"1.0.0"}
//! index.json            the manifest, and by which names it goes
//! manifest.json         the same for Docker: configuration, names, layers
//! blobs/sha256/…        configuration
//! blobs/sha256/…        manifest
//! blobs/sha256/…        layer
//! ```
//!
//! `docker save` writes the same since Docker 25, so `docker load`, `podman load`, `ctr image import` and
//! `skopeo copy oci-archive:` all take it. What is small comes first: who reads a pipe need not keep the layer.
//!
//! OCI image-spec 1.1 (`image-layout.md`, `manifest.md`); Docker's `image/spec/v1.2.md` for `manifest.json`.

use crate::image::config::Config;
use crate::image::digest::{Blob, Digesting};
use crate::image::layer::{Layer, header};
use crate::image::platform::Platform;
use crate::image::reference::Reference;
use clap::ValueEnum;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use tar::{Builder, EntryType};

/// By whose names the parts of an image are called; the content is the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Those of the Open Container Initiative.
    #[default]
    Oci,
    /// Those of Docker: Podman reads a health check in these only.
    Docker,
}

/// Media types of configuration, layer and manifest.
struct MediaTypes {
    config: &'static str,
    layer: &'static str,
    manifest: &'static str,
}

const INDEX_MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";

impl Format {
    fn media_types(self) -> MediaTypes {
        match self {
            Self::Oci => MediaTypes {
                config: "application/vnd.oci.image.config.v1+json",
                layer: "application/vnd.oci.image.layer.v1.tar",
                manifest: "application/vnd.oci.image.manifest.v1+json",
            },
            Self::Docker => MediaTypes {
                config: "application/vnd.docker.container.image.v1+json",
                layer: "application/vnd.docker.image.rootfs.diff.tar",
                manifest: "application/vnd.docker.distribution.manifest.v2+json",
            },
        }
    }
}

/// An image, complete but for the bytes of its layer.
#[derive(Debug)]
pub struct Layout {
    layer: Blob,
    config: Vec<u8>,
    manifest: Vec<u8>,
    index: Vec<u8>,
    docker_manifest: Vec<u8>,
}

/// Something that is somewhere else, known by its digest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<PlatformKeys>,
}

#[derive(Debug, Serialize)]
struct PlatformKeys {
    architecture: &'static str,
    os: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor,
    layers: [Descriptor; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: &'static str,
    manifests: [Descriptor; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerManifest {
    config: String,
    repo_tags: [String; 1],
    layers: [String; 1],
}

impl Descriptor {
    fn new(media_type: &'static str, blob: &Blob) -> Self {
        let (digest, size) = (blob.to_string(), blob.size);
        Self { media_type, digest, size, annotations: BTreeMap::new(), platform: None }
    }
}

impl Layout {
    /// The image with this layer and configuration.
    pub fn new(
        config: &Config,
        layer: Blob,
        reference: &Reference,
        platform: Platform,
        format: Format,
    ) -> Self {
        let types = format.media_types();
        let config = json(config);
        let manifest = json(&Manifest {
            schema_version: 2,
            media_type: types.manifest,
            config: Descriptor::new(types.config, &Blob::of(&config)),
            layers: [Descriptor::new(types.layer, &layer)],
        });
        let mut in_index = Descriptor::new(types.manifest, &Blob::of(&manifest));
        in_index.annotations = names(reference);
        in_index.platform = Some(PlatformKeys {
            architecture: platform.architecture,
            os: "linux",
            variant: platform.variant,
        });
        let index =
            json(&Index { schema_version: 2, media_type: INDEX_MEDIA_TYPE, manifests: [in_index] });
        let docker_manifest = json(&[DockerManifest {
            config: Blob::of(&config).path(),
            repo_tags: [reference.to_string()],
            layers: [layer.path()],
        }]);
        Self { layer, config, manifest, index, docker_manifest }
    }

    /// The digest by which registries know the image.
    pub fn digest(&self) -> Blob {
        Blob::of(&self.manifest)
    }

    /// The digest of its configuration, by which Docker and Podman know it on a host.
    pub fn id(&self) -> Blob {
        Blob::of(&self.config)
    }

    /// Writes the archive. Tells whether the layer still was what it was when its digest was made.
    ///
    /// # Errors
    /// If the bundle can't be read or `out` can't be written.
    pub fn write(&self, layer: &Layer, out: impl Write) -> io::Result<bool> {
        let mut builder = Builder::new(out);
        let (config, manifest) = (self.id().path(), self.digest().path());
        let layout = b"{\"imageLayoutVersion\":\"1.0.0\"}";
        append(&mut builder, "oci-layout", layout, layer.time)?;
        append(&mut builder, "index.json", &self.index, layer.time)?;
        append(&mut builder, "manifest.json", &self.docker_manifest, layer.time)?;
        for directory in ["blobs/", "blobs/sha256/"] {
            let mut header = header(EntryType::Directory, 0o755, 0, layer.time);
            builder.append_data(&mut header, directory, io::empty())?;
        }
        append(&mut builder, &config, &self.config, layer.time)?;
        append(&mut builder, &manifest, &self.manifest, layer.time)?;
        let mut header = header(EntryType::Regular, 0o644, self.layer.size, layer.time);
        // The header alone: what follows is written by the layer itself. It is a tar of whole blocks, so
        // there is nothing to fill up.
        builder.append_data(&mut header, self.layer.path(), io::empty())?;
        let mut written = Digesting::new(builder.get_mut());
        layer.write(&mut written)?;
        let is_the_same = written.finish() == self.layer;
        builder.into_inner()?.flush()?;
        Ok(is_the_same)
    }
}

fn append(
    builder: &mut Builder<impl Write>,
    name: &str,
    content: &[u8],
    time: u64,
) -> io::Result<()> {
    let mut header = header(EntryType::Regular, 0o644, content.len() as u64, time);
    builder.append_data(&mut header, name, content)
}

/// The names of an image in an index: the tag for those who follow the specification, all of it for
/// containerd, Docker and Podman.
fn names(reference: &Reference) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("io.containerd.image.name", reference.qualified()),
        ("org.opencontainers.image.ref.name", reference.tag().to_owned()),
    ])
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Texts, numbers, lists and maps of text: there is nothing in it that JSON can't say.
    serde_json::to_vec(value).unwrap_or_default()
}
