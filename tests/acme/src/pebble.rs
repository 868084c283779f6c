//! Pebble, the small authority of Let's Encrypt for tests of clients.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use holdall_tests::certificates::Authority;
use holdall_tests::process::wait_until;
use holdall_tests::{Background, Log, Scratch, http, tools};
use serde_json::{Value, json};

use crate::{Address, Exchange, HTTP_PORT, Names, TLS_PORT, shown};

/// How a Pebble is to be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Profiles by name, and how many seconds their certificates live. An order that asks for none
    /// gets any of them.
    pub profiles: Vec<(&'static str, u64)>,
    /// Key identifiers and keys (base64url) of accounts elsewhere, without which none is opened
    /// here, if there are some.
    pub external_accounts: Vec<(&'static str, &'static str)>,
    /// No certificate is issued for names below these.
    pub blocked: Vec<&'static str>,
    /// How many seconds it asks to wait between two looks.
    pub retry_after: u64,
    /// The ports at which it looks at names, by TLS and by HTTP.
    pub ports: (u16, u16),
    /// Its variables: see its documentation.
    pub variables: Vec<(&'static str, String)>,
}

/// An authority that runs; what it knows is gone when it stops.
#[derive(Debug)]
pub struct Pebble {
    address: String,
    config: PathBuf,
    command: Vec<(&'static str, String)>,
    dns: String,
    api: Exchange,
    management: Exchange,
    running: Option<(Background, Log)>,
    /// What those that were stopped had said.
    before: Vec<String>,
}

const API_PORT: u16 = 14_000;
const MANAGEMENT_PORT: u16 = 15_000;

impl Default for Settings {
    /// Certificates live ninety days; nothing is unusual but one refused nonce in twenty.
    fn default() -> Self {
        Self {
            profiles: vec![("default", 90 * 86_400)],
            external_accounts: Vec::new(),
            blocked: vec!["blocked.example"],
            retry_after: 1,
            ports: (TLS_PORT, HTTP_PORT),
            variables: Vec::new(),
        }
    }
}

impl Settings {
    /// Certificates live so many seconds, whatever profile is asked for: `default` or `flash`.
    pub fn living(seconds: u64) -> Self {
        Self { profiles: vec![("default", seconds), ("flash", seconds)], ..Self::default() }
    }

    /// With a variable of the environment.
    pub fn variable(mut self, name: &'static str, value: impl ToString) -> Self {
        self.variables.push((name, value.to_string()));
        self
    }

    /// What Pebble reads; older ones know of no profiles, and take the life of the first.
    fn config(&self, scratch: &Scratch, address: &Address) -> Value {
        let path = |name: &str| scratch.path(name).display().to_string();
        let profile = |(name, life): &(&str, u64)| {
            ((*name).to_owned(), json!({ "description": name, "validityPeriod": life }))
        };
        let profiles: serde_json::Map<_, _> = self.profiles.iter().map(profile).collect();
        let keys: serde_json::Map<_, _> =
            self.external_accounts.iter().map(|(id, key)| ((*id).to_owned(), json!(key))).collect();
        json!({ "pebble": {
            "listenAddress": address.port(API_PORT).to_string(),
            "managementListenAddress": address.port(MANAGEMENT_PORT).to_string(),
            "certificate": path("api.crt"),
            "privateKey": path("api.key"),
            "httpPort": self.ports.1,
            "tlsPort": self.ports.0,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": !keys.is_empty(),
            "externalAccountMACKeys": keys,
            "domainBlocklist": self.blocked,
            "retryAfter": { "authz": self.retry_after, "order": self.retry_after },
            "keyAlgorithm": "ecdsa",
            "certificateValidityPeriod": self.profiles.first().map(|(_, life)| life),
            "profiles": profiles,
        }})
    }
}

impl Pebble {
    /// Starts one at an address, and waits until it answers. Its API has a certificate of `api`.
    pub fn start(
        scratch: &Scratch,
        address: &Address,
        api: &Authority,
        names: &Address,
        settings: &Settings,
    ) -> Self {
        api.issue(&[&address.to_string()]).write_pair(scratch, "api");
        let config = settings.config(scratch, address).to_string();
        let client = shown::client_config(&api.root());
        let mut pebble = Self {
            address: address.to_string(),
            config: scratch.write("pebble.json", config),
            command: settings.variables.clone(),
            dns: Names::address(names),
            api: Exchange::tls(address.port(API_PORT), Arc::clone(&client)),
            management: Exchange::tls(address.port(MANAGEMENT_PORT), client),
            running: None,
            before: Vec::new(),
        };
        pebble.resume();
        pebble
    }

    /// Stops it.
    pub fn stop(&mut self) {
        if let Some((_ended, log)) = self.running.take() {
            self.before.extend(log.lines());
        }
    }

    /// Starts it again, as new: without accounts, orders, certificates, and with new roots.
    pub fn resume(&mut self) {
        let mut command = Command::new(tools::path("pebble"));
        command.arg("-config").arg(&self.config).args(["-dnsserver", &self.dns]);
        let usual = [("VA_NOSLEEP", "1"), ("AUTHZREUSE", "0"), ("WFE_NONCEREJECT", "0")];
        command.envs(usual.map(|(name, value)| (format!("PEBBLE_{name}"), value)));
        command.envs(self.command.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a program that was found");
        let log = Log::follow(child.stdout.take().expect("a pipe"));
        self.running = Some((Background::from(child), log));
        wait_until("an authority", || self.api.get("/dir").is_ok());
    }

    /// The same, with other settings.
    pub fn resume_with(&mut self, scratch: &Scratch, address: &Address, settings: &Settings) {
        self.stop();
        scratch.write("pebble.json", settings.config(scratch, address).to_string());
        self.command.clone_from(&settings.variables);
        self.resume();
    }

    /// Where its API is.
    pub fn api(&self) -> &Exchange {
        &self.api
    }

    /// How it is called in URLs.
    pub fn host(&self) -> String {
        format!("{}:{API_PORT}", self.address)
    }

    /// All that it has said.
    pub fn lines(&self) -> Vec<String> {
        let now = self.running.iter().flat_map(|(_, log)| log.lines());
        self.before.iter().cloned().chain(now).collect()
    }

    /// How many certificates it has issued, ever.
    pub fn issued(&self) -> usize {
        self.lines().iter().filter(|line| line.contains("Issued certificate")).count()
    }

    /// How many orders were made, ever.
    pub fn orders(&self) -> usize {
        self.lines().iter().filter(|line| line.contains("Added order")).count()
    }

    /// The root that its certificates are below, as PEM; there may be several.
    pub fn root(&self, number: usize) -> String {
        self.managed(&format!("/roots/{number}"))
    }

    /// The common name of the certificate that its leaves are from, in chain `number`.
    pub fn issuer(&self, number: usize) -> String {
        shown::subject_of(&self.managed(&format!("/intermediates/{number}")))
    }

    /// Has the authority say this about the renewal of a certificate, right or wrong.
    pub fn set_renewal_info(&self, certificate_pem: &str, answer: &str) {
        let body = json!({ "certificate": certificate_pem, "ariResponse": answer });
        self.management.post("/set-renewal-info/", &body.to_string());
    }

    fn managed(&self, path: &str) -> String {
        let answer = http::parse(&self.management.get(path).expect("an authority that runs"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text().to_owned()
    }
}

/// Whether this machine's Pebble knows of profiles, renewal information and addresses; says so
/// where it does not, and that the test was not run.
pub fn has_new_pebble() -> bool {
    static NEW: OnceLock<bool> = OnceLock::new();
    let is_new = *NEW.get_or_init(|| {
        let (scratch, address, api) = (Scratch::new(), Address::new(), Authority::new());
        let pebble = Pebble::start(&scratch, &address, &api, &address, &Settings::default());
        let directory = pebble.api().get("/dir").expect("an authority that runs");
        let directory: Value =
            serde_json::from_slice(&http::parse(&directory).body).expect("a directory in JSON");
        directory["renewalInfo"].is_string() && directory["meta"]["profiles"].is_object()
    });
    if !is_new {
        tools::not_run("this Pebble is too old: it knows neither profiles nor renewal times");
    }
    is_new
}
