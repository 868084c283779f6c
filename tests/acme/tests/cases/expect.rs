//! What the cases look for in the log of a server, and what an operator does then.

use holdall_acme_tests::{Address, Answer, Fault, FaultProxy, Pebble, Settings, Site};
use holdall_tests::process::wait_until;
use holdall_tests::{Scratch, Server};
use jiff::Timestamp;
use rustix::process::Signal;
use serde_json::Value;

/// The name that most cases are about.
pub const NAME: &str = "hello.example.com";

/// Where the authority gives nonces.
pub const NONCE: &str = "/nonce-plz";

/// Where it opens accounts.
pub const ACCOUNT: &str = "/sign-me-up";

/// Where it takes orders.
pub const NEW_ORDER: &str = "/order-plz";

/// Where it tells what is to be shown.
pub const AUTHORIZATION: &str = "/authZ/";

/// Where it tells how an order stands.
pub const ORDER: &str = "/my-order/";

/// Where it takes requests for certificates.
pub const FINALIZE: &str = "/finalize-order/";

/// Where it gives certificates.
pub const CERTIFICATE: &str = "/certZ/";

/// Where it tells when to renew.
pub const RENEWAL: &str = "/draft-ietf-acme-ari-03/renewalInfo/";

/// Waits for the failed attempt of this number, from 1.
pub fn failure(server: &Server, number: usize) -> Value {
    let failures = || server.log().events_of("certificate not issued");
    wait_until(&format!("failure {number}"), || {
        assert!(failures().len() <= number, "{:#?}", failures());
        failures().len() == number
    });
    failures().swap_remove(number - 1)
}

/// Waits for an event with this message.
pub fn event(server: &Server, message: &str) -> Value {
    server.event(message, |event| event["message"] == message)
}

/// The text of a member of an event.
pub fn text<'a>(event: &'a Value, member: &str) -> &'a str {
    event[member].as_str().unwrap_or_else(|| panic!("no {member} in {event}"))
}

/// How many seconds after an event the next attempt is to come.
pub fn wait_of(failure: &Value) -> i64 {
    let time = |member| text(failure, member).parse::<Timestamp>().expect("a time");
    time("time").duration_until(time("next_at")).as_secs()
}

/// The authority tells nothing about renewal: half of a short life counts. Of itself, Pebble wants
/// any time within a day of what is best.
pub fn tell_no_renewal_time(proxy: &FaultProxy) {
    proxy.add(Fault::always(RENEWAL, Answer::problem(404, "malformed", "not yet")));
}

/// The operator has mended something, and wants it to be tried now.
pub fn try_again(server: &Server) {
    server.signal(Signal::HUP);
}

/// Another authority for the names of a site, behind a proxy of its own.
pub struct Second {
    pub pebble: Pebble,
    pub proxy: FaultProxy,
    _files: (Scratch, Address),
}

impl Second {
    pub fn start(site: &Site, settings: &Settings) -> Self {
        let (scratch, address) = (Scratch::new(), Address::new());
        let pebble = Pebble::start(&scratch, &address, &site.api.0, &site.address, settings);
        let proxy = FaultProxy::start(pebble.api(), &site.api.0.issue(&["localhost"]));
        Self { pebble, proxy, _files: (scratch, address) }
    }

    /// Its directory, through its proxy.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/dir", self.proxy.address().port())
    }
}
