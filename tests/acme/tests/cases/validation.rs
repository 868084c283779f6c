//! Names that do not lead here.

use std::time::Duration;

use holdall_acme_tests::{Address, Site, TLS_PORT};
use holdall_tests::certificates::Authority;
use holdall_tests::process::wait_within;
use holdall_tests::{Run, Server, programs};

use crate::expect::{NAME, failure, text, try_again, wait_of};

/// A server for the name that knows nothing of challenges.
fn stranger(site: &Site, address: &Address) -> Server {
    let endpoint = Authority::new().issue(&[NAME]).endpoint(&site.scratch, "stranger");
    let place = format!("tls:{TLS_PORT}:interface={address}");
    let endpoint = endpoint.replace("tls:0:interface=127.0.0.1", &place);
    let run = Run::new(programs::sayhello()).args(["--port", &endpoint]);
    Server::from_run(run.env("HOLDALL_RESOURCES", programs::repository().join("app/resources")))
}

#[test]
fn case_11_a_name_that_leads_elsewhere_is_not_tried_a_fifth_time_in_an_hour() {
    let (site, elsewhere) = (Site::new(), Address::new());
    let _stranger = stranger(&site, &elsewhere);
    site.names.add_a(NAME, &elsewhere.to_string());
    let server = site.start(&[NAME]);
    for number in 1..=4 {
        let told = failure(&server, number);
        assert!(text(&told, "cause").contains("hello.example.com: unauthorized"), "{told}");
        try_again(&server);
    }
    let told = failure(&server, 5);
    assert!(text(&told, "cause").contains("leave no room"), "{told}");
    assert!((3500..=3600).contains(&wait_of(&told)), "{told}");
    assert!(server.stop().success());
    site.names.add_a(NAME, &site.address.to_string());
    let server = site.start(&[NAME]);
    try_again(&server);
    assert!(!wait_within(Duration::from_secs(1), || site.pebble.orders() > 4));
    // Others are not held up.
    site.ask_for("other.example.com");
    site.wait_for("other.example.com");
    assert_eq!(site.pebble.issued(), 1);
}

#[test]
fn case_11_nobody_at_the_address_is_told_and_tried_again() {
    let site = Site::new();
    let nobody = Address::new();
    site.names.add_a(NAME, &nobody.to_string());
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    let cause =
        format!("hello.example.com: unauthorized: Failed to connect to {nobody}:{TLS_PORT}");
    assert!(text(&told, "cause").contains(&cause), "{told}");
    assert!((44..=75).contains(&wait_of(&told)), "{told}");
    site.names.add_a(NAME, &site.address.to_string());
    try_again(&server);
    site.wait_for(NAME);
    assert_eq!(site.pebble.issued(), 1);
}

#[test]
fn case_12_a_name_that_does_not_resolve_is_told_and_tried_again() {
    let site = Site::new();
    site.names.set_servfail(NAME);
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    let cause = "hello.example.com: malformed: Could not resolve";
    assert!(text(&told, "cause").contains(cause), "the authority's own words: {told}");
    assert!((44..=75).contains(&wait_of(&told)), "{told}");
    site.names.clear_servfail(NAME);
    try_again(&server);
    site.wait_for(NAME);
}

#[test]
fn case_13_a_wrong_address_of_ipv6_is_named_in_the_cause() {
    let site = Site::new();
    site.names.add_aaaa(NAME, "::1");
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("[::1]"), "{told}");
}
