//! The manager: a thread that looks after the certificates of one directory.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use holdall_certificates::{Certificates, Challenges, LoadError};

use crate::client::{Network, RootsError, Transport};
use crate::engine::{Command, Engine};
use crate::hook::Kinds;
use crate::office::{Counter, Office};
use crate::shared::Shared;
use crate::store::{Store, StoreError};
use crate::supervisor::{Event, Patience, Supervisor};
use crate::{Authority, Clock, Name, Status};

/// What certificates are wanted, from whom, and how names are proven to be ours.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Holds one `NAME.pem` for each name: key and chain; an empty one asks for a certificate.
    pub directory: PathBuf,
    /// Who is asked, in this order.
    pub authorities: Vec<Authority>,
    /// Names to ask for besides those that have a file.
    pub domains: Vec<Name>,
    /// Which challenges can be answered.
    pub challenges: Kinds,
    /// Where the endpoints with these certificates listen, as far as a plain TLS handshake can be
    /// made there; without any, handshakes are tried in memory.
    pub addresses: Vec<SocketAddr>,
    /// How long an authority may take to look whether a name is ours, and again to issue.
    pub timeout: Duration,
    /// What time it is.
    pub clock: Clock,
}

/// How long an authority may take, where nothing else is said.
pub const TIMEOUT: Duration = Duration::from_secs(300);

/// Why certificates can't be looked after.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The directory can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// TLS itself can't be spoken.
    #[error(transparent)]
    Certificates(#[from] LoadError),
    /// The roots that an authority is to be trusted by can't be used.
    #[error("can't speak to {authority}")]
    Roots {
        /// The directory URL of the authority.
        authority: String,
        /// What is wrong.
        source: RootsError,
    },
}

/// A manager that was not started yet.
pub struct Prepared {
    office: Arc<Office>,
}

/// Looks after certificates until it is dropped or told to stop.
#[derive(Debug)]
pub struct Manager {
    shared: Arc<Shared>,
    events: Sender<Event>,
    supervisor: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Settings {
    /// Certificates in a directory, from these authorities.
    pub fn new(directory: impl Into<PathBuf>, authorities: Vec<Authority>) -> Self {
        Self {
            directory: directory.into(),
            authorities,
            domains: Vec::new(),
            challenges: Kinds::default(),
            addresses: Vec::new(),
            timeout: TIMEOUT,
            clock: Clock::System,
        }
    }
}

impl Manager {
    /// Opens all that is needed: makes the directory and the requests in it, reads roots.
    ///
    /// No certificate is needed, and nobody is asked for one yet. To be called as the user that
    /// certificates are to belong to, and before a sandbox is closed, in which the directory must
    /// stay writable.
    ///
    /// # Errors
    /// [`SetupError`]: only what makes all names impossible. A bad file is not.
    pub fn prepare(settings: Settings) -> Result<Prepared, SetupError> {
        let store = Store::open(&settings.directory)?;
        for name in &settings.domains {
            store.request(name)?;
        }
        let network = Network::from_environment();
        let counter = |authority: Authority| {
            let transport = Transport::new(&authority, &network).map_err(|source| {
                SetupError::Roots { authority: authority.directory.clone(), source }
            })?;
            Ok(Counter::new(authority, transport, &store))
        };
        let counters = settings.authorities.into_iter().map(counter);
        let counters = counters.collect::<Result<_, SetupError>>()?;
        let certificates = Certificates::awaiting(settings.directory)?;
        let challenges = certificates.challenges().cloned();
        Ok(Prepared {
            office: Arc::new(Office {
                store,
                counters,
                challenges: challenges.unwrap_or_else(|| Challenges::new(None)),
                certificates,
                kinds: settings.challenges,
                addresses: settings.addresses,
                timeout: settings.timeout,
                clock: settings.clock,
                unsaved: Mutex::new(BTreeMap::new()),
            }),
        })
    }

    /// Where each name stands.
    pub fn status(&self) -> Vec<Status> {
        self.shared.statuses()
    }

    /// How often the part that does the work had to be started again.
    pub fn restarts(&self) -> u32 {
        self.shared.restarts()
    }

    /// Looks at all files again, and tries again what failed, unless an authority said when.
    pub fn reload(&self) {
        // It can only be gone together with the process.
        let _ = self.events.send(Event::Command(Command::Reload));
    }

    /// Stops, and lets another process go on where this one is: an order that was begun is written
    /// down. It takes no longer than a write to the disk.
    pub fn stop(&self) {
        let _ = self.events.send(Event::Command(Command::Stop));
        let supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(supervisor) = supervisor {
            // A panic of it has been reported already.
            let _ = supervisor.join();
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Prepared {
    /// The certificates, as they come and are renewed.
    pub fn certificates(&self) -> Certificates {
        self.office.certificates.clone()
    }

    /// Begins; the threads have the rights of the one that calls this.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(self) -> io::Result<Manager> {
        let engine = self.into_engine();
        let shared = Arc::clone(&engine.shared);
        let (sender, events) = channel();
        let supervisor = Supervisor {
            engine,
            shared: Arc::clone(&shared),
            events,
            sender: sender.clone(),
            patience: Patience::default(),
        };
        let thread = thread::Builder::new().name("acme watch".to_owned());
        let thread = thread.spawn(move || supervisor.run())?;
        Ok(Manager { shared, events: sender, supervisor: Mutex::new(Some(thread)) })
    }
}

impl Prepared {
    pub(crate) fn into_engine(self) -> Engine {
        Engine { office: self.office, shared: Arc::default() }
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let authorities: Vec<_> =
            self.office.counters.iter().map(|counter| counter.authority.name()).collect();
        formatter.debug_struct("Prepared").field("authorities", &authorities).finish()
    }
}
