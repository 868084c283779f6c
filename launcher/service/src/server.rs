//! A server: listeners, a service, and a way out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use holdall_endpoint::{Address, Listener, OpenSocket};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::accept;
use crate::connection::Connections;
use crate::{BoxService, Shutdown};

/// How services are served.
///
/// ```no_run
/// use holdall_endpoint::Endpoint;
/// use holdall_service::{BoxService, Response, Server};
///
/// let listener = "tcp:8080".parse::<Endpoint>()?.bind()?;
/// let service = BoxService::from_fn(|_| Response::new("hello".into()));
/// Server::new("hello").run(vec![listener], service, || println!("hello is up"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    /// What lines on stderr begin with.
    pub name: String,
    /// How long a client may take for the head of a request, and how long an idle connection is
    /// kept; 30 s by default.
    pub header_timeout: Duration,
    /// How long requests in progress may go on after the server was told to stop; 10 s by default.
    pub drain_timeout: Duration,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every request was answered to the end.
    Drained,
    /// Connections were cut: the drain time was over, or there was a second signal.
    Cut {
        /// How many.
        connections: usize,
    },
}

/// A server that can't begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The runtime did not start, as when no thread can be made.
    #[error("can't start the runtime")]
    Runtime {
        /// What the system said.
        source: io::Error,
    },
    /// No handler for SIGTERM and SIGINT could be set.
    #[error("can't watch for signals")]
    Signals {
        /// What the system said.
        source: io::Error,
    },
    /// A listening socket can't be watched.
    #[error("can't accept on {address}")]
    Listener {
        /// Where it listens.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
}

impl Server {
    /// A server with the usual time limits.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            header_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
        }
    }

    /// Serves until SIGTERM or SIGINT, on a runtime of its own.
    ///
    /// `ready` is called when signals are watched: whoever it tells may stop the server at once.
    ///
    /// # Errors
    /// [`ServeError`], before the first request only.
    pub fn run(
        &self,
        listeners: Vec<Listener>,
        service: BoxService,
        ready: impl FnOnce(),
    ) -> Result<Ended, ServeError> {
        // Several threads, not one: a service that blocks or computes must not hold up the others.
        let runtime = Runtime::new().map_err(|source| ServeError::Runtime { source })?;
        let ended = runtime.block_on(async {
            let shutdown =
                Shutdown::on_signals().map_err(|source| ServeError::Signals { source })?;
            ready();
            self.serve(listeners, service, shutdown).await
        });
        // Work that was cut off may block for ever, and must not keep the process.
        runtime.shutdown_background();
        ended
    }

    /// Serves until `shutdown` says so, on the runtime of the caller.
    ///
    /// # Errors
    /// [`ServeError::Listener`], before the first request only.
    pub async fn serve(
        &self,
        listeners: Vec<Listener>,
        service: BoxService,
        shutdown: Shutdown,
    ) -> Result<Ended, ServeError> {
        let sockets = listeners.into_iter().map(watched).collect::<Result<Vec<_>, _>>()?;
        let connections = Arc::new(Connections::new(self, shutdown));
        let mut acceptors = tokio::task::JoinSet::new();
        for socket in sockets {
            acceptors.spawn(accept::run(socket, service.clone(), Arc::clone(&connections)));
        }
        Ok(match acceptors.join_all().await.into_iter().sum() {
            0 => Ended::Drained,
            connections => Ended::Cut { connections },
        })
    }
}

fn watched(listener: Listener) -> Result<TcpListener, ServeError> {
    let address = listener.address().clone();
    let watched = match listener.into_socket() {
        OpenSocket::Tcp(socket) => {
            socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket))
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    };
    watched.map_err(|source| ServeError::Listener { address, source })
}
