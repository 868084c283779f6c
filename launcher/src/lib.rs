//! The runtime of a bundle: opens its own archive, reads the manifest, runs the entry point.
//!
//! The stock launcher is [`run`] and nothing else. A program of its own, a `linked` entry point,
//! calls [`serve`] with its service: it then takes the same options as every bundle, whether it
//! was bundled yet or not.
//!
//! ```no_run
//! use std::convert::Infallible;
//! use holdall_service::{BoxService, Response};
//!
//! fn hello() -> Result<BoxService, Infallible> {
//!     Ok(BoxService::from_fn(|_| Response::new("hello".into())))
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     holdall_launcher::serve(hello)
//! }
//! ```
//!
//! A service with options of its own is started by a [`Launcher`] that knows them.

mod capabilities;
mod certificates;
mod check;
mod confinement;
mod environment;
mod exec;
mod failure;
mod health;
mod host;
mod lifecycle;
mod logs;
mod options;
#[cfg(feature = "plugin")]
mod plugin;
mod question;
mod reload;
mod site;
mod tending;
mod trust;
mod unit;
mod upgrade;

use std::{ffi::OsString, process};

use holdall_archive::Archive;
use holdall_bundle::{Bundle, EntryPointKind, ExitCode, Manifest};
use holdall_service::{BoxError, BoxService, Request, ServiceOption, ServiceOptions};

use failure::Failure;
use holdall_process::environment::set_defaults;
use host::Program;
use options::{Action, Invocation, Options};
use question::Question;

/// Runs the bundle that this executable heads, as its manifest says.
///
/// Returns when the service has ended; an `exec` entry point replaces the process instead.
pub fn run() -> process::ExitCode {
    let arguments = Arguments::of_process();
    report(&arguments.program.clone(), start_bundle(arguments))
}

/// Serves the service that `start` makes, in a bundle or on its own.
///
/// `start` is called after the command line was understood, and may open the
/// [`Resources`](holdall_resources::Resources) of the program.
pub fn serve<S, B, E>(start: impl FnOnce() -> Result<S, E>) -> process::ExitCode
where
    S: tower_service::Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    E: Into<BoxError>,
{
    Launcher::new().serve(|_| start())
}

/// Serves a service that has options of its own.
///
/// ```no_run
/// use std::convert::Infallible;
/// use holdall_launcher::Launcher;
/// use holdall_service::{BoxService, Response, ServiceOption, ServiceOptions};
///
/// const OPTIONS: &[ServiceOption] = &[ServiceOption {
///     name: "greeting",
///     value: Some("TEXT"),
///     default: Some("hello"),
///     help: "What every answer says",
/// }];
///
/// fn hello(options: &ServiceOptions) -> Result<BoxService, Infallible> {
///     let greeting = options.get("greeting").unwrap_or_default().to_owned();
///     Ok(BoxService::from_fn(move |_| Response::new(greeting.clone().into())))
/// }
///
/// fn main() -> std::process::ExitCode {
///     Launcher::new().options(OPTIONS).serve(hello)
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Launcher {
    declared: &'static [ServiceOption],
}

impl Launcher {
    /// A launcher for a service without options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds options: `--help` shows them, and they are parsed with those of every bundle.
    #[must_use]
    pub fn options(self, declared: &'static [ServiceOption]) -> Self {
        Self { declared }
    }

    /// [`serve`](fn@serve), for a `start` that gets the values of the options.
    pub fn serve<S, B, E>(
        self,
        start: impl FnOnce(&ServiceOptions) -> Result<S, E>,
    ) -> process::ExitCode
    where
        S: tower_service::Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
        E: Into<BoxError>,
    {
        let arguments = Arguments::of_process();
        let start = |options: ServiceOptions| {
            start(&options).map(BoxService::new).map_err(|error| Failure::Start(error.into()))
        };
        let program = arguments.program.clone();
        report(&program, start_linked(arguments, self.declared, start))
    }
}

/// What the process was started with.
struct Arguments {
    /// How the user calls the program, for messages.
    program: String,
    rest: Vec<OsString>,
}

impl Arguments {
    fn of_process() -> Self {
        let mut arguments = std::env::args_os();
        let program = arguments.next().unwrap_or_default();
        let name = std::path::Path::new(&program).file_name().unwrap_or(&program);
        Arguments { program: name.to_string_lossy().into_owned(), rest: arguments.collect() }
    }
}

