//! An authority that is not there, does not answer, or answers with anything else.

use std::net::TcpListener;
use std::time::Duration;

use holdall_acme_tests::{Answer, Fault, Settings, Site};
use holdall_tests::process::{memory, wait_until};
use jiff::Timestamp;

use crate::expect::{
    CERTIFICATE, FINALIZE, NAME, NEW_ORDER, Second, event, failure, tell_no_renewal_time, text,
    try_again, wait_of,
};

#[test]
fn case_02_an_authority_that_is_down_at_the_first_start_is_waited_for() {
    let mut site = Site::new();
    site.pebble.stop();
    // Directly, so that nobody listens there.
    let server =
        site.start_with(&site.endpoint_of(&format!("https://{}/dir", site.pebble.host())), &[NAME]);
    assert!(site.shown(NAME).is_err(), "there is nothing to show yet");
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("refused"), "{told}");
    assert!((44..=75).contains(&wait_of(&told)), "{told}");
    site.pebble.resume();
    try_again(&server);
    site.wait_for(NAME);
    site.browse(NAME);
    assert_eq!(site.pebble.issued(), 1);
}

#[test]
fn case_03_an_authority_that_is_down_until_the_certificate_expires_is_heard_again() {
    let mut site = Site::with(&Settings::living(12));
    tell_no_renewal_time(&site.proxy);
    let server = site.start(&[NAME]);
    site.wait_for(NAME);
    site.pebble.stop();
    let old = site.shown(NAME).expect("a certificate");
    for degree in ["overdue", "expires soon", "has expired"] {
        let told = server.event(degree, |event| {
            event["message"].as_str().is_some_and(|message| message.contains(degree))
        });
        let level = if degree == "overdue" { "error" } else { "critical" };
        assert_eq!(told["level"], level, "{told}");
    }
    assert!(old.not_after < Timestamp::now());
    assert_eq!(site.shown(NAME).expect("what was there"), old);
    site.pebble.resume();
    site.wait_for_another(NAME, Some(&old));
    site.browse(NAME);
}

#[test]
fn case_06_what_is_no_answer_is_told_as_trouble_of_the_authority() {
    let site = Site::new();
    let json = || vec!["content-type: application/json".to_owned()];
    let answers = [
        (Answer::page(502, &[], "<html>Bad Gateway</html>"), "/order-plz answers 502 Bad Gateway"),
        (Answer::Instead(201, json(), Vec::new()), "0 bytes of application/json instead"),
        (Answer::page(200, &[], "<html>Welcome</html>"), "20 bytes of text/html instead of JSON"),
        (
            Answer::Instead(200, json(), b"{\"status\":7}".to_vec()),
            "JSON is not that of the protocol",
        ),
        (Answer::Lost, "/order-plz can't be reached"),
    ];
    let server = site.start(&[]);
    for (number, (answer, words)) in (1..).zip(answers) {
        site.proxy.add(Fault::once(NEW_ORDER, answer));
        match number {
            1 => site.ask_for(NAME),
            _ => try_again(&server),
        }
        let told = failure(&server, number);
        assert!(text(&told, "cause").contains(words), "{told}");
        assert!(text(&told, "cause").contains("https://localhost"), "{told}");
    }
    try_again(&server);
    site.wait_for(NAME);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
}

#[test]
fn case_06_an_order_goes_on_after_answers_that_are_none() {
    let site = Site::new();
    for path in [FINALIZE, CERTIFICATE] {
        site.proxy.add(Fault::once(path, Answer::page(502, &[], "<html>Bad Gateway</html>")));
    }
    let server = site.start(&[NAME]);
    site.wait_for(NAME);
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
    assert!(server.log().events_of("certificate not issued").is_empty());
}

