//! Certificates that live for twenty seconds, while clients come all the time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use holdall_acme_tests::{Settings, Site, TLS_PORT};
use holdall_tests::{Server, TlsSettings, process, tools};
use jiff::Timestamp;
use serde_json::Value;

use crate::clients::idle;
use crate::expect::{NAME, tell_no_renewal_time};

/// How often the certificate is renewed under load.
fn renewals() -> usize {
    if std::env::var_os("HOLDALL_LONG").is_some() { 20 } else { 5 }
}

/// Visitors of one kind, until there have been enough renewals.
struct Visitors<'a> {
    site: &'a Site,
    root: &'a str,
    is_over: &'a AtomicBool,
}

/// Visitors come no more when this is dropped, also where the test fails: it waits for their end.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Visitors<'_> {
    /// A browser that connects anew each time, and trusts the authority alone; gives how often.
    fn browse(&self) -> usize {
        self.visit(|| {
            let address = self.site.address.port(TLS_PORT);
            let page = TlsSettings::new(self.root).connect(address, NAME).get("/");
            assert_eq!(page.status, 200, "{}", page.head);
            1
        })
    }

    /// Fifty connections of a load generator each time; gives the number of requests.
    fn load(&self) -> usize {
        self.visit(|| {
            let run = tools::tool("h2load").args(["-n", "500", "-c", "50", "-t", "1"]);
            let address = self.site.address.port(TLS_PORT).to_string();
            let run = run.arg(format!("--connect-to={address}"));
            let said = run.arg(format!("https://{NAME}:{TLS_PORT}/")).ok();
            let is_good = said.text().contains("500 succeeded, 0 failed, 0 errored, 0 timeout");
            assert!(is_good, "{}", said.text());
            500
        })
    }

    fn visit(&self, once: impl Fn() -> usize) -> usize {
        let mut count = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            count += once();
            thread::sleep(Duration::from_millis(10));
        }
        count
    }
}

/// The certificates that clients see while there is load, the first one and as many as wanted.
fn seen_under_load(site: &Site) -> BTreeSet<String> {
    let (root, is_over) = (site.pebble.root(0), AtomicBool::new(false));
    let visitors = Visitors { site, root: &root, is_over: &is_over };
    thread::scope(|scope| {
        let over = Over(&is_over);
        let browser = scope.spawn(|| visitors.browse());
        let generator = scope.spawn(|| visitors.load());
        let mut serials = BTreeSet::new();
        // The first one is no renewal.
        while serials.len() <= renewals() && !browser.is_finished() && !generator.is_finished() {
            let shown = site.shown(NAME).expect("a certificate");
            assert!(shown.not_after > Timestamp::now(), "{shown:?} was not renewed");
            serials.insert(shown.serial);
            thread::sleep(Duration::from_millis(100));
        }
        drop(over);
        let pages = browser.join().expect("a browser that never fails");
        let requests = generator.join().expect("a load generator that never fails");
        eprintln!("{pages} pages and {requests} requests in {} renewals", renewals());
        serials
    })
}

#[test]
fn case_26_certificates_of_twenty_seconds_are_renewed_under_load() {
    let site = Site::with(&Settings::living(20));
    tell_no_renewal_time(&site.proxy);
    site.ask_for(NAME);
    // A machine that has much else to do takes its time for fifty handshakes.
    let run = site.run(&site.endpoint()).arg("--handshake-timeout=60s");
    let server = Server::from_run(run);
    site.wait_for(NAME);
    assert_eq!(seen_under_load(&site).len(), renewals() + 1);
    assert!(server.log().events_of("certificate not issued").is_empty());
    let is_alarm = |event: &Value| event["level"] == "error" || event["level"] == "critical";
    let alarms: Vec<_> = server.log().events().into_iter().filter(is_alarm).collect();
    assert!(alarms.is_empty(), "{alarms:#?}");
    // As many as were seen, and one that is new by now.
    assert!(site.pebble.issued() <= renewals() + 2, "{}", site.pebble.issued());
}

#[test]
fn certificates_that_need_nothing_cost_nothing() {
    const LOOK: Duration = Duration::from_secs(20);
    let site = Site::new();
    let names: Vec<_> = (0..20).map(|number| format!("n{number}.example.com")).collect();
    let server = idle(&site, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let begin = process::processor_time(server.pid());
    thread::sleep(LOOK);
    let used = process::processor_time(server.pid()) - begin;
    // A look at the clock is counted as a hundredth of a second, or as nothing.
    assert!(used <= Duration::from_millis(20), "{used:?} in {LOOK:?}");
}
