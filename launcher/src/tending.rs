//! `le:` endpoints: who is asked for their certificates, and what looks after them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use holdall_acme::{
    Authority, BadName, DnsHook, ExternalAccount, ExternalAccountError, Kinds, Manager, Name,
    Prepared, Settings, SetupError, Status,
};
use holdall_bundle::ExitCode;
use holdall_certificates::Certificates;
use holdall_endpoint::{Acme, Address, Challenge, Endpoint, Listener, Tls};
use holdall_process::{HOOK_LIMIT, Nursery};
use holdall_service::{Tended, TendedName};
use jiff::Timestamp;
use thiserror::Error;

use crate::options::Options;

/// The directories of all `le:` endpoints, each with what is wanted there.
#[derive(Debug, Default)]
pub(crate) struct Wanted(BTreeMap<PathBuf, (Acme, Settings)>);

/// The same, with all that is needed open.
#[derive(Debug, Default)]
pub(crate) struct Ready(BTreeMap<PathBuf, Prepared>);

/// The same, at work. It ends when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Tending(Vec<Manager>);

/// Why certificates can't be looked after.
#[derive(Debug, Error)]
pub(crate) enum TendingError {
    #[error("two endpoints have the directory {} and say different things about it", path.display())]
    Conflict { path: PathBuf },
    #[error("no certificate can be asked for")]
    Name(#[from] BadName),
    #[error("can't read the external account in {}", path.display())]
    ExternalAccount { path: PathBuf, source: io::Error },
    #[error("can't run {} for DNS records", path.display())]
    Hook { path: PathBuf, source: io::Error },
    #[error("no external account in {}", path.display())]
    NoExternalAccount { path: PathBuf, source: ExternalAccountError },
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("can't make the empty file {}", path.display())]
    EmptyFile { path: PathBuf, source: io::Error },
    #[error("the certificates can't be looked after")]
    Start(#[source] io::Error),
}

impl TendingError {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Conflict { .. } | Self::Name(_) => ExitCode::Usage,
            Self::ExternalAccount { source, .. } | Self::Hook { source, .. } => {
                ExitCode::for_input(source.kind())
            }
            Self::NoExternalAccount { .. } => ExitCode::Configuration,
            Self::Setup(SetupError::Store(error)) if error.is_not_permitted() => {
                ExitCode::NoPermission
            }
            Self::Setup(SetupError::Store(_)) | Self::EmptyFile { .. } => ExitCode::CannotCreate,
            Self::Setup(_) => ExitCode::Configuration,
            Self::Start(_) => ExitCode::Unavailable,
        }
    }
}

/// What is read to find hosts by name (nsswitch.conf(5), resolver(5)), as far as it is there.
const RESOLVER: [&str; 6] = [
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/services",
];

impl Wanted {
    /// What the endpoints say; reads the files that only the user of the start may read.
    pub fn of(options: &Options) -> Result<Self, TendingError> {
        let mut wanted = BTreeMap::new();
        let has_clear_text = options.endpoints.iter().any(|endpoint| endpoint.tls.is_none());
        for acme in all(options) {
            let known = wanted.entry(acme.path.clone());
            let (first, _) = match known {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert((acme.clone(), settings(acme, has_clear_text)?))
                }
            };
            if first != acme {
                return Err(TendingError::Conflict { path: acme.path.clone() });
            }
        }
        Ok(Self(wanted))
    }

    /// The programs that make DNS records.
    pub fn hooks(&self) -> Vec<PathBuf> {
        self.0.values().filter_map(|(acme, _)| acme.dns.clone()).collect()
    }

    /// Makes the directories, as the user that certificates are to belong to.
    pub fn prepare(
        self,
        listeners: &[&Listener],
        nursery: &Arc<Nursery>,
    ) -> Result<Ready, TendingError> {
        let prepared = self.0.into_iter().map(|(path, (acme, mut settings))| {
            settings.addresses = addresses(listeners, &acme);
            if let Some(path) = acme.dns.clone().filter(|_| may(&acme, Challenge::Dns01)) {
                let nursery = Arc::clone(nursery);
                settings.challenges.dns = Some(Arc::new(Hook { nursery, path }));
            }
            Ok((path, Manager::prepare(settings)?))
        });
        prepared.collect::<Result<_, TendingError>>().map(Ready)
    }
}

impl Ready {
    /// The certificates of an endpoint, as they come and are renewed.
    pub fn certificates(&self, endpoint: &Endpoint) -> Option<Certificates> {
        match &endpoint.tls {
            Some(Tls::Acme(acme)) => self.0.get(&acme.path).map(Prepared::certificates),
            _ => None,
        }
    }

    /// What must stay writable.
    pub fn writable(&self) -> impl Iterator<Item = PathBuf> {
        self.0.keys().cloned()
    }

    /// What must stay readable, for authorities to be found.
    pub fn readable(&self) -> Vec<PathBuf> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let files = RESOLVER.iter().map(PathBuf::from).filter(|path| path.exists());
        files.chain(resolver_directory()).collect()
    }

    /// Begins; the threads have the rights of the one that calls this.
    pub fn start(self) -> Result<Tending, TendingError> {
        let started = self.0.into_values().map(Prepared::start);
        started.collect::<io::Result<_>>().map(Tending).map_err(TendingError::Start)
    }
}

impl Tending {
    /// Looks at all files again, and tries again what failed.
    pub fn reload(&self) {
        self.0.iter().for_each(Manager::reload);
    }

