//! Orders that get stuck or are refused, and what can be chosen for them.

use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use holdall_acme_tests::{Answer, Fault, Settings, Site, TLS_PORT, has_new_pebble};
use holdall_tests::certificates::Authority;
use holdall_tests::process::wait_until;
use holdall_tests::{Server, TlsSettings};
use serde_json::{Value, json};
use x509_parser::pem::Pem;

use crate::expect::{
    AUTHORIZATION, FINALIZE, NAME, NEW_ORDER, ORDER, Second, event, failure, tell_no_renewal_time,
    text, try_again, wait_of,
};

/// Orders that are done look as if they were not.
fn stuck(seconds: u64) -> Answer {
    Answer::Changed(Arc::new(move |fields, body| {
        let mut order: Value = serde_json::from_slice(body).expect("an order");
        if order["status"] == "valid" {
            order["status"] = "processing".into();
            fields.push(format!("retry-after: {seconds}"));
            *body = order.to_string().into_bytes();
        }
    }))
}

/// Orders fail when they are done: the first one, or all.
fn spoilt(only_first: bool) -> Answer {
    let first: Mutex<Option<Value>> = Mutex::new(None);
    Answer::json(move |order| {
        if order["status"] != "valid" {
            return;
        }
        let mut first = first.lock().expect("no panic");
        let is_first = first.get_or_insert_with(|| order["finalize"].clone()) == &order["finalize"];
        if is_first || !only_first {
            order["status"] = "invalid".into();
            order["error"] = json!({ "type": "urn:ietf:params:acme:error:serverInternal" });
        }
    })
}

#[test]
fn case_10_an_order_that_is_stuck_is_looked_at_as_often_as_the_authority_says() {
    let site = Site::new();
    site.proxy.add(Fault::always(ORDER, stuck(2)));
    let server = site.start_with(&site.endpoint().with("timeout", "5"), &[NAME]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("the order is still processing"), "{told}");
    let seen = site.proxy.seen();
    let polls: Vec<_> = seen.iter().filter(|seen| seen.path.starts_with(ORDER)).collect();
    let [.., first, second] = &polls[..] else { panic!("{polls:?}") };
    assert!(second.at - first.at >= Duration::from_secs(2), "{polls:#?}");
    site.proxy.clear();
    try_again(&server);
    site.wait_for(NAME);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
}

#[test]
fn case_10_an_order_is_not_looked_at_before_the_authority_says_so() {
    let site = Site::with(&Settings::default().variable("PEBBLE_WFE_NONCEREJECT", 0));
    // It is still at work on it when it has taken the request.
    let working = Answer::Changed(Arc::new(|fields, body| {
        let mut order: Value = serde_json::from_slice(body).expect("an order");
        order["status"] = "processing".into();
        fields.retain(|field| !field.to_ascii_lowercase().starts_with("retry-after:"));
        fields.push("retry-after: 4".to_owned());
        *body = order.to_string().into_bytes();
    }));
    site.proxy.add(Fault::always(FINALIZE, working));
    let _server = site.start(&[NAME]);
    site.wait_for(NAME);
    let seen = site.proxy.seen();
    let told = seen.iter().position(|seen| seen.path.starts_with(FINALIZE)).expect("a request");
    let look = seen[told..].iter().find(|seen| seen.path.starts_with(ORDER)).expect("a look");
    let wait = look.at - seen[told].at;
    assert!(wait >= Duration::from_secs(4), "after {wait:?}");
}

#[test]
fn case_10_an_order_that_became_invalid_is_followed_by_another() {
    let site = Site::new();
    site.proxy.add(Fault::always(ORDER, spoilt(true)));
    let _server = site.start(&[NAME]);
    site.wait_for(NAME);
    assert_eq!(site.pebble.orders(), 2);
}

#[test]
fn case_10_orders_that_all_become_invalid_are_not_made_again_and_again() {
    let site = Site::new();
    site.proxy.add(Fault::always(ORDER, spoilt(false)));
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("serverInternal"), "{told}");
    assert!((44..=75).contains(&wait_of(&told)), "{told}");
    assert!(site.pebble.orders() <= 4, "{} orders", site.pebble.orders());
}

