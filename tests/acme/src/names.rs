//! The DNS that the authority asks: `pebble-challtestsrv`, which answers what it is told to.

use std::process::{Command, Stdio};

use holdall_tests::process::wait_until;
use holdall_tests::{Background, tools};
use serde_json::{Value, json};

use crate::{Address, Exchange};

/// A DNS server. Every name is at the address that it was started with, unless told otherwise.
#[derive(Debug)]
pub struct Names {
    management: Exchange,
    _server: Background,
}

const DNS_PORT: u16 = 8053;
const MANAGEMENT_PORT: u16 = 8055;

impl Names {
    /// Starts one, and waits until it can be told something.
    pub fn start(address: &Address) -> Self {
        let mut command = Command::new(tools::path("pebble-challtestsrv"));
        command.args(["-dnsserver", &Self::address(address)]);
        command.args(["-management", &address.port(MANAGEMENT_PORT).to_string()]);
        command.args(["-defaultIPv4", &address.to_string(), "-defaultIPv6", ""]);
        command.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Background::start(&mut command);
        let management = Exchange::plain(address.port(MANAGEMENT_PORT));
        wait_until("a DNS server", || management.get("/").is_ok());
        Self { management, _server: server }
    }

    /// Where it is asked.
    pub fn address(address: &Address) -> String {
        address.port(DNS_PORT).to_string()
    }

    /// Where it is told what to answer, as an URL without a path.
    pub fn management_url(address: &Address) -> String {
        format!("http://{}", address.port(MANAGEMENT_PORT))
    }

    /// A name is at this address of IPv4, and no other.
    pub fn add_a(&self, name: &str, address: &str) {
        self.post("/clear-a", json!({ "host": fully(name) }));
        self.post("/add-a", json!({ "host": fully(name), "addresses": [address] }));
    }

    /// A name is at this address of IPv6, too.
    pub fn add_aaaa(&self, name: &str, address: &str) {
        self.post("/add-aaaa", json!({ "host": fully(name), "addresses": [address] }));
    }

    /// Nobody can tell where a name is.
    pub fn set_servfail(&self, name: &str) {
        self.post("/set-servfail", json!({ "host": fully(name) }));
    }

    /// It can be told again.
    pub fn clear_servfail(&self, name: &str) {
        self.post("/clear-servfail", json!({ "host": fully(name) }));
    }

    fn post(&self, path: &str, body: Value) {
        self.management.post(path, &body.to_string());
    }
}

fn fully(name: &str) -> String {
    format!("{name}.")
}