fn start_bundle(arguments: Arguments) -> Result<ExitCode, Failure> {
    if question::is_verification(&arguments.rest) {
        return question::verify_running();
    }
    let bundle = Bundle::open_running().map_err(Failure::not_opened)?;
    prepare(&bundle, &arguments)?;
    match bundle.manifest().entry_point.kind {
        EntryPointKind::Exec => match options::leading_question(&bundle, &arguments)? {
            Some(question) => question.answer(&bundle),
            None => {
                let arguments = trust::arguments_of_program(&arguments.rest);
                exec::replace(&bundle, arguments).map(|never| match never {})
            }
        },
        EntryPointKind::Site => start_server(bundle, &arguments, &[], site::start),
        EntryPointKind::Plugin => start_plugin(bundle, &arguments),
        EntryPointKind::Linked => Err(Failure::NotLinked),
    }
}

/// What comes before anything of the bundle runs: its signature, where one is required, and the
/// defaults of the environment.
fn prepare(bundle: &Bundle, arguments: &Arguments) -> Result<(), Failure> {
    trust::check(bundle, &arguments.rest)?;
    Ok(set_defaults(&bundle.manifest().environment)?)
}

fn start_linked(
    arguments: Arguments,
    declared: &[ServiceOption],
    start: impl FnOnce(ServiceOptions) -> Result<BoxService, Failure>,
) -> Result<ExitCode, Failure> {
    if Archive::is_expected() {
        if question::is_verification(&arguments.rest) {
            return question::verify_running();
        }
        let bundle = Bundle::open_running()?;
        prepare(&bundle, &arguments)?;
        return start_server(bundle, &arguments, declared, |_, options| start(options));
    }
    let options = parse(&arguments, None, declared)?;
    let program = Program { name: arguments.program, version: String::new(), is_bundled: false };
    match options.action {
        Action::Answer(Question::Health(url)) => question::ask_health(&url),
        Action::Answer(_) => Err(Failure::NotBundled),
        Action::Check => check::print(&program.name, &options),
        Action::Certificates { format, is_check } => {
            certificates::print(&options, format, is_check)
        }
        Action::PrintUnit => unit::print(&program.name, &options),
        Action::Serve => host::serve(&program, &options, || start(options.service.clone())),
    }
}

fn start_server(
    bundle: Bundle,
    arguments: &Arguments,
    declared: &[ServiceOption],
    start: impl FnOnce(Bundle, ServiceOptions) -> Result<BoxService, Failure>,
) -> Result<ExitCode, Failure> {
    if let Some(question) = asked_first(&bundle, arguments) {
        return question.answer(&bundle);
    }
    let options = parse(arguments, Some(bundle.manifest()), declared)?;
    let Manifest { name, version, .. } = bundle.manifest().clone();
    let program = Program { name, version, is_bundled: true };
    match &options.action {
        Action::Answer(question) => question.answer(&bundle),
        Action::Check => check::print(&program.name, &options),
        Action::Certificates { format, is_check } => {
            certificates::print(&options, *format, *is_check)
        }
        Action::PrintUnit => unit::print(&program.name, &options),
        Action::Serve => {
            let site = site::beside(&bundle)?;
            let start = || {
                let service = start(bundle, options.service.clone())?;
                Ok(match site {
                    Some(site) => site.in_front_of(service),
                    None => service,
                })
            };
            host::serve(&program, &options, start)
        }
    }
}

/// The shared object comes before the command line, which it adds options to.
#[cfg(feature = "plugin")]
fn start_plugin(bundle: Bundle, arguments: &Arguments) -> Result<ExitCode, Failure> {
    if let Some(question) = asked_first(&bundle, arguments) {
        return question.answer(&bundle);
    }
    let library = plugin::open(&bundle)?;
    let declared = library.options().to_vec();
    let start = |bundle, options| plugin::start(library, bundle, options);
    start_server(bundle, arguments, &declared, start)
}

/// A static program has no dynamic loader.
#[cfg(not(feature = "plugin"))]
fn start_plugin(bundle: Bundle, arguments: &Arguments) -> Result<ExitCode, Failure> {
    start_server(bundle, arguments, &[], |_, _| Err(Failure::NoPlugins))
}

/// The question that comes first on the command line: what a bundle tells of itself depends neither
/// on the environment nor on what is in it.
fn asked_first(bundle: &Bundle, arguments: &Arguments) -> Option<Question> {
    options::leading_question(bundle, arguments).ok().flatten()
}

fn parse(
    arguments: &Arguments,
    manifest: Option<&Manifest>,
    declared: &[ServiceOption],
) -> Result<Options, Failure> {
    let variable = &|name: &str| std::env::var_os(name);
    Options::parse(&Invocation { arguments, manifest, declared, variable })
}

/// One line on standard error. Where nobody reads it any more, that is no reason to end.
fn say(line: std::fmt::Arguments) {
    use std::io::Write;
    // In one piece, as another process may write to the same place.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// The edge: the one place that turns errors into text and an exit code.
fn report(program: &str, outcome: Result<ExitCode, Failure>) -> process::ExitCode {
    match outcome {
        Ok(code) => code.into(),
        Err(failure) => {
            failure.print(program);
            failure.exit_code().into()
        }
    }
}
