//! Several servers with one directory.

use std::fs;
use std::thread;
use std::time::Duration;

use holdall_acme_tests::{
    Address, Answer, Fault, Gate, HTTP_PORT, Settings, Shown, Site, TLS_PORT,
};
use holdall_tests::Server;
use holdall_tests::process::wait_until;
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::expect::{CERTIFICATE, NAME, NEW_ORDER, event, tell_no_renewal_time};
use crate::served::Served;

/// A server as on another host: it is at another address.
struct Host {
    address: Address,
    server: Server,
}

impl Host {
    fn start(site: &Site) -> Self {
        Self::start_for(site, &[NAME])
    }

    fn start_for(site: &Site, names: &[&str]) -> Self {
        let address = Address::new();
        let server = site.start_with(&site.endpoint().at(&address), names);
        Self { address, server }
    }

    fn shown(&self) -> Option<Shown> {
        Shown::at(self.address.port(TLS_PORT), NAME).ok()
    }

    fn wait_for(&self, certificate: &Shown) {
        wait_until("the same certificate", || self.shown().as_ref() == Some(certificate));
    }
}

/// How many accounts the authority has.
fn accounts(site: &Site) -> usize {
    site.pebble.lines().iter().filter(|line| line.contains("accounts in memory")).count()
}

#[test]
fn case_33_twenty_cold_hosts_make_one_order() {
    let site = Site::new();
    let first = site.start(&[]);
    let hosts: Vec<Host> = thread::scope(|scope| {
        let starting: Vec<_> = (1..20).map(|_| scope.spawn(|| Host::start(&site))).collect();
        starting.into_iter().map(|host| host.join().expect("a server")).collect()
    });
    let certificate = site.wait_for(NAME);
    hosts.iter().for_each(|host| host.wait_for(&certificate));
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
    assert_eq!(accounts(&site), 1, "{:#?}", site.pebble.lines());
    // Nobody was late, and nobody failed: the others only waited.
    let all = hosts.iter().map(|host| &host.server).chain([&first]);
    let failures = all.flat_map(|server| server.log().events_of("certificate not issued"));
    let failures: Vec<_> = failures.collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn case_33_hosts_that_renew_together_make_one_order_each_time() {
    let site = Site::with(&Settings::living(14));
    tell_no_renewal_time(&site.proxy);
    let _first = site.start(&[]);
    let hosts: Vec<_> = (1..6).map(|_| Host::start_for(&site, &[])).collect();
    site.ask_for(NAME);
    let mut certificate = site.wait_for(NAME);
    for count in 1..=2 {
        hosts.iter().for_each(|host| host.wait_for(&certificate));
        assert_eq!((site.pebble.orders(), site.pebble.issued()), (count, count));
        certificate = site.wait_for_another(NAME, Some(&certificate));
    }
}

#[test]
fn case_33_what_the_authority_tells_one_host_counts_for_all() {
    let site = Site::with(&Settings::default().variable("PEBBLE_WFE_NONCEREJECT", 0));
    let later = Answer::problem_with(429, "rateLimited", "later", &["retry-after: 8"]);
    site.proxy.add(Fault::once(NEW_ORDER, later));
    let _first = site.start(&[]);
    let hosts: Vec<_> = (1..4).map(|_| Host::start_for(&site, &[])).collect();
    site.ask_for(NAME);
    let certificate = site.wait_for(NAME);
    hosts.iter().for_each(|host| host.wait_for(&certificate));
    let orders = site.proxy.seen().into_iter().filter(|seen| seen.path == NEW_ORDER);
    let times: Vec<_> = orders.map(|seen| seen.at).collect();
    assert_eq!(times.len(), 2, "{:#?}", site.proxy.seen());
    assert!(times[1] - times[0] >= Duration::from_secs(7), "{times:?}");
}

#[test]
fn case_32_a_challenge_that_hits_another_host_is_answered() {
    for kind in ["tls-alpn-01", "http-01"] {
        let site = Site::new();
        let start = |address: &Address| {
            let clear = format!("tcp:{HTTP_PORT}:interface={address}");
            let endpoint = site.endpoint().at(address).with("challenge", kind);
            let run = site.run(&endpoint.with("domains", NAME)).args(["--port", &clear]);
            Server::from_run(run.args(["--log-level", "debug"]))
        };
        let gate = Gate::default();
        site.proxy.add(Fault::once(NEW_ORDER, Answer::Held(gate.clone())));
        let elsewhere = Address::new();
        let orders = start(&elsewhere);
        site.proxy.wait_for(NEW_ORDER, 1);
        let answers = start(&site.address);
        gate.open();
        let certificate = site.wait_for(NAME);
        assert_eq!(Shown::at(elsewhere.port(TLS_PORT), NAME).expect("the same"), certificate);
        let over = if kind == "http-01" { "HTTP" } else { "TLS" };
        event(&answers, &format!("challenge answered over {over}"));
        event(&orders, "certificate issued");
        assert!(answers.log().events_of("certificate issued").is_empty());
        assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
    }
}

fn from_now(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

/// The lease of a process of another machine.
fn lease(expires: &str) -> Value {
    json!({ "host": "elsewhere", "pid": 7, "place": "another", "started": 7, "epoch": 7,
        "expires": expires })
}

#[test]
fn case_30_leases_that_are_none_hold_nobody_up() {
    let site = Site::new();
    let locks = site.directory().join(".lock");
    fs::create_dir_all(&locks).expect("a directory");
    let leases = [
        ("stale.example.com", lease(&from_now(-1)).to_string()),
        ("future.example.com", lease("9999-01-01T00:00:00Z").to_string()),
        ("later.example.com", lease(&from_now(90)).to_string()),
        ("nul.example.com", "\0".repeat(200)),
        ("empty.example.com", String::new()),
        ("other.example.com", "[]".to_owned()),
        ("cut.example.com", lease(&from_now(30)).to_string()[..40].to_owned()),
    ];
    for (name, text) in &leases {
        fs::write(locks.join(name), text).expect("a file");
    }
    let names = leases.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let server = site.start(&names);
    let begin = std::time::Instant::now();
    names.iter().for_each(|name| drop(site.wait_for(name)));
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
    let failures = server.log().events_of("certificate not issued");
    assert!(failures.is_empty(), "{failures:#?}");
    wait_until("leases that are given back", || {
        names.iter().all(|name| !locks.join(name).exists())
    });
}

#[test]
fn case_30_a_lease_of_another_machine_holds_until_its_end() {
    let site = Site::new();
    let locks = site.directory().join(".lock");
    fs::create_dir_all(&locks).expect("a directory");
    let end = from_now(5);
    fs::write(locks.join(NAME), lease(&end).to_string()).expect("a file");
    let _server = site.start(&[NAME]);
    let certificate = site.wait_for(NAME);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
    let end: Timestamp = end.parse().expect("a time");
    let order = site.proxy.seen().into_iter().find(|seen| seen.path == NEW_ORDER).expect("one");
    let ago = SignedDuration::try_from(order.at.elapsed()).expect("a short time");
    assert!(Timestamp::now() - ago >= end, "{certificate:?}");
}

/// The time of the lease goes by.
fn let_expire(site: &Site) {
    if std::env::var_os("HOLDALL_LONG").is_some() {
        return thread::sleep(Duration::from_secs(120));
    }
    let file = site.directory().join(".lock").join(NAME);
    let text = fs::read_to_string(&file).expect("a lease");
    let mut lease: Value = serde_json::from_str(&text).expect("JSON");
    lease["expires"] = from_now(-1).into();
    fs::write(file, lease.to_string()).expect("a file of the server");
}

#[test]
fn case_31_an_order_of_a_host_that_stands_still_is_gone_on_with_by_another() {
    let site = Site::new();
    let gate = Gate::default();
    site.proxy.add(Fault::once(CERTIFICATE, Answer::Held(gate.clone())));
    let still = Host::start(&site);
    // The authority finds the name at the site's own address only.
    let other = site.start(&[]);
    site.proxy.wait_for(CERTIFICATE, 1);
    still.server.signal(Signal::STOP);
    gate.open();
    let_expire(&site);
    let certificate = site.wait_for(NAME);
    event(&other, "going on with the order");
    let clients = Served::watch(&site, &[NAME]);
    still.server.signal(Signal::CONT);
    still.wait_for(&certificate);
    wait_until("an end of the first attempt", || {
        let log = still.server.log();
        let issued = log.events_of("certificate issued");
        issued.len() + log.events_of("certificate not issued").len() > 0
    });
    assert_eq!(Shown::in_pem(site.pem(NAME).as_bytes()), certificate);
    assert_eq!(clients.end(), [certificate]);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
}

#[test]
fn case_31_a_host_that_stood_still_replaces_no_newer_certificate() {
    let site = Site::new();
    let gate = Gate::default();
    site.proxy.add(Fault::once(NEW_ORDER, Answer::Held(gate.clone())));
    let still = Host::start(&site);
    site.proxy.wait_for(NEW_ORDER, 1);
    still.server.signal(Signal::STOP);
    gate.open();
    let_expire(&site);
    let _other = site.start(&[]);
    let certificate = site.wait_for(NAME);
    let clients = Served::watch(&site, &[NAME]);
    still.server.signal(Signal::CONT);
    still.server.event("the end of the first attempt", |event| {
        // Another was faster, or took over, or the answer was waited for too long.
        let message = event["message"].as_str().unwrap_or_default();
        message == "another process was faster, its certificate stays"
            || message == "certificate not issued"
    });
    still.wait_for(&certificate);
    assert_eq!(Shown::in_pem(site.pem(NAME).as_bytes()), certificate);
    assert_eq!(clients.end(), [certificate]);
    assert!(still.server.log().events_of("certificate issued").is_empty());
}
