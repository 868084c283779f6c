//! `holdall deploy`.

use crate::image::Reference;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// `holdall deploy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// To what.
    #[command(subcommand)]
    pub target: DeployTarget,
}

/// What a bundle is deployed to.
#[derive(Debug, Subcommand)]
pub enum DeployTarget {
    /// Write manifests for Kubernetes: deployment, service, and a volume for certificates.
    #[command(after_long_help = KUBERNETES_EXAMPLES)]
    Kubernetes(Box<KubernetesArgs>),
}

/// `holdall deploy kubernetes`.
#[derive(Debug, Args)]
pub struct KubernetesArgs {
    /// The bundle.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The image of it, as the cluster finds it.
    #[arg(long, value_name = "NAME:TAG")]
    pub image: Reference,
    /// The file to make [default: standard output].
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// What everything is called [default: the name of the bundle].
    #[arg(long)]
    pub name: Option<String>,
    /// An argument of the bundle; may be given more than once.
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    pub args: Vec<String>,
    /// A TCP port that it listens on, where its arguments don't tell; may be given more than once.
    #[arg(long = "expose", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub ports: Vec<u16>,
    /// How many of it run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub replicas: u32,
}

const KUBERNETES_EXAMPLES: &str = "\
Probes ask the --admin endpoint, which is put on port 9090 if the bundle has none. With le: endpoints there
is a volume, and a service that is reached from outside.

Examples:
  holdall deploy kubernetes sayhello --image registry.example.com/sayhello:1.0 | kubectl apply -f -
  holdall deploy kubernetes sayhello --image registry.example.com/sayhello:1.0 -o sayhello.yaml \\
    --arg --port=le:/var/lib/sayhello/certs:domains=www.example.com:tcp:443 --arg --port=redirect:tcp:80";