#[test]
fn case_14_another_authority_is_asked_where_the_first_one_is_forbidden_to_issue() {
    let site = Site::new();
    let second = Second::start(&site, &Settings::default());
    let detail = "CAA record for hello.example.com prevents issuance";
    site.proxy.add(Fault::always(FINALIZE, Answer::problem(403, "caa", detail)));
    let endpoint = site.endpoint().with("fallback", &second.url());
    let server = site.start_with(&endpoint, &[NAME]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("caa: CAA record for hello.example.com"), "{told}");
    assert!((86_398..=86_400).contains(&wait_of(&told)), "{told}");
    assert_eq!(site.wait_for(NAME).issuer, second.pebble.issuer(0));
    assert_eq!((site.proxy.count(FINALIZE), site.pebble.issued()), (1, 0));
}

#[test]
fn case_15_a_name_that_is_refused_holds_up_no_other() {
    let site = Site::new();
    let (refused, others) = ("www.blocked.example", ["a.example.com", "b.example.com"]);
    let server = site.start(&[others[0], refused, others[1]]);
    others.iter().for_each(|name| drop(site.wait_for(name)));
    let told = failure(&server, 1);
    assert_eq!(text(&told, "domain"), refused);
    assert!(text(&told, "cause").contains("rejectedIdentifier"), "{told}");
    assert!((86_398..=86_400).contains(&wait_of(&told)), "{told}");
    assert!(site.shown(refused).is_err());
    assert_eq!(site.pebble.issued(), 2);
}

#[test]
fn case_15_a_certificate_for_several_names_goes_on_without_the_one_that_is_refused() {
    let site = Site::new();
    let names = [NAME, "gone.example.com", "www.example.com"];
    let old = Authority::new().order(&names).years(2019, 2020).issue();
    site.ask_for(NAME);
    fs::write(site.file(NAME), old.pem()).expect("a file of ours");
    site.proxy.add(Fault::once(NEW_ORDER, refusal_of("gone.example.com")));
    let server = site.start(&[]);
    wait_until("a certificate without it", || {
        site.shown(NAME).is_ok_and(|shown| shown.names == [NAME, "www.example.com"])
    });
    site.browse("www.example.com");
    let told = event(&server, "ordering without rejected names");
    assert_eq!(text(&told, "without"), "gone.example.com");
}

fn refusal_of(name: &str) -> Answer {
    let kind = "urn:ietf:params:acme:error:rejectedIdentifier";
    let identifier = json!({ "type": "dns", "value": name });
    let sub = json!({ "type": kind, "detail": "no such domain", "identifier": identifier });
    let problem = json!({ "type": kind, "detail": "one name", "subproblems": [sub] });
    let fields = vec!["content-type: application/problem+json".to_owned()];
    Answer::Instead(403, fields, problem.to_string().into_bytes())
}

#[test]
fn case_19_an_unknown_profile_is_told_and_done_without() {
    if !has_new_pebble() {
        return;
    }
    let site = Site::new();
    let server = site.start_with(&site.endpoint().with("profile", "nosuch"), &[NAME]);
    site.wait_for(NAME);
    assert_unknown(&server, "nosuch");
    assert_eq!(site.pebble.issued(), 1);
}

#[test]
fn case_19_a_profile_that_was_withdrawn_is_told_and_done_without() {
    if !has_new_pebble() {
        return;
    }
    let mut site = Site::with(&Settings::living(14));
    tell_no_renewal_time(&site.proxy);
    let server = site.start_with(&site.endpoint().with("profile", "flash"), &[NAME]);
    let old = site.wait_for(NAME);
    assert!(server.log().events_of("unknown profile, using the default one").is_empty());
    let without = Settings { profiles: vec![("default", 3600)], ..Settings::default() };
    site.pebble.resume_with(&site.scratch, &site.address, &without);
    let new = site.wait_for_another(NAME, Some(&old));
    assert_unknown(&server, "flash");
    assert!(new.not_before.duration_until(new.not_after).as_secs() > 3000, "{new:?}");
    assert!(server.log().events_of("certificate not issued").is_empty());
}

