//! Processes that are killed, machines that lose their power, and what is found afterwards.

use std::fs;
use std::thread;
use std::time::Duration;

use holdall_acme_tests::{Answer, Fault, Settings, Shown, Site, has_new_pebble};
use holdall_tests::fixtures::Random;
use holdall_tests::process::wait_until;
use holdall_tests::{Server, tools};
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};

use crate::expect::{
    ACCOUNT, AUTHORIZATION, CERTIFICATE, FINALIZE, NAME, NEW_ORDER, NONCE, ORDER, RENEWAL,
    tell_no_renewal_time,
};
use crate::mounted::Mounted;

/// Where the authority hears that it may look.
const CHALLENGE: &str = "/chalZ/";

/// All that the server asks on the way to its first certificate.
const WAY: [&str; 9] =
    ["/dir", NONCE, ACCOUNT, NEW_ORDER, AUTHORIZATION, CHALLENGE, ORDER, FINALIZE, CERTIFICATE];

/// The same at several sites at once, as most of the time is waited.
fn all<T: Copy + Sync, U: Send>(of: &[T], one: impl Fn(T) -> U + Sync) -> Vec<U> {
    thread::scope(|scope| {
        let begun: Vec<_> = of.iter().map(|of| scope.spawn(|| one(*of))).collect();
        begun.into_iter().map(|one| one.join().expect("a good end")).collect()
    })
}

/// Has the server killed at some point, and then finishes; gives how many orders and certificates
/// it took.
fn killed(site: &Site, when: impl FnOnce()) -> (usize, usize) {
    let server = site.start(&[NAME]);
    when();
    // Without being told to stop.
    drop(server);
    site.proxy.clear();
    let server = site.start(&[NAME]);
    site.wait_for(NAME);
    site.browse(NAME);
    let failures = server.log().events_of("certificate not issued");
    assert!(failures.is_empty(), "{failures:#?}");
    (site.pebble.orders(), site.pebble.issued())
}

/// Has it killed at a request of each kind, of which some may take a second order.
fn killed_at_each_request(fault: &Answer, may_order_again: &[&str]) {
    all(&WAY, |path| {
        let site = Site::new();
        site.proxy.add(Fault::always(path, fault.clone()));
        let (orders, issued) = killed(&site, || site.proxy.wait_for(path, 1));
        let most = 1 + usize::from(may_order_again.contains(&path));
        assert!(orders <= most && issued == 1, "{path}: {orders} orders, {issued} certificates");
    });
}

#[test]
fn case_09_a_kill_before_any_request_arrives_costs_no_certificate() {
    // The authority may look while the server is dead: that order is lost.
    killed_at_each_request(&Answer::Hang, &[ORDER]);
}

#[test]
fn case_09_a_kill_before_any_answer_arrives_costs_no_certificate() {
    // And nobody can know of one that was made and not told.
    killed_at_each_request(&Answer::HangAfter, &[NEW_ORDER, CHALLENGE, ORDER]);
}

#[test]
fn case_09_a_kill_at_any_time_costs_no_certificate() {
    let times = [0, 50, 100, 150, 200, 300, 400, 500, 600, 800, 1000, 1200];
    all(&times, |time| {
        let time = Duration::from_millis(time);
        let (orders, issued) = killed(&Site::new(), || thread::sleep(time));
        assert!(orders <= 2 && issued == 1, "{orders} and {issued} after a kill at {time:?}");
    });
}

/// The authority wanted it renewed an hour ago.
pub fn overdue() -> Answer {
    Answer::json(|answer| {
        let ago = |hours| (Timestamp::now() - SignedDuration::from_hours(hours)).to_string();
        answer["suggestedWindow"] = json!({ "start": ago(2), "end": ago(1) });
    })
}

/// Has the authority asked at the next start when it wants the certificate to be renewed.
fn ask_again(site: &Site) {
    let mut state: Value = site.state(NAME);
    state["poll_after"] = Timestamp::now().to_string().into();
    // As if they were long ago: it does not renew again and again.
    state["attempts"] = json!([]);
    let file = site.directory().join(format!("{NAME}.state"));
    fs::write(file, state.to_string()).expect("a file of the server");
}

