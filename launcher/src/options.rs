//! The command line of every bundle: what was typed, and what the program needs.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, builder::PossibleValuesParser};
use holdall_bundle::{Bundle, InfoFormat, ListFormat, Manifest};
use holdall_endpoint::Endpoint;

use crate::{Arguments, failure::Failure, question::Question};

/// What the user typed.
#[derive(Debug, Parser)]
#[command(
    disable_help_subcommand = true,
    after_help = "Examples:
  %NAME% --port 8080                        serve on port 8080 of all interfaces
  %NAME% --port tcp:0:interface=127.0.0.1   on a free port of this host
  %NAME% --list-resources=long              what is inside

Exit codes: 0 success, 64 usage, 65 damaged bundle, 66 no such resource, 69 unavailable,
73 can't create, 74 I/O, 77 no permission, 78 configuration."
)]
struct Typed {
    /// Where to listen, as `8080` or `tcp:8080:interface=127.0.0.1`; may be given again
    #[arg(short, long = "port", value_name = "ENDPOINT")]
    ports: Vec<String>,
    #[command(flatten)]
    question: TypedQuestion,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "What the bundle tells of itself")]
struct TypedQuestion {
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
          default_missing_value = "text", value_parser = PossibleValuesParser::new(["text", "json"]))]
    bundle_info: Option<String>,
    /// Check every byte against the checksums and digests
    #[arg(long)]
    verify: bool,
}

/// What the program needs.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where to listen; never empty.
    pub endpoints: Vec<Endpoint>,
    /// What to tell instead of serving.
    pub question: Option<Question>,
}

impl Options {
    /// Understands the arguments; those of the manifest are defaults, which the user's replace.
    pub fn parse(arguments: &Arguments, manifest: Option<&Manifest>) -> Result<Options, Failure> {
        let defaults = manifest.map(|manifest| manifest.arguments.as_slice()).unwrap_or_default();
        let defaults = parse(arguments, manifest, defaults.iter().map(OsString::from))?;
        let typed = parse(arguments, manifest, arguments.rest.iter().cloned())?;
        let ports = [typed.ports, defaults.ports, vec!["tcp:8080".into()]];
        let ports = ports.into_iter().find(|ports| !ports.is_empty()).unwrap_or_default();
        let endpoint =
            |port: String| port.parse().map_err(|error| usage(arguments, manifest, &error));
        Ok(Options {
            endpoints: ports.into_iter().map(endpoint).collect::<Result<_, _>>()?,
            question: typed.question.into(),
        })
    }
}

/// The question that the first argument asks; all other arguments belong to an `exec` program.
pub(crate) fn leading_question(
    bundle: &Bundle,
    arguments: &Arguments,
) -> Result<Option<Question>, Failure> {
    const QUESTIONS: [&str; 5] =
        ["--list-resources", "--cat-resource", "--extract-resources", "--bundle-info", "--verify"];
    let first = arguments.rest.first().and_then(|first| first.to_str()).unwrap_or_default();
    let name = first.split_once('=').map_or(first, |(name, _)| name);
    if !QUESTIONS.contains(&name) {
        return Ok(None);
    }
    Ok(parse(arguments, Some(bundle.manifest()), arguments.rest.iter().cloned())?.question.into())
}

fn parse(
    arguments: &Arguments,
    manifest: Option<&Manifest>,
    rest: impl Iterator<Item = OsString>,
) -> Result<Typed, clap::Error> {
    let program = std::iter::once(OsString::from(&arguments.program));
    let matches = command(arguments, manifest).try_get_matches_from(program.chain(rest))?;
    Typed::from_arg_matches(&matches)
}

fn command(arguments: &Arguments, manifest: Option<&Manifest>) -> clap::Command {
    let command = Typed::command().bin_name(&arguments.program).name(arguments.program.clone());
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let command = command.after_help(examples.replace("%NAME%", &arguments.program));
    match manifest {
        Some(manifest) => command
            .version(manifest.version.clone())
            .about(format!("{} {}, served from one file", manifest.name, manifest.version)),
        None => command,
    }
}

fn usage(
    arguments: &Arguments,
    manifest: Option<&Manifest>,
    error: &holdall_endpoint::ParseError,
) -> Failure {
    let kind = clap::error::ErrorKind::ValueValidation;
    command(arguments, manifest).error(kind, format!("--port: {error}")).into()
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
        typed.verify.then_some(Question::Verify)
    }
}