fn assert_unknown(server: &Server, profile: &str) {
    let told = event(server, "unknown profile, using the default one");
    assert_eq!((text(&told, "level"), text(&told, "profile")), ("warn", profile));
}

#[test]
fn case_20_what_was_shown_before_need_not_be_shown_again() {
    let site = Site::with(&Settings::default().variable("PEBBLE_AUTHZREUSE", 100));
    let _server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    let challenges = site.proxy.count("/chalZ/");
    site.ask_for(NAME);
    site.wait_for_another(NAME, Some(&old));
    assert_eq!((site.proxy.count("/chalZ/"), site.pebble.issued()), (challenges, 2));
}

#[test]
fn a_request_is_heard_while_the_certificate_before_it_is_only_just_there() {
    let site = Site::with(&Settings::default().variable("PEBBLE_AUTHZREUSE", 100));
    let names: Vec<_> = (0..8).map(|number| format!("n{number}.example.com")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let _server = site.start(&names);
    thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| {
                let mut old = site.wait_for(name);
                for _ in 0..3 {
                    site.ask_for(name);
                    old = site.wait_for_another(name, Some(&old));
                }
            });
        }
    });
}

#[test]
fn case_21_challenges_that_nobody_knows_are_told() {
    let site = Site::new();
    let foreign = Answer::json(|authorization| {
        for challenge in authorization["challenges"].as_array_mut().expect("challenges") {
            challenge["type"] = "teleport-01".into();
        }
    });
    site.proxy.add(Fault::always(AUTHORIZATION, foreign));
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    let cause = text(&told, "cause");
    assert!(
        cause.contains("none of the challenges for hello.example.com can be answered"),
        "{told}"
    );
    assert!(cause.contains("offers teleport-01"), "{told}");
    site.proxy.clear();
    try_again(&server);
    site.wait_for(NAME);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
}

/// How many authorities are between a certificate and its root.
const INTERMEDIATES: usize = 3;

fn with_chains() -> Site {
    let settings = Settings::default().variable("PEBBLE_ALTERNATE_ROOTS", 2);
    Site::with(&settings.variable("PEBBLE_CHAIN_LENGTH", INTERMEDIATES))
}

/// Whether a browser that knows only this root is content.
fn is_trusted(site: &Site, root: usize) -> bool {
    let client = TlsSettings::new(&site.pebble.root(root));
    client.try_connect(site.address.port(TLS_PORT), NAME).is_ok()
}

#[test]
fn case_25_the_first_chain_is_served_whole() {
    let site = with_chains();
    let _server = site.start(&[NAME]);
    assert_eq!(site.wait_for(NAME).chain, 1 + INTERMEDIATES);
    assert!(is_trusted(&site, 0) && !is_trusted(&site, 1));
}

#[test]
fn case_25_the_chain_that_was_chosen_is_served_whole() {
    let site = with_chains();
    let root = Pem::iter_from_buffer(site.pebble.root(2).as_bytes()).next().unwrap().unwrap();
    let root = root.parse_x509().unwrap();
    let name = root.subject().iter_common_name().next().unwrap().as_str().unwrap();
    let _server = site.start_with(&site.endpoint().with("chain", name), &[NAME]);
    assert_eq!(site.wait_for(NAME).chain, 1 + INTERMEDIATES);
    assert!(is_trusted(&site, 2) && !is_trusted(&site, 0));
    assert_eq!(site.pebble.issued(), 1);
}

#[test]
fn case_25_a_chain_that_is_not_offered_is_told_and_done_without() {
    let site = with_chains();
    let server = site.start_with(&site.endpoint().with("chain", "Nobody CA"), &[NAME]);
    site.wait_for(NAME);
    event(&server, "there is no chain of this issuer, the first one is taken");
    assert!(is_trusted(&site, 0));
}
