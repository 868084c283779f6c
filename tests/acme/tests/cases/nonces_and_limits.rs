//! An authority that refuses nonces, or asks to be left alone.

use std::time::{Duration, Instant};

use holdall_acme_tests::{Address, Answer, Fault, Settings, Site};
use holdall_tests::Server;
use holdall_tests::process::wait_within;
use jiff::{SignedDuration, Timestamp};

use crate::expect::{NAME, NEW_ORDER, NONCE, failure, text, try_again, wait_of};

const TOO_MANY_ORDERS: &str = "too many new orders recently";

fn too_many(fields: &[&str]) -> Answer {
    Answer::problem_with(429, "rateLimited", TOO_MANY_ORDERS, fields)
}

/// When the authority was asked for the first time for something that it refused.
fn refused(site: &Site, path: &str) -> (usize, Instant) {
    let seen = site.proxy.seen();
    let number = seen.iter().position(|seen| seen.path.starts_with(path));
    let number = number.expect("a request that was refused");
    (number, seen[number].at)
}

/// The server is stopped, started, and told to try again; but the authority, which has refused one
/// request, hears nothing before that time, and then issues.
fn waits_over_a_restart(site: &Site, server: Server, path: &str, until: Instant) {
    assert!(server.stop().success());
    let (refused, _) = refused(site, path);
    let heard = site.proxy.seen().len();
    site.proxy.clear();
    let server = site.start(&[NAME]);
    try_again(&server);
    site.wait_for(NAME);
    let seen = site.proxy.seen();
    assert_eq!(heard, refused + 1, "asked after it had refused: {seen:#?}");
    assert!(seen[heard].at >= until, "asked {:?} too early", until - seen[heard].at);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
}

#[test]
fn case_01_a_certificate_comes_though_nine_of_ten_nonces_are_refused() {
    let site = Site::with(&Settings::default().variable("PEBBLE_WFE_NONCEREJECT", 90));
    let _server = site.start(&[NAME]);
    // One of some hundred runs needs a second attempt, which comes after a minute.
    assert!(site.comes_within(Duration::from_secs(120), NAME, None), "{:?}", site.state(NAME));
    site.browse(NAME);
    assert_eq!(site.pebble.issued(), 1);
}

#[test]
fn case_04_retry_after_in_seconds_is_obeyed_over_a_restart() {
    let site = Site::new();
    site.proxy.add(Fault::always(NEW_ORDER, too_many(&["retry-after: 5"])));
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("rateLimited: too many new orders"), "{told}");
    assert!((3..=5).contains(&wait_of(&told)), "{told}");
    let until = refused(&site, NEW_ORDER).1 + Duration::from_secs(5);
    waits_over_a_restart(&site, server, NEW_ORDER, until);
}

#[test]
fn case_04_retry_after_as_a_date_is_obeyed_over_a_restart() {
    let site = Site::new();
    // The date has no fractions of a second.
    let until = Instant::now() + Duration::from_secs(8);
    let date = Timestamp::now() + SignedDuration::from_secs(9);
    let date = date.strftime("retry-after: %a, %d %b %Y %H:%M:%S GMT").to_string();
    site.proxy.add(Fault::always(NEW_ORDER, too_many(&[&date])));
    let server = site.start(&[NAME]);
    failure(&server, 1);
    waits_over_a_restart(&site, server, NEW_ORDER, until);
}

#[test]
fn case_04_without_retry_after_the_pause_is_ours() {
    let site = Site::new();
    site.proxy.add(Fault::once(NEW_ORDER, too_many(&[])));
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    assert!((44..=75).contains(&wait_of(&told)), "a minute, a quarter more or less: {told}");
    assert_eq!(site.proxy.count(NEW_ORDER), 1);
    try_again(&server);
    site.wait_for(NAME);
}

#[test]
fn case_04_a_limit_of_one_name_holds_up_no_other() {
    let site = Site::new();
    let detail = "too many certificates already issued for: \"hello.example.com\"";
    let limit = Answer::problem_with(429, "rateLimited", detail, &["retry-after: 3600"]);
    site.proxy.add(Fault::once(NEW_ORDER, limit));
    let server = site.start(&[NAME]);
    failure(&server, 1);
    site.ask_for("other.example.com");
    site.wait_for("other.example.com");
    try_again(&server);
    assert!(!wait_within(Duration::from_secs(1), || site.pebble.orders() > 1));
    assert!(site.shown(NAME).is_err());
}

#[test]
fn case_05_an_authority_in_maintenance_is_left_alone_over_a_restart() {
    let site = Site::new();
    let page = Answer::page(503, &["retry-after: 4"], "<h1>Back soon</h1>");
    site.proxy.add(Fault::always(NONCE, page));
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("503 Service Unavailable"), "{told}");
    let until = refused(&site, NONCE).1 + Duration::from_secs(4);
    waits_over_a_restart(&site, server, NONCE, until);
}

#[test]
fn a_restart_loop_makes_no_pause_shorter() {
    let (site, nobody) = (Site::new(), Address::new());
    site.names.add_a(NAME, &nobody.to_string());
    let server = site.start(&[NAME]);
    failure(&server, 1);
    assert!(server.stop().success());
    let troubles = site.state(NAME)["troubles"].clone();
    assert!(troubles.is_object(), "{troubles}");
    for number in 1..=3 {
        let server = site.start(&[NAME]);
        // What another name takes, this one would have had time for.
        let other = format!("n{number}.example.com");
        site.ask_for(&other);
        site.wait_for(&other);
        // Without being told to stop.
        drop(server);
        assert_eq!(site.pebble.orders(), 1 + number);
        assert_eq!(site.state(NAME)["troubles"], troubles);
    }
}