#[test]
fn case_09_a_kill_while_a_certificate_is_renewed_costs_no_other_one() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::new();
    let mut server = site.start(&[NAME]);
    let mut old = site.wait_for(NAME);
    for (count, path) in (2_usize..).zip([NEW_ORDER, CHALLENGE, FINALIZE, CERTIFICATE]) {
        wait_until("a poll", || {
            let state = site.state(NAME);
            state["issued"] == count - 1 && state["poll_after"].is_string()
        });
        assert!(server.stop().success());
        ask_again(&site);
        site.proxy.add(Fault::once(RENEWAL, overdue()));
        site.proxy.add(Fault::always(path, Answer::HangAfter));
        let before = site.proxy.count(path);
        server = site.start(&[]);
        site.proxy.wait_for(path, before + 1);
        drop(server);
        site.proxy.clear();
        server = site.start(&[]);
        let new = site.wait_for_another(NAME, Some(&old));
        assert_eq!(site.pebble.issued(), count, "{path}");
        old = new;
    }
}

/// Whether a file has a key with its certificate and its chain; nothing if it has nothing yet.
fn whole(pem: &[u8]) -> Option<Shown> {
    if pem.is_empty() {
        return None;
    }
    let provider = aws_lc_rs::default_provider();
    let key = PrivateKeyDer::from_pem_slice(pem).expect("a key");
    let shown = Shown::in_pem(pem);
    let both = CertifiedKey::from_der(vec![shown.leaf.clone()], key, &provider);
    both.expect("a key that fits").keys_match().expect("a key that fits");
    assert_eq!((shown.chain, shown.names.as_slice()), (2, &[NAME.to_owned()][..]));
    Some(shown)
}

#[test]
fn case_29_a_process_that_is_killed_leaves_the_old_certificate_or_the_new_one() {
    let site = Site::with(&Settings::living(8));
    tell_no_renewal_time(&site.proxy);
    let server = site.start(&[NAME]);
    let mut newest = site.wait_for(NAME);
    drop(server);
    let mut random = Random::new(29);
    for _ in 0..16 {
        let server = site.start(&[]);
        let found = whole(site.pem(NAME).as_bytes()).expect("a certificate");
        assert!(found.not_before >= newest.not_before, "an older one is back");
        thread::sleep(Duration::from_millis(random.below(1200)));
        newest = site.shown(NAME).expect("a certificate from the first moment on");
        drop(server);
    }
    let begun: Vec<_> = site.scratch.names("certificates");
    assert!(begun.iter().filter(|file| file.starts_with(".tmp-")).count() < 3, "{begun:?}");
    assert!(site.pebble.issued() >= 2, "nothing was renewed meanwhile");
}

#[test]
fn case_29_what_a_power_loss_leaves_is_the_old_certificate_or_the_new_one() {
    if !tools::root_for("can have a file system in a file") {
        return;
    }
    let site = Site::with(&Settings::living(6));
    tell_no_renewal_time(&site.proxy);
    let image = site.scratch.write("image", vec![0; 16 << 20]);
    tools::tool("mkfs.ext4").arg("-q").arg(&image).ok();
    // Nothing gets to the disk by itself, but by fsync.
    let disk = Mounted::image(&site.scratch.path("disk"), &image, "commit=300");
    let directory = site.scratch.path("disk/certificates");
    let endpoint = site.endpoint().in_directory(&directory);
    let server = Server::from_run(site.run(&endpoint.with("domains", NAME)));
    site.wait_for(NAME);
    let mut random = Random::new(29);
    for number in 0..12 {
        thread::sleep(Duration::from_millis(random.below(900)));
        let shown = site.shown(NAME).expect("a certificate");
        server.signal(Signal::STOP);
        let copy = site.scratch.path(format!("copy-{number}"));
        fs::copy(&image, &copy).expect("room for a copy");
        server.signal(Signal::CONT);
        let at = site.scratch.path(format!("disk-{number}"));
        let lost = Mounted::image(&at, &copy, "commit=300");
        let found = fs::read(at.join(format!("certificates/{NAME}.pem"))).expect("a file");
        let found = whole(&found).expect("what was shown before was on the disk");
        assert!(found.not_before >= shown.not_before, "an older one is back");
        drop(lost);
        fs::remove_file(copy).expect("a file of ours");
    }
    assert!(site.pebble.issued() >= 2, "nothing was renewed meanwhile");
    drop((server, disk));
}
