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

mod capabilities;
mod environment;
mod exec;
mod failure;
mod host;
mod options;
#[cfg(feature = "plugin")]
mod plugin;
mod question;
mod site;

use std::{ffi::OsString, process};

use holdall_archive::Archive;
use holdall_bundle::{Bundle, EntryPointKind, ExitCode};
use holdall_service::{BoxError, BoxService, Request};

use failure::Failure;
use options::Options;

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
    let arguments = Arguments::of_process();
    let start = || start().map(BoxService::new).map_err(|error| Failure::Start(error.into()));
    report(&arguments.program.clone(), start_linked(arguments, start))
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
    match bundle.manifest().entry_point.kind {
        EntryPointKind::Exec => match options::leading_question(&bundle, &arguments)? {
            Some(question) => question.answer(&bundle),
            None => exec::replace(&bundle, &arguments.rest).map(|never| match never {}),
        },
        EntryPointKind::Site => start_server(bundle, &arguments, site::start),
        EntryPointKind::Plugin => start_server(bundle, &arguments, start_plugin),
        EntryPointKind::Linked => Err(Failure::NotLinked),
    }
}

fn start_linked(
    arguments: Arguments,
    start: impl FnOnce() -> Result<BoxService, Failure>,
) -> Result<ExitCode, Failure> {
    if Archive::is_expected() {
        if question::is_verification(&arguments.rest) {
            return question::verify_running();
        }
        let bundle = Bundle::open_running()?;
        return start_server(bundle, &arguments, |_| start());
    }
    let options = Options::parse(&arguments, None)?;
    match options.question {
        Some(_) => Err(Failure::NotBundled),
        None => host::serve(&arguments.program, &options.endpoints, start),
    }
}

fn start_server(
    bundle: Bundle,
    arguments: &Arguments,
    start: impl FnOnce(Bundle) -> Result<BoxService, Failure>,
) -> Result<ExitCode, Failure> {
    let options = Options::parse(arguments, Some(bundle.manifest()))?;
    match options.question {
        Some(question) => question.answer(&bundle),
        None => {
            let name = bundle.manifest().name.clone();
            host::serve(&name, &options.endpoints, || start(bundle))
        }
    }
}

#[cfg(feature = "plugin")]
use plugin::start as start_plugin;

/// A static program has no dynamic loader.
#[cfg(not(feature = "plugin"))]
fn start_plugin(_: Bundle) -> Result<BoxService, Failure> {
    Err(Failure::NoPlugins)
}

/// One line on standard error. Where nobody reads it any more, that is no reason to end.
fn say(line: std::fmt::Arguments) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
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