    /// Leaves the work to another process, or to a later one.
    pub fn stop(&self) {
        self.0.iter().for_each(Manager::stop);
    }

    /// Where each name stands, for metrics and readiness.
    pub fn tended(&self) -> Option<Tended> {
        let now = Timestamp::now();
        let names = self.0.iter().flat_map(Manager::status).map(|status| tended(status, now));
        let restarts = self.0.iter().map(|manager| u64::from(manager.restarts())).sum();
        (!self.0.is_empty()).then(|| Tended { names: names.collect(), restarts })
    }
}

fn tended(status: Status, now: Timestamp) -> TendedName {
    TendedName {
        is_valid: status.is_valid_at(now),
        next_attempt: status.next.map(SystemTime::from),
        name: status.name,
        state: status.state.to_string(),
        ordered: status.ordered.into(),
        issued: status.issued.into(),
        failed: status.failed.into(),
        limit_left: status.limit_left.map(u64::from),
        error: status.error,
    }
}

/// Makes the empty files that ask for certificates, where there is nothing yet.
pub(crate) fn make_empty_files(paths: &[PathBuf]) -> Result<(), TendingError> {
    use std::os::unix::fs::OpenOptionsExt;
    for path in paths {
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(TendingError::EmptyFile { path: path.clone(), source: error });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Every endpoint's wish for certificates.
pub(crate) fn all(options: &Options) -> impl Iterator<Item = &Acme> {
    let endpoints = options.endpoints.iter().chain(&options.admin);
    endpoints.filter_map(|endpoint| match &endpoint.tls {
        Some(Tls::Acme(acme)) => Some(&**acme),
        _ => None,
    })
}

fn settings(acme: &Acme, has_clear_text: bool) -> Result<Settings, TendingError> {
    let accounts = acme.eab.as_deref().map(read_accounts).transpose()?;
    if let Some(path) = &acme.dns {
        may_run(path).map_err(|source| TendingError::Hook { path: path.clone(), source })?;
    }
    let directories = std::iter::once(&acme.directory).chain(&acme.fallbacks).enumerate();
    let authorities = directories.map(|(index, directory)| {
        let accounts = accounts.as_deref().unwrap_or_default();
        let external_account = ExternalAccount::find(accounts, directory, index == 0);
        let path = acme.eab.clone().unwrap_or_default();
        Ok(Authority {
            directory: directory.clone(),
            roots: acme.ca.clone(),
            email: acme.email.clone(),
            external_account: external_account
                .map_err(|source| TendingError::NoExternalAccount { path, source })?,
            profile: acme.profile.clone(),
            chain: acme.chain.clone(),
        })
    });
    let authorities = authorities.collect::<Result<_, TendingError>>()?;
    let domains = acme.domains.iter().map(|name| name.parse::<Name>());
    let domains = domains.collect::<Result<_, _>>()?;
    let challenges = Kinds {
        tls_alpn: may(acme, Challenge::TlsAlpn01),
        http: has_clear_text && may(acme, Challenge::Http01),
        dns: None,
    };
    let timeout: Duration = acme.timeout;
    let settings = Settings::new(&acme.path, authorities);
    Ok(Settings { domains, challenges, timeout, ..settings })
}

/// Whether a kind of challenge was not ruled out.
fn may(acme: &Acme, kind: Challenge) -> bool {
    acme.challenges.as_ref().is_none_or(|kinds| kinds.contains(&kind))
}

/// Whether a file can be a program, as far as can be seen without running it.
fn may_run(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path)?;
    match metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
        true => Ok(()),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

fn read_accounts(path: &Path) -> Result<String, TendingError> {
    let failed = |source| TendingError::ExternalAccount { path: path.to_owned(), source };
    fs::read_to_string(path).map_err(failed)
}

/// Where a handshake with ourselves can be made: over TCP, where no PROXY header comes first.
fn addresses(listeners: &[&Listener], acme: &Acme) -> Vec<SocketAddr> {
    let is_its = |listener: &&&Listener| {
        let Endpoint { tls, proxy, .. } = &listener.endpoint;
        proxy.is_none() && matches!(tls, Some(Tls::Acme(its)) if its.path == acme.path)
    };
    let addresses = listeners.iter().filter(is_its).map(|listener| listener.address());
    let addresses = addresses.filter_map(|address| match address {
        Address::Ip(address) => Some(*address),
        _ => None,
    });
    addresses.collect()
}

/// The directory in which the service that writes resolv.conf replaces it, if it is elsewhere.
fn resolver_directory() -> Option<PathBuf> {
    let target = fs::canonicalize("/etc/resolv.conf").ok()?;
    target.parent().filter(|directory| *directory != Path::new("/etc")).map(Path::to_owned)
}

/// The operator's program that makes DNS records; it runs in the nursery, outside of the sandbox.
struct Hook {
    nursery: Arc<Nursery>,
    path: PathBuf,
}

impl Hook {
    fn run(&self, word: &str, record: &str, value: &str) -> io::Result<()> {
        let ended = self.nursery.run_hook(&self.path, &[word, record, value], HOOK_LIMIT);
        ended.map_err(io::Error::other)
    }
}

impl DnsHook for Hook {
    fn present(&self, record: &str, value: &str) -> io::Result<()> {
        self.run("present", record, value)
    }

    fn clean_up(&self, record: &str, value: &str) -> io::Result<()> {
        self.run("cleanup", record, value)
    }
}
