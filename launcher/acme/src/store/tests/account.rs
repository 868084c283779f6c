//! Accounts: one file for each, and none is overwritten that is not ours.

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384};

use super::super::AccountKey;
use super::*;
use crate::Authority;

fn authority(url: &str) -> Authority {
    Authority::new(url)
}

fn key(url: &str) -> AccountKey {
    AccountKey { url: url.to_owned(), pkcs8: KeyPair::generate().unwrap().serialize_der() }
}

#[test]
fn each_authority_has_its_own_account() {
    let site = Site::new();
    let first = authority("https://ca.example:14000/directory");
    let others = ["https://other.example/directory", "https://other.example/second"].map(authority);
    let all = [&first, &others[0], &others[1]];
    let keys = all.map(|authority| {
        assert!(site.store.account(authority).unwrap().is_none());
        // First without a URL, as before it is registered.
        let mut key = key("");
        site.store.save_account(authority, &key).unwrap();
        assert_eq!(site.store.account(authority).unwrap().unwrap(), key);
        key.url = format!("{}/account", authority.directory);
        site.store.save_account(authority, &key).unwrap();
        key
    });
    for (authority, key) in all.into_iter().zip(&keys) {
        let store = Store::open(site.store.directory()).unwrap();
        assert_eq!(store.account(authority).unwrap().as_ref(), Some(key));
    }
    let files = site.files();
    assert_eq!(files[4..], ["client.key", "client.key.json"]);
    assert!(files.contains(&"account-other.example.key".to_owned()), "{files:?}");
    assert_eq!(files.len(), 6);
    assert!(files.iter().all(|file| mode(&site.path(file)) == 0o600));
    assert!(site.read("client.key").starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!format!("{:?}", keys[0]).contains("pkcs8"));
}

#[test]
fn a_key_that_somebody_put_there_is_used() {
    let site = Site::new();
    let given = KeyPair::generate().unwrap();
    site.write("client.key", given.serialize_pem());
    let first = authority("https://ca.example/directory");
    let found = site.store.account(&first).unwrap().unwrap();
    assert_eq!((found.url.as_str(), &found.pkcs8), ("", &given.serialize_der()));
    let known = AccountKey { url: "https://ca.example/account".to_owned(), ..found };
    site.store.save_account(&first, &known).unwrap();
    assert_eq!(site.read("client.key"), given.serialize_pem());
    assert_eq!(site.store.account(&first).unwrap(), Some(known));
    let second = authority("https://other.example/directory");
    assert_eq!(site.store.account(&second).unwrap(), None);
}

#[test]
fn a_key_of_another_kind_is_left_as_it_is() {
    let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem();
    for content in [&*other, "-----BEGIN RSA PRIVATE KEY-----\n", "\0\0\0\0"] {
        let site = Site::new();
        site.write("client.key", content);
        let first = authority("https://ca.example:14000/directory");
        let told = events(|| assert!(site.store.account(&first).unwrap().is_none()));
        assert!(told.contains("INFO") && told.contains("client.key"), "{told}");
        let key = key("https://ca.example/account");
        let told = events(|| site.store.save_account(&first, &key).unwrap());
        assert_eq!(told, "");
        assert_eq!(site.store.account(&first).unwrap(), Some(key));
        assert_eq!(site.read("client.key"), content);
        assert!(site.path("account-ca.example-14000.key").exists());
    }
}

#[test]
fn an_account_that_is_of_no_use_is_set_aside() {
    let site = Site::new();
    let first = authority("https://ca.example/directory");
    site.store.set_aside_account(&first, now()).unwrap();
    let old = key("https://ca.example/account/1");
    site.store.save_account(&first, &old).unwrap();
    site.store.set_aside_account(&first, now()).unwrap();
    assert_eq!(site.files(), ["client.key.bad-20261123T040000Z"]);
    assert_eq!(site.store.account(&first).unwrap(), None);
    let new = key("https://ca.example/account/2");
    site.store.save_account(&first, &new).unwrap();
    assert_eq!(site.store.account(&first).unwrap(), Some(new));
}

#[test]
fn a_power_loss_costs_no_key() {
    let site = Site::new();
    let first = authority("https://ca.example/directory");
    let key = key("https://ca.example/account");
    site.store.save_account(&first, &key).unwrap();
    let owner = site.read("client.key.json");
    for cut in 0..owner.len() - 1 {
        site.write("client.key.json", &owner[..cut]);
        let found = site.store.account(&first).unwrap().unwrap();
        assert_eq!((found.pkcs8, &*found.url), (key.pkcs8.clone(), ""), "cut at {cut}");
    }
    site.write("client.key.json", &owner);
    let pem = site.read("client.key");
    for cut in (0..pem.len() - 1).step_by(7) {
        site.write("client.key", &pem[..cut]);
        let found = site.store.account(&first).unwrap();
        assert!(found.is_none_or(|found| found == key), "cut at {cut}");
    }
}
