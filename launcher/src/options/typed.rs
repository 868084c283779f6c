//! What the user types, as clap reads it: the options of every bundle in the groups of `--help`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, builder::PossibleValuesParser};
use holdall_bundle::{InfoFormat, ListFormat};
use holdall_endpoint::Endpoint;

use super::{Action, Lifecycle, Limits, Logs};
use crate::certificates::Format;
use crate::health::HealthUrl;
use crate::question::Question;

/// What comes after the options in `--help`; `%NAME%` is the program.
pub(super) const AFTER_HELP: &str = "\
Examples:
  %NAME% --port 8080                       on port 8080 of all interfaces
  %NAME% --port tcp:0:interface=127.0.0.1  on a free port of this host
  %NAME% --port tls:443:privateKey=key.pem:certKey=cert.pem
  %NAME% --port le:/srv/www/certs:domains=www.example.com:tcp:443
  %NAME% --port unix:/run/hello/http.sock:mode=660 --admin 9090
  %NAME% --port 8080 --check               what would happen, without doing it
  %NAME% --list-resources=long             what is inside

TIME is in seconds, or as 500ms, 30s, 5m, 1h.
SIZE is in bytes, or as 64k, 10M, 1G.

Every option that is no question can be given in the environment as well:
--grace-period 30 as HOLDALL_GRACE_PERIOD=30, flags as 1 or 0, several values
with spaces between them. PORT=8080 alone means --port tcp:8080. The command
line comes before the environment, and that before the defaults of the bundle.

Exit codes: 0 success, 64 usage, 65 damaged bundle, 66 no such resource,
69 unavailable, 70 internal error, 73 can't create, 74 I/O, 77 no permission,
78 configuration.";

/// What can be typed.
#[derive(Debug, Parser)]
pub(super) struct Typed {
    #[command(flatten)]
    pub settings: Settings,
    #[command(flatten)]
    pub question: TypedQuestion,
    /// Tell the names, the end and the next renewal of all certificates
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true,
          default_missing_value = "table", conflicts_with = "TypedQuestion",
          value_parser = PossibleValuesParser::new(["table", "json"]))]
    #[arg(help_heading = "Questions, answered instead of serving")]
    pub certificates: Option<String>,
    /// Say what would happen; opens nothing. With --certificates: end with 69 unless all are well
    #[arg(long, conflicts_with = "TypedQuestion")]
    #[arg(help_heading = "Questions, answered instead of serving")]
    pub check: bool,
}

/// What can also stand in the environment and in a manifest.
#[derive(Debug, Args)]
pub(super) struct Settings {
    #[command(flatten)]
    pub endpoints: Endpoints,
    #[command(flatten)]
    pub lifecycle: Lifecycle,
    #[command(flatten)]
    pub sandbox: TypedSandbox,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub logs: Logs,
    #[command(flatten)]
    pub trust: Trust,
    /// Pages load themselves again when another server answers; `holdall run` asks for it
    #[arg(long, hide = true)]
    pub live_reload: bool,
}

/// Who must have made the bundle; [`trust`](crate::trust) has looked at it before.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(super) struct Trust {
    /// Run only if this file is, to the byte, what the owner of a minisign key signed: the public key
    /// or a file with it
    #[arg(long, value_name = "KEY")]
    require_signature: Option<OsString>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Endpoints")]
pub(super) struct Endpoints {
    /// Where to serve: a port, unix:PATH, tls:...; may be repeated
    #[arg(short, long = "port", value_name = "ENDPOINT", default_value = "tcp:8080")]
    pub ports: Vec<Endpoint>,
    /// Where to tell how it goes: /livez, /readyz, /metrics
    #[arg(long, value_name = "ENDPOINT")]
    pub admin: Option<Endpoint>,
    /// Make FILE at the start if it is not there: in the directory of le:, it asks for a certificate
    #[arg(long = "empty-file", value_name = "FILE")]
    pub empty_files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Sandbox")]
pub(super) struct TypedSandbox {
    /// Let the service read what is at or below PATH; may be repeated
    #[arg(long = "allow-path", value_name = "PATH")]
    pub readable: Vec<PathBuf>,
    /// Let the service read and write what is at or below PATH; may be repeated
    #[arg(long = "allow-write", value_name = "PATH")]
    pub writable: Vec<PathBuf>,
    /// Let the service open and execute whatever its user may
    #[arg(long)]
    pub no_sandbox: bool,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "Questions, answered instead of serving")]
pub(super) struct TypedQuestion {
    /// Write a systemd unit for these options
    #[arg(long)]
    print_unit: bool,
    /// List the resources: names, or a table (long), or JSON
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true,
          default_missing_value = "names",
          value_parser = PossibleValuesParser::new(["names", "long", "json"]))]
    list_resources: Option<String>,
    /// Write a resource to standard output
    #[arg(long, value_name = "NAME")]
    cat_resource: Option<String>,
    /// Write all resources below a directory
    #[arg(long, value_name = "DIR")]
    extract_resources: Option<PathBuf>,
    /// Name, version, entry point, sizes, digests, what built it
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true,
          default_missing_value = "text",
          value_parser = PossibleValuesParser::new(["text", "json"]))]
    bundle_info: Option<String>,
    /// Check every byte against the checksums and digests
    #[arg(long)]
    verify: bool,
    /// Ask a server whether it is well: http://HOST[:PORT][/PATH], or unix:SOCKET[:/PATH]; it is
    /// unless it does not answer, or with 5xx
    #[arg(long, value_name = "URL")]
    health: Option<HealthUrl>,
}

/// What is asked for.
pub(super) fn action(typed: TypedQuestion, certificates: Option<String>, is_check: bool) -> Action {
    if let Some(format) = certificates {
        let format = if format == "json" { Format::Json } else { Format::Table };
        return Action::Certificates { format, is_check };
    }
    if is_check {
        return Action::Check;
    }
    if typed.print_unit {
        return Action::PrintUnit;
    }
    Option::from(typed).map_or(Action::Serve, Action::Answer)
}

impl From<TypedQuestion> for Option<Question> {
    fn from(typed: TypedQuestion) -> Self {
        if let Some(format) = typed.list_resources {
            return Some(Question::List(match format.as_str() {
                "long" => ListFormat::Long,
                "json" => ListFormat::Json,
                _ => ListFormat::Names,
            }));
        }
        if let Some(format) = typed.bundle_info {
            let json = format == "json";
            return Some(Question::Info(if json { InfoFormat::Json } else { InfoFormat::Text }));
        }
        if let Some(name) = typed.cat_resource {
            return Some(Question::Cat(name));
        }
        if let Some(directory) = typed.extract_resources {
            return Some(Question::Extract(directory));
        }
        if let Some(url) = typed.health {
            return Some(Question::Health(url));
        }
        typed.verify.then_some(Question::Verify)
    }
}
