//! Accounts that are lost, closed, or not opened at all.

use std::fs;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holdall_acme_tests::{Answer, Endpoint, Fault, Request, Settings, Site};
use holdall_tests::http;
use rcgen::{KeyPair, SigningKey};
use serde_json::{Value, json};

use crate::expect::{
    ACCOUNT, NAME, NEW_ORDER, NONCE, event, failure, tell_no_renewal_time, text, try_again, wait_of,
};

/// The account's key, and its address at the authority.
fn account(site: &Site) -> (String, String) {
    let read =
        |file| fs::read_to_string(site.directory().join(file)).expect("a file of the server");
    let owner: Value = serde_json::from_str(&read("client.key.json")).expect("JSON");
    (read("client.key"), text(&owner, "account").to_owned())
}

/// The files whose names begin with this.
fn files(site: &Site, start: &str) -> Vec<String> {
    let entries = fs::read_dir(site.directory()).expect("a directory of the server");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    names.filter(|name| name.starts_with(start)).collect()
}

#[test]
fn case_16_an_authority_that_forgot_the_account_gets_a_new_one_with_the_same_key() {
    let mut site = Site::new();
    let server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    let (key, _) = account(&site);
    site.pebble.stop();
    site.pebble.resume();
    site.ask_for("other.example.com");
    site.wait_for("other.example.com");
    event(&server, "account lost, opening another");
    assert_eq!(account(&site).0, key);
    assert_eq!(site.proxy.count(ACCOUNT), 2);
    assert!(server.log().events_of("certificate not issued").is_empty());
    assert_eq!(site.shown(NAME).expect("what was there"), old);
}

#[test]
fn case_16_a_renewal_survives_an_authority_that_forgot_everything() {
    let mut site = Site::with(&Settings::living(20));
    tell_no_renewal_time(&site.proxy);
    let server = site.start(&[NAME]);
    let old = site.wait_for(NAME);
    site.pebble.stop();
    site.pebble.resume();
    let new = site.wait_for_another(NAME, Some(&old));
    site.browse(NAME);
    assert_eq!(new.names, old.names);
    assert_eq!(site.pebble.issued(), 2);
    assert!(server.log().events_of("certificate not issued").is_empty());
}

#[test]
fn case_17_a_closed_account_is_set_aside_for_a_new_one() {
    let site = Site::new();
    let server = site.start(&[NAME]);
    site.wait_for(NAME);
    let (key, address) = account(&site);
    close(&site, &key, &address);
    site.ask_for("other.example.com");
    site.wait_for("other.example.com");
    event(&server, "account lost, opening another");
    let (new_key, new_address) = account(&site);
    assert!(new_key != key && new_address != address);
    let aside = files(&site, "client.key.bad-");
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(fs::read_to_string(site.directory().join(&aside[0])).unwrap(), key);
    assert!(server.log().events_of("certificate not issued").is_empty());
}

/// Closes an account as its owner can (RFC 8555, section 7.3.6).
fn close(site: &Site, key: &str, address: &str) {
    let path = address.strip_prefix(site.directory_url().trim_end_matches("/dir"));
    let path = path.expect("an address at the proxy");
    let nonce = http::parse(&site.pebble.api().get(NONCE).expect("a nonce"));
    let nonce = nonce.header("replay-nonce").expect("a nonce").to_owned();
    let head = json!({ "alg": "ES256", "kid": address, "nonce": nonce, "url": address });
    let body = signed(key, &head, &json!({ "status": "deactivated" })).to_string();
    let request = Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        fields: vec![
            format!("host: localhost:{}", site.proxy.address().port()),
            format!("content-length: {}", body.len()),
            "content-type: application/jose+json".to_owned(),
            "user-agent: holdall-tests".to_owned(),
        ],
        body: body.into_bytes(),
    };
    let answer = http::parse(&site.pebble.api().send(&request).expect("an answer"));
    assert!(answer.status == 200 && answer.text().contains("deactivated"), "{}", answer.text());
}

/// A signed object (RFC 7515) with the algorithm ES256.
fn signed(key: &str, head: &Value, content: &Value) -> Value {
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let (head, content) =
        (encode(head.to_string().as_bytes()), encode(content.to_string().as_bytes()));
    let key = KeyPair::from_pem(key).expect("a key");
    let signature = key.sign(format!("{head}.{content}").as_bytes()).expect("a signature");
    json!({ "protected": head, "payload": content, "signature": encode(&plain(&signature)) })
}

