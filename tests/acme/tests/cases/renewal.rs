//! When an authority wants certificates to be renewed, and what they replace.

use std::fs;
use std::time::Duration;

use holdall_acme_tests::{Answer, Fault, Settings, Shown, Site, has_new_pebble};
use holdall_tests::process::wait_until;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::expect::{NAME, NEW_ORDER, RENEWAL, event, failure, tell_no_renewal_time, text};

/// The authority wants a certificate to be renewed between so many seconds from now.
pub fn window(start: i64, end: i64) -> Answer {
    Answer::json(move |answer| answer["suggestedWindow"] = window_from_now(start, end))
}

fn window_from_now(start: i64, end: i64) -> Value {
    let time = |seconds| (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string();
    json!({ "start": time(start), "end": time(end) })
}

/// How long the one was in use before the other came.
fn seconds_between(old: &Shown, new: &Shown) -> i64 {
    old.not_before.duration_until(new.not_before).as_secs()
}

/// Waits until the renewal time of a certificate has been asked for; gives the state then.
fn asked(site: &Site, name: &str) -> Value {
    wait_until("a poll", || site.state(name)["poll_after"].is_string());
    site.state(name)
}

#[test]
fn case_22_a_certificate_is_renewed_when_the_authority_says_now() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::new();
    site.proxy.add(Fault::once(RENEWAL, window(-7200, -3600)));
    let server = site.start(&[NAME]);
    wait_until("two certificates", || site.pebble.issued() == 2);
    wait_until("both to be served", || server.log().events_of("certificate issued").len() == 2);
    site.proxy.wait_for(RENEWAL, 2);
    site.browse(NAME);
    asked(&site, NAME);
    assert_eq!(site.pebble.orders(), 2, "the second one is not to be renewed yet");
    assert_eq!(server.log().events_of("ordering without naming what is replaced").len(), 0);
}

#[test]
fn case_22_a_certificate_is_renewed_as_late_as_the_authority_says() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::with(&Settings::living(14));
    site.proxy.add(Fault::once(RENEWAL, window(10, 11)));
    let _server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    let new = site.wait_for_another(NAME, Some(&old));
    // Half of its life are seven seconds.
    assert!(seconds_between(&old, &new) >= 9, "{old:?} {new:?}");
}

#[test]
fn case_22_half_of_the_life_counts_where_the_authority_tells_no_time_of_use() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::with(&Settings::living(24));
    let nonsense = [
        Answer::problem(404, "malformed", "no such certificate"),
        Answer::page(500, &[], "<html>Oops</html>"),
        Answer::page(200, &[], "<html>Welcome</html>"),
        Answer::Instead(200, Vec::new(), b"{\"suggestedWindow\":{\"start\":7}}".to_vec()),
        window(2, 1),
        // That one is right, but the certificate does not live so long.
        window(86_400, 90_000),
    ];
    let names: Vec<_> =
        (0..nonsense.len()).map(|number| format!("n{number}.example.com")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    nonsense.into_iter().for_each(|answer| site.proxy.add(Fault::once(RENEWAL, answer)));
    let server = site.start(&names);
    let old: Vec<_> = names.iter().map(|name| site.wait_for(name)).collect();
    for (name, old) in names.iter().zip(&old) {
        let new = site.wait_for_another(name, Some(old));
        // In an emergency it would be renewed too, after 23 seconds.
        let life = seconds_between(old, &new);
        assert!((10..=21).contains(&life), "{name} after {life} s: {old:?} {new:?}");
    }
    let warnings = server.log().events_of("renewal time not told, its life counts");
    assert_eq!(warnings.len(), 5, "{warnings:#?}");
    assert!(server.log().events_of("certificate not issued").is_empty());
}

#[test]
fn case_22_the_authority_says_when_to_ask_again_or_it_is_asked_after_six_hours() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::new();
    let answers = [
        Answer::without("retry-after"),
        retry_after("soon"),
        retry_after("0"),
        retry_after("7200"),
        retry_after("9999999"),
    ];
    answers.into_iter().for_each(|answer| site.proxy.add(Fault::once(RENEWAL, answer)));
    let names =
        ["a.example.com", "b.example.com", "c.example.com", "d.example.com", "e.example.com"];
    let _server = site.start(&names);
    let mut waits = names.map(|name| {
        let after = text(&asked(&site, name), "poll_after").parse().expect("a time");
        Timestamp::now().duration_until(after).as_secs()
    });
    waits.sort_unstable();
    for (wait, seconds) in waits.into_iter().zip([60, 7200, 6 * 3600, 6 * 3600, 24 * 3600]) {
        assert!((seconds - 20..=seconds).contains(&wait), "{wait} s instead of {seconds}");
    }
}

fn retry_after(value: &'static str) -> Answer {
    Answer::Changed(std::sync::Arc::new(move |fields, _| {
        fields.retain(|field| !field.to_ascii_lowercase().starts_with("retry-after:"));
        fields.push(format!("retry-after: {value}"));
    }))
}

