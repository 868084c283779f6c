//! Hosting a service: sockets first, then the service, then the server.

use holdall_bundle::ExitCode;
use holdall_endpoint::{Endpoint, Listener};
use holdall_log::{Log, Settings};
use holdall_service::{Binding, BoxService, Ended, Server, Shutdown};
use tokio::runtime::Runtime;

use crate::{failure::Failure, say};

/// Serves on all endpoints until a signal ends it.
///
/// The sockets come first: an address that is taken is told before the service does any work.
pub(crate) fn serve(
    name: &str,
    endpoints: &[Endpoint],
    start: impl FnOnce() -> Result<BoxService, Failure>,
) -> Result<ExitCode, Failure> {
    let listeners = endpoints.iter().map(Endpoint::bind).collect::<Result<Vec<_>, _>>()?;
    let service = start()?;
    Log::start(name, Settings::default()).map_err(|error| Failure::Start(error.into()))?;
    let runtime = Runtime::new().map_err(|error| Failure::Start(error.into()))?;
    let ended = runtime.block_on(run(name, listeners, service));
    // Work that was cut off may block for ever, and must not keep the process.
    runtime.shutdown_background();
    match ended? {
        Ended::Drained => {}
        Ended::Cut { connections } => say(format_args!("{name}: cut {connections} connections")),
    }
    Ok(ExitCode::Success)
}

async fn run(name: &str, listeners: Vec<Listener>, service: BoxService) -> Result<Ended, Failure> {
    let shutdown = Shutdown::on_signals().map_err(|error| Failure::Start(error.into()))?;
    for listener in &listeners {
        say(format_args!("{name}: serving on {}", listener.url()));
    }
    let bind = |listener| Binding::new(listener, service.clone());
    let bindings = listeners.into_iter().map(bind).collect();
    Ok(Server::default().serve(bindings, shutdown).await?)
}