/// The two numbers of an ECDSA signature in DER, each of 32 bytes.
fn plain(der: &[u8]) -> Vec<u8> {
    let first_length = usize::from(der[3]);
    let (first, second) = (&der[4..4 + first_length], &der[6 + first_length..]);
    let padded = |number: &[u8]| [&[0; 32], number].concat()[number.len()..].to_vec();
    [padded(first), padded(second)].concat()
}

const KEY_ID: &str = "kid-1";
const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

fn wants_external_account() -> Site {
    Site::with(&Settings { external_accounts: vec![(KEY_ID, KEY)], ..Settings::default() })
}

fn with_external_account(site: &Site, key: &str) -> Endpoint {
    let file = site.scratch.write("eab.txt", format!("{KEY_ID} {key}\n"));
    site.endpoint().with("eab", &file.display().to_string())
}

#[test]
fn case_18_an_external_account_opens_one_here() {
    let site = wants_external_account();
    let server = site.start_with(&with_external_account(&site, KEY), &[NAME]);
    site.wait_for(NAME);
    assert!(!server.log().lines().concat().contains(KEY));
}

#[test]
fn case_18_without_an_external_account_nobody_is_pestered() {
    let site = wants_external_account();
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").contains("externalAccountRequired"), "{told}");
    assert!(wait_of(&told) > 23 * 3600, "{told}");
    assert_eq!(site.proxy.count(ACCOUNT), 1);
    assert!(server.stop().success());
    let server = site.start_with(&with_external_account(&site, KEY), &[NAME]);
    try_again(&server);
    site.wait_for(NAME);
}

#[test]
fn case_18_a_wrong_external_account_is_told_and_nobody_is_pestered() {
    let site = wants_external_account();
    let wrong = KEY.to_ascii_lowercase();
    let server = site.start_with(&with_external_account(&site, &wrong), &[NAME]);
    let told = failure(&server, 1);
    assert!(text(&told, "cause").to_lowercase().contains("external account"), "{told}");
    assert!(wait_of(&told) > 23 * 3600, "{told}");
    assert_eq!(site.proxy.count(ACCOUNT), 1);
    assert!(server.stop().success());
    let server = site.start_with(&with_external_account(&site, KEY), &[NAME]);
    try_again(&server);
    site.wait_for(NAME);
}

#[test]
fn what_only_people_can_do_is_told_with_its_place_and_waited_for() {
    let site = Site::new();
    let problem = json!({
        "type": "urn:ietf:params:acme:error:userActionRequired",
        "detail": "the terms of service have changed",
        "instance": "https://ca.example/terms/2",
    });
    let fields = vec!["content-type: application/problem+json".to_owned()];
    let answer = Answer::Instead(403, fields, problem.to_string().into_bytes());
    site.proxy.add(Fault::always(NEW_ORDER, answer));
    let server = site.start(&[NAME]);
    let told = failure(&server, 1);
    let words = "the terms of service have changed; see https://ca.example/terms/2";
    assert!(text(&told, "cause").contains(words), "{told}");
    assert_eq!(text(&told, "to"), "paused");
    assert!(wait_of(&told) > 23 * 3600, "{told}");
    assert!(server.stop().success());
    let rows = site.certificates(&site.endpoint());
    assert_eq!(rows[0]["state"], "paused");
    assert!(text(&rows[0], "error").contains(words), "{rows}");
    let server = site.start(&[NAME]);
    site.proxy.clear();
    // What another name takes, this one would have had time for.
    site.ask_for("other.example.com");
    site.wait_for("other.example.com");
    assert_eq!(site.proxy.count(NEW_ORDER), 2);
    try_again(&server);
    site.wait_for(NAME);
}

#[test]
fn terms_of_service_are_told_when_they_are_agreed_to() {
    let site = Site::new();
    let server = site.start(&[NAME]);
    let told = event(&server, "account opened, terms of service agreed to");
    assert!(text(&told, "terms").starts_with("data:text/plain"), "{told}");
}