#[test]
fn case_23_a_certificate_that_is_to_be_revoked_is_replaced_at_the_next_poll() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::new();
    let server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    let mut state = asked(&site, NAME);
    assert!(server.stop().success());
    let url = "https://ca.example/incident";
    let told = json!({ "suggestedWindow": window_from_now(-7200, -3600), "explanationURL": url });
    site.pebble.set_renewal_info(&certificate(&site), &told.to_string());
    // Not to wait for hours here.
    state["poll_after"] = Timestamp::now().to_string().into();
    let file = site.directory().join(format!("{NAME}.state"));
    fs::write(file, state.to_string()).expect("a file of the server");
    let server = site.start(&[NAME]);
    let why = event(&server, "the authority wants it renewed, and says why");
    assert_eq!((text(&why, "url"), text(&why, "level")), (url, "warn"));
    site.wait_for_another(NAME, Some(&old));
    assert_eq!(site.pebble.issued(), 2);
}

/// The certificate of the name, without its key and its chain.
fn certificate(site: &Site) -> String {
    let pem = site.pem(NAME);
    let begin = pem.find("-----BEGIN CERTIFICATE-----").expect("a certificate");
    let end = "-----END CERTIFICATE-----\n";
    let length = pem[begin..].find(end).expect("its end") + end.len();
    pem[begin..begin + length].to_owned()
}

#[test]
fn case_24_an_old_certificate_that_came_back_is_replaced_once_more() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::with(&Settings::living(16));
    tell_no_renewal_time(&site.proxy);
    let server = site.start(&[NAME]);
    let first = site.wait_for(NAME);
    let old = site.pem(NAME);
    let second = site.wait_for_another(NAME, Some(&first));
    // As from a backup.
    fs::write(site.file(NAME), old).expect("a file of the server");
    wait_until("a third certificate", || {
        site.shown(NAME).is_ok_and(|shown| shown != first && shown != second)
    });
    event(&server, "ordering without naming what is replaced");
    assert!(server.log().events_of("certificate not issued").is_empty());
    assert_eq!(site.pebble.issued(), 3);
}

#[test]
fn case_24_a_new_account_replaces_the_certificates_of_the_old_one() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::with(&Settings::living(16));
    tell_no_renewal_time(&site.proxy);
    let server = site.start(&[NAME]);
    let first = site.wait_for(NAME);
    asked(&site, NAME);
    assert!(server.stop().success());
    for file in ["client.key", "client.key.json"] {
        fs::remove_file(site.directory().join(file)).expect("a file of the server");
    }
    let server = site.start(&[NAME]);
    site.wait_for_another(NAME, Some(&first));
    event(&server, "ordering without naming what is replaced");
    assert!(server.log().events_of("certificate not issued").is_empty());
    assert_eq!(site.pebble.issued(), 2);
}

#[test]
fn case_22_an_authority_that_wants_each_certificate_renewed_at_once_is_heard_three_times() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::new();
    site.proxy.add(Fault::always(RENEWAL, window(-7200, -3600)));
    let _server = site.start(&[NAME]);
    wait_until("a third certificate, of which the authority was asked", || {
        let state = site.state(NAME);
        state["issued"] == 3 && state["poll_after"].is_string()
    });
    // What another name takes, this one would have had time for.
    site.ask_for("www.example.com");
    site.wait_for("www.example.com");
    assert_eq!(site.state(NAME)["issued"], 3);
}

/// The authority is asked for the renewal time of a certificate at the next start.
fn ask_at_start(site: &Site, name: &str) {
    let mut state = asked(site, name);
    state["poll_after"] = Timestamp::now().to_string().into();
    let file = site.directory().join(format!("{name}.state"));
    fs::write(file, state.to_string()).expect("a file of the server");
}

#[test]
fn case_05_an_authority_in_maintenance_is_not_asked_for_renewal_times_either() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::new();
    let server = site.start(&[NAME]);
    site.wait_for(NAME);
    asked(&site, NAME);
    let page = Answer::page(503, &["retry-after: 6"], "<h1>Back soon</h1>");
    site.proxy.add(Fault::once(NEW_ORDER, page));
    site.ask_for("other.example.com");
    failure(&server, 1);
    let seen = site.proxy.seen();
    let until = seen.last().expect("an order").at + Duration::from_secs(6);
    assert!(server.stop().success());
    ask_at_start(&site, NAME);
    let _server = site.start(&[]);
    site.proxy.wait_for(RENEWAL, 2);
    let next = site.proxy.seen().swap_remove(seen.len());
    assert!(next.at >= until, "{next:?} came {:?} too early", until - next.at);
}

#[test]
fn case_22_an_authority_that_wants_no_question_for_days_hears_none() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::new();
    let answer = Answer::problem_with(503, "serverInternal", "later", &["retry-after: 500000"]);
    site.proxy.add(Fault::always(RENEWAL, answer));
    let _server = site.start(&[NAME]);
    let (names, days) = ([NAME, "www.example.com"], 500_000 - 60..=500_000);
    for name in names {
        site.ask_for(name);
        let after = text(&asked(&site, name), "poll_after").parse().expect("a time");
        let wait = Timestamp::now().duration_until(after).as_secs();
        assert!(days.contains(&wait), "{wait} s");
    }
    assert_eq!(site.proxy.count(RENEWAL), names.len());
}
