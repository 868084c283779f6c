//! The certificates of a source, kept up to date while they are in use.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::care::Care;
use crate::challenges::Challenges;
use crate::config::{schemes, server_config};
use crate::directories;
use crate::error::{Fault, LoadError};
use crate::identity::{Identities, Identity};
use crate::index::Index;
use crate::published::Published;
use crate::report::{self, Report};
use crate::snapshot::Snapshot;
use crate::source::{Found, Source};
use crate::watch::Watcher;

/// The certificates of a [`Source`], and how TLS is spoken with them.
///
/// Clones are the same store. What is renewed on disk is served by new connections after
/// [`reload`](Self::reload), or by itself while there is a [`Watcher`]; connections that are open
/// keep what they have.
#[derive(Debug, Clone)]
pub struct Certificates(Arc<Store>);

/// A certificate that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The file it is in.
    pub path: PathBuf,
    /// Its DNS names, wildcards among them, and IP addresses.
    pub names: Vec<String>,
    /// When it becomes valid.
    pub not_before: SystemTime,
    /// The last second in which it is valid.
    pub not_after: SystemTime,
}

#[derive(Debug)]
struct Store {
    source: Source,
    care: Care,
    challenges: Option<Challenges>,
    live: Arc<Live>,
    config: Arc<ServerConfig>,
    state: Mutex<State>,
}

/// What handshakes look at; replaced as a whole.
#[derive(Debug)]
struct Live(RwLock<Arc<Index>>);

/// What a reload begins from.
#[derive(Debug)]
struct State {
    snapshot: Snapshot,
    identities: Identities,
    published: Published,
    /// What was wrong the last time, in words.
    faults: HashMap<PathBuf, String>,
}

impl Certificates {
    /// Reads a source.
    ///
    /// With [`Source::Files`] any fault is an error. In a directory, a bad file is a warning and
    /// left out. A certificate that has expired, or is not yet valid, is a warning and served.
    ///
    /// # Errors
    ///
    /// The file that can't be used and what is wrong with it, or the directory if no certificate
    /// in it can be served.
    pub fn load(source: Source) -> Result<Self, LoadError> {
        Self::start(source, Care::Others)
    }

    /// Reads a directory whose files an ACME client of this process writes and mends.
    ///
    /// It is as [`load`](Self::load) of [`Source::Directory`], except that there need not be a
    /// certificate yet, that the last one goes too when its file is gone, that a key which others
    /// may read is used, and that nothing is told about what is wrong with a `NAME.pem`: all that
    /// is the client's business.
    ///
    /// # Errors
    ///
    /// The directory can't be read, or TLS can't be set up.
    pub fn awaiting(directory: PathBuf) -> Result<Self, LoadError> {
        Self::start(Source::Directory(directory), Care::Ourselves)
    }

    fn start(source: Source, care: Care) -> Result<Self, LoadError> {
        let snapshot = Snapshot::take(source.files(care)?, &Snapshot::default(), care);
        let mut found = source.find(&snapshot);
        let identities = found.identities();
        if identities.is_empty() && care == Care::Others {
            return Err(none_usable(&source, found.faults));
        }
        report::loaded(&identities);
        found.faults.retain(|fault| care.tells(&fault.path));
        let faults = report::left_out(&found.faults);
        let live = Arc::new(Live(RwLock::new(Arc::new(Index::new(identities.values())))));
        let config = server_config(live.clone())
            .map_err(|error| LoadError::new(source.path(), Fault::Tls(error)))?;
        let challenges =
            (care == Care::Ourselves).then(|| Challenges::new(Some(source.path().join(".chal"))));
        let published = Published::default();
        let state = Mutex::new(State { snapshot, identities, published, faults });
        Ok(Self(Arc::new(Store { source, care, challenges, live, config, state })))
    }

    /// Serves this from now on as what the file at `path` holds, which is a path in the directory
    /// as it was given. It is served from memory until the file holds it, or something newer, or
    /// is removed: a full disk is no reason to serve what expires.
    ///
    /// # Errors
    ///
    /// The key and the certificate are damaged, or do not belong together.
    pub fn publish(&self, path: &Path, pem: &[u8]) -> Result<(), LoadError> {
        let identity = Arc::new(Identity::from_pem(path, pem)?);
        let mut state = self.0.state();
        let files = self.0.source.files(self.0.care).unwrap_or_else(|_| state.snapshot.paths());
        let snapshot = Snapshot::take(files, &state.snapshot, self.0.care);
        let mut found = self.0.source.find(&snapshot);
        let identities = found.identities();
        state.published.put(identity, &identities);
        let index = state.renew(snapshot, identities, found, &self.0, Report::News);
        self.0.live.replace(index);
        Ok(())
    }

