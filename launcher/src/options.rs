//! The command line of every bundle: what was typed becomes what the program needs.
//!
//! A value is that of the command line, else of the environment, else of the manifest's arguments,
//! else the built-in one; `--help` shows what holds where nothing is typed.

mod declared;
mod limits;
mod presets;
#[cfg(test)]
mod tests;
mod typed;
mod value;

use std::{ffi::OsString, fmt, path::PathBuf, time::Duration};

use clap::{
    ArgMatches, Args, Command, CommandFactory, FromArgMatches, ValueEnum, error::ErrorKind,
};
use holdall_bundle::{Bundle, EntryPointKind, Manifest};
use holdall_endpoint::{Endpoint, Socket};
use holdall_service::{ServiceOption, ServiceOptions};

use crate::{Arguments, certificates::Format, failure::Failure, question::Question};
use presets::Presets;
use typed::{Endpoints, Settings, Typed, TypedSandbox};

pub(crate) use declared::DeclarationError;
pub(crate) use limits::Limits;
pub(crate) use presets::{Given, Origin};

/// What the program needs.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where to listen; never empty.
    pub endpoints: Vec<Endpoint>,
    /// Where to serve `/livez`, `/readyz` and `/metrics`.
    pub admin: Option<Endpoint>,
    /// Files that ask for certificates, to be made where there are none.
    pub empty_files: Vec<PathBuf>,
    pub lifecycle: Lifecycle,
    /// None: the service may do whatever its user may.
    pub sandbox: Option<Sandbox>,
    pub limits: Limits,
    pub logs: Logs,
    /// For development: pages load themselves again when another server answers.
    pub live_reload: bool,
    /// The values of the options that the service declares.
    pub service: ServiceOptions,
    pub action: Action,
    /// What differs from the built-in defaults, and where it comes from.
    pub given: Vec<Given>,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Action {
    Serve,
    Answer(Question),
    Check,
    Certificates { format: Format, is_check: bool },
    PrintUnit,
}

/// How the server ends, is replaced, and who it is.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Lifecycle")]
pub(crate) struct Lifecycle {
    /// How long requests may take to finish when the server ends
    #[arg(long, value_name = "TIME", default_value = "10", value_parser = value::time)]
    pub grace_period: Duration,
    /// How long the next version may take to get ready (SIGUSR2)
    #[arg(long, value_name = "TIME", default_value = "60", value_parser = value::timeout)]
    pub upgrade_timeout: Duration,
    /// Become this user, by name or number, once the endpoints are open
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Become this group; by default the user's own
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
}

/// What the service may open beside the bundle and its certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sandbox {
    /// Files, and directories with all that is below them, to read.
    pub readable: Vec<PathBuf>,
    /// The same, to read and write.
    pub writable: Vec<PathBuf>,
}

/// What is told, how, and where.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Logs")]
pub(crate) struct Logs {
    /// The least that is told
    #[arg(long = "log-level", value_name = "LEVEL", default_value = "info")]
    pub level: LogLevel,
    /// By default text on a terminal, and JSON otherwise
    #[arg(long = "log-format", value_name = "FORMAT")]
    pub format: Option<LogFormat>,
    /// A path, - for standard output, or + for standard error; reopened on SIGHUP
    #[arg(long = "log-file", value_name = "FILE", default_value = "+")]
    pub file: LogFile,
    /// One line for each request; auto is combined where the log is text, and JSON otherwise
    #[arg(long = "access-log", value_name = "FORMAT", num_args = 0..=1, require_equals = true,
          default_value = "off", default_missing_value = "auto")]
    pub access: AccessLog,
}

/// How much a line in the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// How a line in the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        formatter.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Where the log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogFile {
    Stdout,
    Stderr,
    Path(PathBuf),
}

impl From<OsString> for LogFile {
    fn from(file: OsString) -> Self {
        match file.as_encoded_bytes() {
            b"-" => LogFile::Stdout,
            b"+" => LogFile::Stderr,
            _ => LogFile::Path(file.into()),
        }
    }
}

/// How a line for a request looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccessLog {
    Off,
    Auto,
    Combined,
    Json,
}

