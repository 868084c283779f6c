//! All that a test needs: an authority, its DNS, a proxy between, a directory of certificates.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdall_tests::certificates::Authority;
use holdall_tests::process::wait_within;
use holdall_tests::{Run, Scratch, Server, TlsSettings, programs};
use serde_json::Value;

use crate::{Address, FaultProxy, Names, Pebble, Settings, Shown};

/// Where authorities look at names by TLS.
pub const TLS_PORT: u16 = 5001;

/// How long a certificate may take: less than the first pause after a failure, which must not be
/// taken for slowness.
const PATIENCE: Duration = Duration::from_secs(44);

/// Where authorities look at names by HTTP.
pub const HTTP_PORT: u16 = 5002;

/// An authority with a place where servers can get certificates from it.
#[derive(Debug)]
pub struct Site {
    /// Files of the test; the certificates are in its directory `certificates`.
    pub scratch: Scratch,
    /// Where the authority believes every name to be, and the server is.
    pub address: Address,
    /// The DNS.
    pub names: Names,
    /// The authority.
    pub pebble: Pebble,
    /// What is between the server and the authority.
    pub proxy: FaultProxy,
    /// Who vouches for the authority's own addresses.
    pub api: ApiAuthority,
}

/// Who vouches for the authority's own addresses.
pub struct ApiAuthority(pub Authority);

/// An endpoint that gets its certificates, still to be completed.
#[derive(Debug, Clone)]
pub struct Endpoint {
    directory: PathBuf,
    arguments: Vec<String>,
    tcp: String,
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// One with an authority as it is usual.
    pub fn new() -> Self {
        Self::with(&Settings::default())
    }

    /// One with a particular authority.
    pub fn with(settings: &Settings) -> Self {
        let (scratch, address, api) = (Scratch::new(), Address::new(), Authority::new());
        api.write_root(&scratch, "ca.pem");
        let names = Names::start(&address);
        let pebble = Pebble::start(&scratch, &address, &api, &address, settings);
        let proxy = FaultProxy::start(pebble.api(), &api.issue(&["localhost"]));
        Self { scratch, address, names, pebble, proxy, api: ApiAuthority(api) }
    }

    /// The authority's directory, through the proxy.
    pub fn directory_url(&self) -> String {
        format!("https://localhost:{}/dir", self.proxy.address().port())
    }

    /// The endpoint that asks it, through the proxy.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint_of(&self.directory_url())
    }

    /// The endpoint that asks the authority with this directory.
    pub fn endpoint_of(&self, url: &str) -> Endpoint {
        let endpoint = Endpoint {
            directory: self.directory(),
            arguments: Vec::new(),
            tcp: format!("tcp:{TLS_PORT}:interface={}", self.address),
        };
        let ca = self.scratch.path("ca.pem").display().to_string();
        endpoint.with("directory", url).with("ca", &ca)
    }

    /// The directory of certificates.
    pub fn directory(&self) -> PathBuf {
        self.scratch.path("certificates")
    }

    /// The file of a name.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory().join(format!("{name}.pem"))
    }

    /// Asks for a certificate, as an operator does: by an empty file.
    pub fn ask_for(&self, name: &str) {
        let file = self.file(name);
        fs::create_dir_all(self.directory()).expect("a directory of ours");
        fs::write(&file, "").unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// The server, not started yet.
    pub fn run(&self, endpoint: &Endpoint) -> Run {
        let run = Run::new(programs::sayhello()).current_dir(self.scratch.dir());
        let run = run.env("HOLDALL_RESOURCES", programs::repository().join("app/resources"));
        // Whatever way out this machine has, it is not to ourselves.
        let run = run.env("HTTPS_PROXY", "").env("ALL_PROXY", "");
        run.args(["--log-format", "json", "--port", &endpoint.to_string()])
    }

    /// Starts the server, for these names.
    pub fn start(&self, names: &[&str]) -> Server {
        self.start_with(&self.endpoint(), names)
    }

    /// The same with another endpoint.
    pub fn start_with(&self, endpoint: &Endpoint, names: &[&str]) -> Server {
        let files = names.iter().map(|name| self.file(name));
        let options = files.flat_map(|file| ["--empty-file".into(), file.into_os_string()]);
        Server::from_run(self.run(endpoint).args(options))
    }

    /// What a client that asks for a name is shown.
    ///
    /// # Errors
    /// Those of [`Shown::at`].
    pub fn shown(&self, name: &str) -> io::Result<Shown> {
        Shown::at(self.address.port(TLS_PORT), name)
    }

    /// Waits until a client that asks for a name is shown a certificate.
    ///
    /// # Panics
    /// If it is not before a second attempt could bring it.
    pub fn wait_for(&self, name: &str) -> Shown {
        self.wait_for_another(name, None)
    }

    /// Waits until it is another one than this.
    ///
    /// # Panics
    /// If it is not before a second attempt could bring it.
    pub fn wait_for_another(&self, name: &str, old: Option<&Shown>) -> Shown {
        let mut shown = None;
        let is_there = wait_within(PATIENCE, || {
            shown = self.shown(name).ok().filter(|shown| old != Some(shown));
            shown.is_some()
        });
        assert!(is_there, "no certificate for {name} within {PATIENCE:?}: {:#}", self.state(name));
        shown.expect("what was waited for")
    }

    /// Whether the next certificate comes within some time; it may, or must not.
    pub fn comes_within(&self, limit: Duration, name: &str, old: Option<&Shown>) -> bool {
        wait_within(limit, || self.shown(name).is_ok_and(|shown| old != Some(&shown)))
    }

    /// GETs the start page as a browser does that trusts the authority, over verified TLS.
    ///
    /// # Panics
    /// If the browser would warn, or there is no page.
    pub fn browse(&self, name: &str) {
        let client = TlsSettings::new(&self.pebble.root(0));
        let page = client.connect(self.address.port(TLS_PORT), name).get("/");
        assert_eq!(page.status, 200, "{}", page.head);
    }

    /// What is written down about a name, as JSON.
    pub fn state(&self, name: &str) -> Value {
        let file = self.directory().join(format!("{name}.state"));
        let text = fs::read_to_string(&file).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The file of a name, as text.
    pub fn pem(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// What the files say of all names: `--certificates=json`.
    pub fn certificates(&self, endpoint: &Endpoint) -> Value {
        self.run(endpoint).arg("--certificates=json").ok().json()
    }
}

impl Endpoint {
    /// With an argument; `:` in it is escaped.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.arguments.push(format!("{key}={}", value.replace(':', "\\:")));
        self
    }

    /// Without an argument.
    pub fn without(mut self, key: &str) -> Self {
        self.arguments.retain(|one| !one.starts_with(&format!("{key}=")));
        self
    }

    /// With certificates in another directory.
    pub fn in_directory(mut self, directory: &Path) -> Self {
        self.directory = directory.to_owned();
        self
    }

    /// At another address.
    pub fn at(mut self, address: &Address) -> Self {
        self.tcp = format!("tcp:{TLS_PORT}:interface={address}");
        self
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arguments = self.arguments.join(":");
        write!(formatter, "acme:{}:{arguments}:{}", self.directory.display(), self.tcp)
    }
}

impl std::fmt::Debug for ApiAuthority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ApiAuthority")
    }
}
