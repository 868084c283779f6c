//! Hosting a service: sockets first, then the service, then the server.

use holdall_bundle::ExitCode;
use holdall_endpoint::{Endpoint, Inherited, Listener};
use holdall_service::{BoxService, Ended, Server};

use crate::{failure::Failure, say};

/// Serves on all endpoints until a signal ends it.
///
/// The sockets come first: an address that is taken is told before the service does any work.
pub(crate) fn serve(
    name: &str,
    endpoints: &[Endpoint],
    start: impl FnOnce() -> Result<BoxService, Failure>,
) -> Result<ExitCode, Failure> {
    let mut inherited = Inherited::from_environment()?;
    let open = |endpoint: &Endpoint| endpoint.open(&mut inherited);
    let listeners = endpoints.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let service = start()?;
    let addresses: Vec<_> = listeners.iter().map(Listener::url).collect();
    let announce = || addresses.iter().for_each(|address| announce(name, address));
    match Server::new(name).run(listeners, service, announce)? {
        Ended::Drained => {}
        Ended::Cut { connections } => say(format_args!("{name}: cut {connections} connections")),
    }
    Ok(ExitCode::Success)
}

fn announce(name: &str, url: &str) {
    say(format_args!("{name}: serving on {url}"));
}