/// All that options come from.
pub(crate) struct Invocation<'a> {
    pub arguments: &'a Arguments,
    pub manifest: Option<&'a Manifest>,
    /// What the service declares.
    pub declared: &'a [ServiceOption],
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Options {
    /// Understands all of it; nothing is opened.
    pub fn parse(invocation: &Invocation) -> Result<Options, Failure> {
        let command = invocation.full_command()?;
        let settings = invocation.settings_command();
        let defaults = invocation.manifest.map_or(&[][..], |manifest| &manifest.arguments);
        let presets = Presets::of_manifest(&settings, defaults)?
            .under(Presets::of_environment(&settings, invocation.variable)?);
        let rest = &invocation.arguments.rest;
        let matches = matches(presets.apply(command), invocation.arguments, rest)?;
        let Typed { settings: typed, question, certificates, check } =
            Typed::from_arg_matches(&matches)?;
        if let Some(socket) = given_twice(&typed.endpoints) {
            let problem = format!("{socket} is given twice; each socket can be opened once");
            return Err(settings.clone().error(ErrorKind::ValueValidation, problem).into());
        }
        let given = presets.given(&settings, &matches);
        Ok(Options {
            endpoints: typed.endpoints.ports,
            admin: typed.endpoints.admin,
            empty_files: typed.endpoints.empty_files,
            lifecycle: typed.lifecycle,
            sandbox: sandbox(typed.sandbox, &presets, &given),
            limits: typed.limits,
            logs: typed.logs,
            live_reload: typed.live_reload,
            service: declared::values(invocation.declared, &matches),
            action: typed::action(question, certificates, check),
            given,
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
    // A program may well have a `--health` of its own.
    let is_ours = bundle.manifest().entry_point.kind != EntryPointKind::Exec;
    let first = arguments.rest.first().and_then(|first| first.to_str()).unwrap_or_default();
    let name = first.split_once('=').map_or(first, |(name, _)| name);
    let is_question = QUESTIONS.contains(&name) || is_ours && name == "--health";
    if !is_question {
        return Ok(None);
    }
    let manifest = Some(bundle.manifest());
    let invocation = Invocation { arguments, manifest, declared: &[], variable: &|_| None };
    let matches = matches(invocation.full_command()?, arguments, &arguments.rest)?;
    Ok(Typed::from_arg_matches(&matches)?.question.into())
}

impl Invocation<'_> {
    /// What people call the service.
    fn name(&self) -> &str {
        self.manifest.map_or(&self.arguments.program, |manifest| &manifest.name)
    }

    /// Everything that can be typed.
    fn full_command(&self) -> Result<Command, DeclarationError> {
        declared::check(self.declared, &Typed::command())?;
        let program = &self.arguments.program;
        let command = Command::new(program.clone())
            .bin_name(program)
            .max_term_width(100)
            .disable_help_subcommand(true)
            .after_help(typed::AFTER_HELP.replace("%NAME%", program));
        let command = Typed::augment_args(declared::add(command, self.declared, self.name()));
        Ok(match self.manifest {
            Some(Manifest { name, version, .. }) => command
                .version(version.clone())
                .about(format!("{name} {version}, served from one file")),
            None => command.about(format!("{program}, not bundled yet")),
        })
    }

    /// What can also stand in the environment and in a manifest.
    fn settings_command(&self) -> Command {
        let command = Command::new(self.arguments.program.clone())
            .disable_help_flag(true)
            .disable_version_flag(true);
        Settings::augment_args(declared::add(command, self.declared, self.name()))
    }
}

fn matches(
    command: Command,
    arguments: &Arguments,
    rest: &[OsString],
) -> Result<ArgMatches, clap::Error> {
    let program = std::iter::once(OsString::from(&arguments.program));
    command.try_get_matches_from(program.chain(rest.iter().cloned()))
}

/// A socket that two endpoints ask for; free ports are as many as one likes.
fn given_twice(endpoints: &Endpoints) -> Option<&Socket> {
    let all: Vec<_> = endpoints.ports.iter().chain(&endpoints.admin).collect();
    let is_free = |socket: &Socket| matches!(socket, Socket::Tcp(tcp) if tcp.address.port() == 0);
    let sockets = all.iter().map(|endpoint| &endpoint.socket).enumerate();
    let mut twice = sockets.filter(|(index, socket)| {
        !is_free(socket) && all[..*index].iter().any(|other| other.socket == **socket)
    });
    twice.next().map(|(_, socket)| socket)
}

/// Paths on the command line come after those of environment and manifest, and replace none.
fn sandbox(typed: TypedSandbox, presets: &Presets, given: &[Given]) -> Option<Sandbox> {
    let all = |id, name, typed: Vec<PathBuf>| {
        let is_typed = |given: &Given| given.name == name && given.origin == Origin::CommandLine;
        let before = given.iter().any(is_typed).then(|| presets.values(id));
        before.into_iter().flatten().map(PathBuf::from).chain(typed).collect()
    };
    let sandbox = Sandbox {
        readable: all("readable", "allow-path", typed.readable),
        writable: all("writable", "allow-write", typed.writable),
    };
    (!typed.no_sandbox).then_some(sandbox)
}
