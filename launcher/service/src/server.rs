//! A server: listeners, a service, and a way out.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use holdall_certificates::Certificates;
use holdall_endpoint::{Endpoint, Listener, OpenSocket};
use rustix::net::sockopt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::accept::{self, Door, Listening};
use crate::access_log::AccessLog;
use crate::arrival::{Gate, Tls};
use crate::connection::{self, Shared};
use crate::metrics::Metrics;
use crate::{BoxService, Limits, Shutdown};

/// How services are served.
///
/// ```no_run
/// use holdall_endpoint::{Endpoint, Inherited};
/// use holdall_service::{Binding, BoxService, Response, Server, Shutdown};
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = "tcp:8080".parse::<Endpoint>()?.open(&mut Inherited::none())?;
/// let service = BoxService::from_fn(|_| Response::new("hello".into()));
/// let shutdown = Shutdown::on_signals()?;
/// Server::default().serve(vec![Binding::new(listener, service)], shutdown).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    /// What a client may take.
    pub limits: Limits,
    /// How long requests in progress may go on after the server was told to drain; 10 s by
    /// default.
    pub grace_period: Duration,
    /// Where requests and connections are counted.
    pub metrics: Arc<Metrics>,
    /// Where requests are written down, if anywhere.
    pub access_log: Option<AccessLog>,
}

/// An open endpoint, and what answers there.
#[derive(Debug)]
pub struct Binding {
    /// Where connections come from.
    pub listener: Listener,
    /// What proves who the server is; the endpoint has to be one with TLS, then.
    pub certificates: Option<Certificates>,
    /// What answers.
    pub service: BoxService,
    /// What the service is for.
    pub role: Role,
}

/// What the service of a [`Binding`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is what the server is there for.
    Public,
    /// It tells of the server: it goes on until all others have drained, and is not in the
    /// access log.
    Admin,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every request was answered to the end.
    Drained,
    /// Connections were cut: the grace period was over, or there was a second signal.
    Cut {
        /// How many.
        connections: usize,
    },
}

/// A server that can't begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A listening socket can't be watched.
    #[error("can't accept on {endpoint}")]
    Listener {
        /// Where it listens.
        endpoint: Box<Endpoint>,
        /// What the system said.
        source: io::Error,
    },
    /// An endpoint with TLS came without certificates.
    #[error("no certificates for {endpoint}")]
    NoCertificates {
        /// Where it listens.
        endpoint: Box<Endpoint>,
    },
}

impl Default for Server {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            grace_period: Duration::from_secs(10),
            metrics: Arc::default(),
            access_log: None,
        }
    }
}

impl Binding {
    /// A public service in clear text, or on an endpoint whose certificates are set later.
    pub fn new(listener: Listener, service: BoxService) -> Self {
        Self { listener, certificates: None, service, role: Role::Public }
    }
}

impl Server {
    /// Serves until `shutdown` says so, on the runtime of the caller.
    ///
    /// # Errors
    /// [`ServeError`], before the first request only.
    pub async fn serve(
        &self,
        bindings: Vec<Binding>,
        shutdown: Shutdown,
    ) -> Result<Ended, ServeError> {
        let shared = Arc::new(Shared::new(self));
        let (admin_trigger, admin_shutdown) = Shutdown::by_hand();
        let (mut public, mut admin) = (JoinSet::new(), JoinSet::new());
        let room = self.limits.connections.unwrap_or(Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(room.clamp(1, Semaphore::MAX_PERMITS)));
        for binding in bindings {
            let (acceptors, shutdown) = match binding.role {
                Role::Public => (&mut public, shutdown.clone()),
                Role::Admin => (&mut admin, admin_shutdown.clone()),
            };
            self.spawn(binding, &shared, &room, shutdown, acceptors)?;
        }
        let cut = public.join_all().await.into_iter().sum();
        admin_trigger.end();
        admin.join_all().await;
        Ok(match cut {
            0 => Ended::Drained,
            connections => Ended::Cut { connections },
        })
    }

    fn spawn(
        &self,
        binding: Binding,
        shared: &Arc<Shared>,
        room: &Arc<Semaphore>,
        shutdown: Shutdown,
        acceptors: &mut JoinSet<usize>,
    ) -> Result<(), ServeError> {
        let gate = Arc::new(self.gate(&binding)?);
        let service = binding.service;
        let shared = Arc::clone(shared);
        let endpoint = binding.listener.endpoint.clone();
        let failed = |source| ServeError::Listener { endpoint: Box::new(endpoint), source };
        let Some(listener) = Listening::watch(binding.listener).map_err(failed)? else {
            let serving = connection::serve_stdio(shared, service, shutdown);
            acceptors.spawn(async move {
                serving.await;
                0
            });
            return Ok(());
        };
        let room = Arc::clone(room);
        let door = Door { listener, gate, service, shared, room, grace_period: self.grace_period };
        acceptors.spawn(accept::run(door, shutdown));
        Ok(())
    }

    fn gate(&self, binding: &Binding) -> Result<Gate, ServeError> {
        let endpoint = &binding.listener.endpoint;
        let tls = match (&endpoint.tls, &binding.certificates) {
            (Some(_), None) => {
                return Err(ServeError::NoCertificates { endpoint: Box::new(endpoint.clone()) });
            }
            (None, _) => None,
            (Some(_), Some(certificates)) => Some(Tls {
                certificates: certificates.clone(),
                config: certificates.server_config(),
                handshakes: Semaphore::new(self.limits.handshakes.max(1)),
            }),
        };
        Ok(Gate {
            proxy: endpoint.proxy.clone(),
            tls,
            metrics: Arc::clone(&self.metrics),
            is_public: binding.role == Role::Public,
        })
    }
}

impl Listening {
    /// The socket as the runtime watches it; `None` for standard input and output.
    fn watch(listener: Listener) -> io::Result<Option<Self>> {
        Ok(match listener.into_socket() {
            OpenSocket::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                set_for_connections(&socket)?;
                Some(Self::Tcp(tokio::net::TcpListener::from_std(socket)?))
            }
            OpenSocket::Unix(socket, _path) => {
                socket.set_nonblocking(true)?;
                Some(Self::Unix(tokio::net::UnixListener::from_std(socket)?))
            }
            _ => None,
        })
    }
}

/// Sets what each connection inherits from its listener (tcp(7)): answers are written in few large
/// pieces, so that waiting to fill packets would cost 40 ms each; and a client that vanished while
/// nothing was sent is noticed after two minutes.
fn set_for_connections(socket: &TcpListener) -> io::Result<()> {
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, Duration::from_secs(60))?;
    sockopt::set_tcp_keepintvl(socket, Duration::from_secs(15))?;
    sockopt::set_tcp_keepcnt(socket, 4)?;
    Ok(())
}