#[test]
fn case_07_answers_without_an_end_take_neither_time_nor_memory_without_one() {
    let site = Site::new();
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let drip = Duration::from_millis(500);
    for answer in [Answer::Hang, Answer::Drip(drip), Answer::Endless] {
        site.proxy.add(Fault::once(NEW_ORDER, answer));
    }
    let server = site.start(&names);
    let failures = || server.log().events_of("certificate not issued");
    let before = memory(server.pid());
    let mut most = before;
    let begin = std::time::Instant::now();
    while failures().len() < 3 && begin.elapsed() < Duration::from_secs(45) {
        most = most.max(memory(server.pid()));
        std::thread::sleep(Duration::from_millis(50));
    }
    let causes: Vec<_> = failures().iter().map(|told| text(told, "cause").to_owned()).collect();
    let like = |words: &str| causes.iter().filter(|cause| cause.contains(words)).count();
    assert_eq!((like("no whole answer within 30 s"), like("length limit")), (2, 1), "{causes:?}");
    assert!(most - before < 16 << 20, "{before} to {most} bytes");
    try_again(&server);
    names.iter().for_each(|name| drop(site.wait_for(name)));
}

#[test]
fn case_07_an_authority_that_does_not_shake_hands_is_left_for_another() {
    let site = Site::new();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/dir", mute.local_addr().unwrap().port());
    let endpoint = site.endpoint_of(&url).with("fallback", &site.directory_url());
    let server = site.start_with(&endpoint, &[NAME]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("no connection within 10s"), "{told}");
    site.wait_for(NAME);
}

#[test]
fn case_08_an_order_whose_answer_was_lost_is_gone_on_with() {
    for answer in [Answer::AnswerLost, Answer::Cut(20)] {
        let site = Site::new();
        site.proxy.add(Fault::once(FINALIZE, answer.clone()));
        site.proxy.add(Fault::once(CERTIFICATE, answer));
        let server = site.start(&[NAME]);
        site.wait_for(NAME);
        site.browse(NAME);
        assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
        assert!(server.log().events_of("certificate not issued").is_empty());
    }
}

#[test]
fn case_08_an_order_is_gone_on_with_by_the_next_process() {
    let site = Site::new();
    site.proxy.add(Fault::always(FINALIZE, Answer::HangAfter));
    let server = site.start(&[NAME]);
    wait_until("an issued certificate", || site.pebble.issued() == 1);
    // Without being told to stop.
    drop(server);
    site.proxy.clear();
    let server = site.start(&[NAME]);
    site.wait_for(NAME);
    event(&server, "going on with the order");
    assert_eq!((site.pebble.orders(), site.pebble.issued()), (1, 1));
}

#[test]
fn case_41_an_authority_that_does_not_prove_who_it_is_is_not_spoken_to() {
    let site = Site::new();
    let (api, stranger) = (&site.api.0, holdall_tests::certificates::Authority::new());
    let shown = [
        (api.order(&["localhost"]).years(2020, 2021).issue(), "expired"),
        (api.issue(&["elsewhere.example"]), "not valid for name"),
        (stranger.issue(&["localhost"]), "invalid peer certificate"),
    ];
    let server = site.start(&[]);
    for (number, (certificate, words)) in (1..).zip(shown) {
        site.proxy.show(&certificate);
        match number {
            1 => site.ask_for(NAME),
            _ => try_again(&server),
        }
        let told = failure(&server, number);
        assert!(text(&told, "cause").contains(words), "{told}");
    }
    assert!(site.proxy.seen().is_empty(), "{:?}", site.proxy.seen());
    site.proxy.show(&api.issue(&["localhost"]));
    try_again(&server);
    site.wait_for(NAME);
}

#[test]
fn case_43_a_second_authority_takes_over_until_the_first_is_back() {
    let mut site = Site::with(&Settings::living(12));
    let second = Second::start(&site, &Settings::living(12));
    [&site.proxy, &second.proxy].into_iter().for_each(tell_no_renewal_time);
    site.pebble.stop();
    let _server = site.start_with(&site.endpoint().with("fallback", &second.url()), &[NAME]);
    let theirs = site.wait_for(NAME);
    assert_eq!(theirs.issuer, second.pebble.issuer(0));
    site.pebble.resume();
    let ours = site.wait_for_another(NAME, Some(&theirs));
    assert_eq!(ours.issuer, site.pebble.issuer(0));
    assert_eq!((site.pebble.issued(), second.pebble.issued()), (1, 1));
    // And it is the second one again that renews it, if the first fails again.
    site.pebble.stop();
    let theirs = site.wait_for_another(NAME, Some(&ours));
    assert_eq!(theirs.issuer, second.pebble.issuer(0));
}
