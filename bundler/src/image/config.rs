//! What runs in an image and how: its configuration, and the labels in it.
//!
//! The keys are those of the image specification (OCI image-spec 1.1, `config.md`). `Healthcheck` is
//! Docker's own; others read over it. These few types are ours, as those of the crate `oci-spec` lack that
//! key and bring builders and macros that nobody here needs.

use crate::image::digest::Blob;
use crate::image::git::Git;
use crate::image::layer::User;
use crate::image::platform::Platform;
use holdall_bundle::Manifest;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the labels' names that everybody knows begin with (`annotations.md`).
const PREDEFINED: &str = "org.opencontainers.image.";

/// One second, as Docker counts time.
const SECOND_NS: u64 = 1_000_000_000;

/// Labels by their names.
pub type Labels = BTreeMap<String, String>;

/// The configuration of an image.
#[derive(Debug, Serialize)]
pub struct Config {
    created: String,
    architecture: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'static str>,
    os: &'static str,
    config: Execution,
    rootfs: Rootfs,
    history: [History; 1],
}

/// What is run, and what a user may have to know of it.
#[derive(Debug)]
pub struct Run {
    /// The path of the program.
    pub program: String,
    /// Its arguments, which a user can replace.
    pub arguments: Vec<String>,
    /// Who runs it.
    pub user: User,
    /// The TCP ports that others can reach.
    pub ports: Vec<u16>,
    /// The directories that have to last.
    pub volumes: Vec<String>,
    /// A URL that tells whether all is well.
    pub health: Option<String>,
    /// What is said about the image.
    pub labels: Labels,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution {
    user: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<String, Empty>,
    entrypoint: [String; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cmd: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<Healthcheck>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    volumes: BTreeMap<String, Empty>,
    working_dir: &'static str,
    labels: Labels,
    stop_signal: &'static str,
}

/// `{}`: the specification writes sets as Go does.
#[derive(Debug, Serialize)]
struct Empty {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck {
    test: [String; 4],
    interval: u64,
    timeout: u64,
    start_period: u64,
    retries: u64,
}

#[derive(Debug, Serialize)]
struct Rootfs {
    r#type: &'static str,
    diff_ids: [String; 1],
}

#[derive(Debug, Serialize)]
struct History {
    created: String,
    created_by: String,
}

impl Config {
    /// The configuration of an image with this one layer, made at this time.
    pub fn new(run: Run, platform: Platform, layer: &Blob, created: &str) -> Self {
        let set = |names: Vec<String>| names.into_iter().map(|name| (name, Empty {})).collect();
        let healthcheck = run.health.map(|url| Healthcheck::new(&run.program, url));
        let config = Execution {
            user: format!("{}:{}", run.user.uid, run.user.gid),
            exposed_ports: set(run.ports.iter().map(|port| format!("{port}/tcp")).collect()),
            entrypoint: [run.program],
            cmd: run.arguments,
            healthcheck,
            volumes: set(run.volumes),
            working_dir: "/",
            labels: run.labels,
            stop_signal: "SIGTERM",
        };
        Self {
            created: created.to_owned(),
            architecture: platform.architecture,
            variant: platform.variant,
            os: "linux",
            config,
            // Not compressed: the digest of what is in the layer is that of the layer.
            rootfs: Rootfs { r#type: "layers", diff_ids: [layer.to_string()] },
            history: [History {
                created: created.to_owned(),
                created_by: concat!("holdall ", env!("CARGO_PKG_VERSION")).to_owned(),
            }],
        }
    }
}

impl Healthcheck {
    fn new(program: &str, url: String) -> Self {
        Self {
            test: ["CMD".to_owned(), program.to_owned(), "--health".to_owned(), url],
            interval: 30 * SECOND_NS,
            timeout: 10 * SECOND_NS,
            start_period: 10 * SECOND_NS,
            retries: 3,
        }
    }
}

/// What bundle and git say about the image, under the names that everybody knows.
pub fn labels(manifest: &Manifest, git: &Git, created: &str) -> Labels {
    let about = &manifest.about;
    let authors = (!about.authors.is_empty()).then(|| about.authors.join(", "));
    let known = [
        ("title", Some(manifest.name.clone())),
        ("version", Some(manifest.version.clone())),
        ("created", Some(created.to_owned())),
        ("description", about.description.clone()),
        ("licenses", about.license.clone()),
        ("authors", authors),
        ("url", about.homepage.clone()),
        ("documentation", about.documentation.clone()),
        ("source", about.repository.clone().or_else(|| git.source.clone())),
        ("revision", git.revision.clone()),
    ];
    let label =
        |(name, value): (&str, Option<String>)| Some((format!("{PREDEFINED}{name}"), value?));
    known.into_iter().filter_map(label).collect()
}