    /// The certificate that a client gets which asks for this name and can verify any signature.
    pub fn leaf(&self, name: &str) -> Option<CertificateDer<'static>> {
        let index = self.0.live.index();
        let identity = index.choose(Some(name), &schemes(), SystemTime::now())?;
        identity.certified.cert.first().cloned()
    }

    /// The answers to challenges, where an ACME client [awaits](Self::awaiting) them.
    pub fn challenges(&self) -> Option<&Challenges> {
        self.0.challenges.as_ref()
    }

    /// How TLS is spoken: one for all connections, and the same after a reload.
    ///
    /// TLS 1.3 and 1.2; key exchange by X25519MLKEM768, X25519, P-256, P-384; ALPN `h2` and
    /// `http/1.1`; session tickets with keys that change; no early data. The certificate is
    /// chosen by the name that the client asks for (SNI, RFC 6066 section 3), then by the
    /// signatures it can verify, ECDSA first, then by the end of its validity.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.0.config.clone()
    }

    /// Whether a client that asks for this name, or for none, gets a certificate. Where not, the
    /// answer is [`UNRECOGNIZED_NAME`](crate::UNRECOGNIZED_NAME), before the handshake.
    ///
    /// Case does not matter. It looks at memory only.
    pub fn knows(&self, server_name: Option<&str>) -> bool {
        self.0.live.index().knows(server_name)
    }

    /// Reads the source again. What is good replaces what was there; what is bad is an error in
    /// the log that names the file, and the certificate that it had stays. A certificate whose
    /// file is gone goes too, except if it is the last.
    pub fn reload(&self) {
        self.reload_and(Report::Everything);
    }

    /// Reloads by itself whenever the files change, until the [`Watcher`] is dropped.
    ///
    /// Its thread has the rights of the thread that calls this: call it when the sandbox is
    /// closed.
    ///
    /// # Errors
    ///
    /// The system gives no thread or no descriptor.
    pub fn watch(&self) -> io::Result<Watcher> {
        Watcher::start(self.clone())
    }

    /// The certificates that are served, by path.
    pub fn list(&self) -> Vec<CertificateInfo> {
        let mut list: Vec<_> = self.0.live.index().all().iter().map(info).collect();
        list.sort_by(|a, b| a.path.cmp(&b.path));
        list
    }

    /// The directories that must stay readable for [`reload`](Self::reload) to succeed: those of
    /// the files, and, where a file is a symbolic link, that of its target.
    pub fn paths(&self) -> Vec<PathBuf> {
        directories::readable(&self.0.source)
    }

    pub(crate) fn source(&self) -> &Source {
        &self.0.source
    }

    pub(crate) fn care(&self) -> Care {
        self.0.care
    }

    pub(crate) fn reload_and(&self, report: Report) {
        let mut state = self.0.state();
        let files = match self.0.source.files(self.0.care) {
            Ok(files) => files,
            Err(error) => return state.fail(error, report),
        };
        let snapshot = Snapshot::take(files, &state.snapshot, self.0.care);
        if report == Report::News && snapshot.is_same(&state.snapshot) {
            return;
        }
        let mut found = self.0.source.find(&snapshot);
        let identities = found.identities();
        let index = state.renew(snapshot, identities, found, &self.0, report);
        self.0.live.replace(index);
    }
}

impl State {
    /// Takes over what was found, and gives the index of it.
    fn renew(
        &mut self,
        snapshot: Snapshot,
        mut next: Identities,
        found: Found,
        store: &Store,
        report: Report,
    ) -> Index {
        let mut faults = found.faults;
        // An empty file that was not empty before is no request.
        let emptied = |request: &LoadError| self.identities.contains_key(&request.path);
        faults.extend(found.requests.into_iter().filter(emptied));
        faults.retain(|fault| store.care.tells(&fault.path));
        self.published.overlay(&snapshot, &mut next);
        for (path, old) in &self.identities {
            // A file that is still there gives its certificate up only for a better one.
            let may_replace =
                |new: &Arc<Identity>| store.care.replaces(path, &old.names, &new.names);
            if snapshot.contains(path) && !next.get(path).is_some_and(may_replace) {
                next.insert(path.clone(), old.clone());
            }
        }
        if next.is_empty() && store.care == Care::Others {
            faults.push(none_usable(&store.source, Vec::new()));
            next = self.identities.clone();
        }
        keep_unchanged(&self.identities, &mut next);
        report::changes(&self.identities, &next);
        self.faults = report::faults(&faults, &self.faults, report);
        (self.snapshot, self.identities) = (snapshot, next);
        Index::new(self.identities.values())
    }

    /// Notes that the source can't be looked at.
    fn fail(&mut self, error: LoadError, report: Report) {
        self.faults = report::faults(&[error], &self.faults, report);
    }
}

impl Store {
    /// A panic elsewhere leaves nothing half done here: what is replaced is replaced as a whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn index(&self) -> Arc<Index> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, index: Index) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(index);
    }
}

impl ResolvesServerCert for Live {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let index = self.index();
        let now = SystemTime::now();
        let identity = index.choose(hello.server_name(), hello.signature_schemes(), now);
        identity.map(|identity| identity.certified.clone())
    }
}

/// What shows the same certificates stays the same object, so that it is no news.
fn keep_unchanged(old: &Identities, next: &mut Identities) {
    for (path, identity) in next {
        if let Some(old) = old.get(path).filter(|old| old.is_same(identity)) {
            *identity = old.clone();
        }
    }
}

/// The fault of a source that gave nothing: with files, that of the file.
fn none_usable(source: &Source, faults: Vec<LoadError>) -> LoadError {
    let first = faults.into_iter().next();
    match (source, first) {
        (Source::Files { .. }, Some(fault)) => fault,
        (_, first) => {
            let source_fault = Fault::NoneUsable { source: first.map(Box::new) };
            LoadError::new(source.path(), source_fault)
        }
    }
}

fn info(identity: &Arc<Identity>) -> CertificateInfo {
    CertificateInfo {
        path: identity.path.clone(),
        names: identity.names.clone(),
        not_before: identity.not_before,
        not_after: identity.not_after,
    }
}
