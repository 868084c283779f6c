//! Hosting a service, in the order that safety asks for: what may fail first, what needs rights
//! next, then the rights are given up, and only then the service's own code runs.

use std::{path::PathBuf, sync::Arc};

use holdall_bundle::ExitCode;
use holdall_certificates::{Certificates, Watcher};
use holdall_endpoint::{Endpoint, Inherited, Listener};
use holdall_log::Log;
use holdall_process::{
    identity::Identity,
    limits,
    notify::Notify,
    nursery::{Nursery, Predecessor},
    sandbox::{Confinement, Sandbox},
};
use holdall_service::{
    Binding, BoxService, Ended, Metrics, Readiness, Role, Server, ServiceOptions, chain, redirect,
};

use crate::{
    admin, failure::Failure, lifecycle::Life, options::Options, upgrade::Sockets, wiring,
};

/// The program that hosts: what it is called, and whether it is a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub name: String,
    pub version: Option<String>,
    /// A program that was not bundled is in development, and opens what it likes.
    pub is_bundled: bool,
}

/// Serves on all endpoints until a signal ends it.
///
/// The sockets come before the service: an address that is taken is told before it does any work.
pub(crate) fn serve(
    program: &Program,
    options: Options,
    start: impl FnOnce(&ServiceOptions) -> Result<BoxService, Failure>,
) -> Result<ExitCode, Failure> {
    // First of all: while there is but one thread, and nothing open that a child could inherit.
    let nursery = Nursery::start().map_err(Failure::Nursery)?;
    let mut predecessor = Predecessor::from_environment();
    let ended = host(program, options, nursery, &mut predecessor, start);
    if let (Err(failure), Some(predecessor)) = (&ended, predecessor) {
        predecessor.failed(&chain(failure));
    }
    ended
}

fn host(
    program: &Program,
    options: Options,
    nursery: Nursery,
    predecessor: &mut Option<Predecessor>,
    start: impl FnOnce(&ServiceOptions) -> Result<BoxService, Failure>,
) -> Result<ExitCode, Failure> {
    let log = Log::start(&program.name, wiring::log_settings(&options.log))?;
    let file_limit = limits::raise_file_limit().map_err(Failure::FileLimit)?;
    let notify = Notify::from_environment();
    let open = Open::all(&options)?;
    give_up_rights(program, &options, &open)?;
    let service = start(&options.service)?;
    ...
}
