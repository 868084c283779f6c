//! `holdall image`.

use crate::image::{Format, Platform, Reference};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// `holdall image`.
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The archive to make, - for standard output [default: NAME.oci.tar, here].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// What the image is called: [REGISTRY/]NAME:TAG [default: NAME:VERSION of the bundle].
    #[arg(short, long, value_name = "NAME:TAG")]
    pub tag: Option<Reference>,
    /// Refuse a bundle that is for another platform, such as linux/amd64 or linux/arm64.
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// Whose names the parts of the image have. Podman reads a health check in those of docker only.
    #[arg(long, value_name = "FORMAT", default_value = "oci")]
    pub format: Format,
    /// An argument of the bundle, until the user gives others; may be given more than once.
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    pub args: Vec<String>,
    /// A label, in place of one that comes from the bundle or from git; empty to leave it out.
    #[arg(long = "label", value_name = "NAME=VALUE")]
    pub labels: Vec<String>,
    /// Who runs it, and whom its volumes belong to.
    #[arg(long, value_name = "UID[:GID]", default_value = "65532:65532")]
    pub user: String,
    /// A directory that lasts, besides those of le: endpoints; may be given more than once.
    #[arg(long = "volume", value_name = "DIR")]
    pub volumes: Vec<String>,
    /// A TCP port that it listens on, where its arguments don't tell; may be given more than once.
    #[arg(long = "expose", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// What the health check asks, or none [default: its --admin endpoint, or else its first port].
    #[arg(long, value_name = "URL")]
    pub health: Option<String>,
    /// Leave out what git knows of the directory that the bundle is in.
    #[arg(long)]
    pub no_git: bool,
    /// Tell name, digests and platform as a JSON object.
    #[arg(long)]
    pub json: bool,
}

pub(super) const IMAGE_EXAMPLES: &str = "\
The image holds the bundle and nothing else: no shell, no library, no user but a number. The archive is
both an OCI image layout and what `docker save` writes, so everybody can load it. The same bundle makes
the same digest; give --no-git if the commit is not to matter.

Examples:
  holdall image sayhello --tag sayhello:1.0                      to sayhello.oci.tar
  holdall image sayhello --tag sayhello:1.0 -o - | podman load   the same for docker load
  holdall image sayhello --arg --port=le:/certs:tcp:443          with a volume for its certificates
  skopeo copy oci-archive:sayhello.oci.tar docker://registry.example.com/sayhello:1.0

Environment:
  SOURCE_DATE_EPOCH  when the image was made, in seconds [default: 1980-01-01]";
