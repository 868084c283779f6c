//! The harness itself: another client gets certificates through all of its parts.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use holdall_acme_tests::{Answer, Fault, Settings, Shown, Site, TLS_PORT};
use holdall_tests::{Ended, tools};

const NAME: &str = "hello.example.com";

/// lego gets a certificate from a site's authority, through the proxy.
fn lego(site: &Site) -> Ended {
    let listen = site.address.port(TLS_PORT).to_string();
    let run = tools::tool("lego").current_dir(site.scratch.dir());
    let run = run.env("LEGO_CA_CERTIFICATES", site.scratch.path("ca.pem"));
    let run = run.args(["--server", &site.directory_url(), "--path", "lego", "--accept-tos"]);
    let run = run.args(["--email", "a@example.com", "--domains", NAME, "--tls"]);
    run.args(["--tls.port", &listen, "run"]).end()
}

fn certificate(site: &Site) -> PathBuf {
    site.scratch.path(format!("lego/certificates/{NAME}.crt"))
}

#[test]
fn another_client_gets_a_certificate() {
    let site = Site::with(&Settings::living(3600));
    let ended = lego(&site);
    assert!(ended.status.success(), "{}", ended.stderr);
    let shown = Shown::in_pem(&fs::read(certificate(&site)).unwrap());
    assert_eq!((shown.names, shown.chain), (vec![NAME.to_owned()], 2));
    let life = shown.not_before.duration_until(shown.not_after).as_secs();
    assert!((3598..=3601).contains(&life), "{life} s");
    assert_eq!((site.pebble.issued(), site.pebble.orders()), (1, 1), "{:?}", site.pebble.lines());
    assert_eq!(shown.issuer, site.pebble.issuer(0));
    assert_eq!(site.proxy.count("/order-plz"), 1);
}

#[test]
fn faults_happen_where_and_as_often_as_said() {
    let site = Site::new();
    site.proxy.add(Fault::once("/order-plz", Answer::problem(403, "caa", "not for you")));
    let refused = lego(&site);
    assert!(!refused.status.success() && refused.stderr.contains("not for you"), "{refused:?}");
    assert_eq!(site.pebble.orders(), 0);
    site.proxy.add(Fault::once("/dir", Answer::Late(Duration::from_millis(200))));
    assert!(lego(&site).status.success());
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
}

#[test]
fn names_are_where_they_are_said_to_be() {
    let site = Site::new();
    site.names.set_servfail(NAME);
    let refused = lego(&site);
    assert!(!refused.status.success() && refused.stderr.contains("not resolve"), "{refused:?}");
    site.names.clear_servfail(NAME);
    site.names.add_a(NAME, "127.0.0.1");
    assert!(!lego(&site).status.success());
    site.names.add_a(NAME, &site.address.to_string());
    assert!(lego(&site).status.success());
}

#[test]
fn an_authority_that_starts_again_knows_nobody() {
    let mut site = Site::new();
    assert!(lego(&site).status.success());
    let root = site.pebble.root(0);
    site.pebble.stop();
    site.pebble.resume();
    assert_ne!(site.pebble.root(0), root);
    let refused = lego(&site);
    assert!(refused.stderr.contains("accountDoesNotExist"), "{}", refused.stderr);
}
