//! A second authority, which shares no code with Pebble: Caddy's `acme_server`.

use std::fs;
use std::path::PathBuf;

use holdall_tests::process::wait_until;
use holdall_tests::{Background, Scratch, tools};

use crate::{Address, Exchange, shown};

/// Caddy as an authority. It looks at ports 80 and 443 of names, and has certificates of 5 minutes:
/// the shortest that it knows.
#[derive(Debug)]
pub struct Caddy {
    url: String,
    root: PathBuf,
    _server: Background,
}

const API_PORT: u16 = 9443;

/// It asks the system where a name is, so the system's file is another one for it.
const SCRIPT: &str = "mount --bind hosts /etc/hosts
    export HOME=$PWD
    exec caddy run --config Caddyfile --adapter caddyfile >caddy.log 2>&1";

impl Caddy {
    /// Starts one at an address, where it believes these names to be. Root has to do it.
    ///
    /// # Panics
    /// If it does not start within half a minute.
    pub fn start(scratch: &Scratch, address: &Address, names: &[&str]) -> Self {
        scratch.write("hosts", format!("127.0.0.1 localhost\n{address} {}\n", names.join(" ")));
        scratch.write("Caddyfile", config(address));
        let run = tools::in_mount_namespace(SCRIPT, [""; 0]).current_dir(scratch.dir());
        let server = Background::from(run.spawn());
        let root = scratch.path("caddy/pki/authorities/local/root.crt");
        wait_until("Caddy's root", || root.exists());
        let read = || fs::read_to_string(&root).unwrap_or_default();
        let answers = || {
            let tls = shown::client_config(&read());
            Exchange::tls(address.port(API_PORT), tls).get("/acme/local/directory").is_ok()
        };
        wait_until("Caddy's directory", answers);
        let url = format!("https://{address}:{API_PORT}/acme/local/directory");
        Self { url, root, _server: server }
    }

    /// The URL of its directory.
    pub fn directory_url(&self) -> &str {
        &self.url
    }

    /// The file with the root that vouches for its own address, and for what it issues.
    pub fn root(&self) -> &PathBuf {
        &self.root
    }
}

fn config(address: &Address) -> String {
    format!(
        "{{
            admin off
            skip_install_trust
            auto_https disable_redirects
            storage file_system caddy
        }}
        https://{address}:{API_PORT} {{
            bind {address}
            tls internal
            acme_server {{
                lifetime 5m
                challenges http-01 tls-alpn-01
            }}
        }}
        "
    )
}
