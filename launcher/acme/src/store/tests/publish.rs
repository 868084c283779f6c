//! What is saved, and for whom: for us, for other programs, and not against others.

use std::process::{Command, Output};

use super::super::{PendingOrder, Saved, Version};
use super::*;
use crate::record::Record;

#[test]
fn a_certificate_is_kept_with_the_one_before() {
    let site = Site::new();
    site.store.request(&name()).unwrap();
    assert_eq!(site.store.look(&name(), now()), Held::Requested);
    let [first, second] = site.two_generations();
    assert_eq!(site.store.look(&name(), now()), held(&second));
    assert_eq!(site.files(), ["a.example.pem", "a.example.pem.prev"]);
    assert!(site.read("a.example.pem").ends_with(&second));
    assert!(site.read("a.example.pem.prev").ends_with(&first));
    for file in site.files() {
        assert_eq!(mode(&site.path(&file)), 0o600);
    }
    // A request does not undo it.
    site.store.request(&name()).unwrap();
    assert_eq!(site.store.look(&name(), now()), held(&second));
}

#[test]
fn who_comes_late_finds_a_conflict() {
    let site = Site::new();
    site.store.request(&name()).unwrap();
    let expected = site.store.version(&name()).unwrap();
    assert_eq!(expected, Version::Empty);
    let other = Store::open(site.store.directory()).unwrap();
    let (theirs, ours) = (site.issue("a.example"), site.issue("a.example"));
    assert_eq!(other.save(&name(), &theirs, &expected).unwrap(), Saved::Saved);
    assert_eq!(site.store.save(&name(), &ours, &expected).unwrap(), Saved::Conflict);
    assert_eq!(site.store.look(&name(), now()), held(&theirs));
    // The same once more is no conflict: it was cut off after the write.
    assert_eq!(other.save(&name(), &theirs, &expected).unwrap(), Saved::Saved);
    let expected = site.store.version(&name()).unwrap();
    fs::remove_file(site.path("a.example.pem")).unwrap();
    assert_eq!(site.store.save(&name(), &ours, &expected).unwrap(), Saved::Conflict);
    assert_eq!(site.store.look(&name(), now()), Held::Gone);
}

#[test]
fn of_many_that_publish_at_once_one_wins() {
    let site = Site::new();
    site.store.request(&name()).unwrap();
    let expected = site.store.version(&name()).unwrap();
    let pems: Vec<_> = (0..8).map(|_| site.issue("a.example")).collect();
    let saved: Vec<_> = std::thread::scope(|scope| {
        let save = |pem: &String| {
            let store = Store::open(site.store.directory()).unwrap();
            let expected = expected.clone();
            let pem = pem.clone();
            scope.spawn(move || store.save(&name(), &pem, &expected).unwrap())
        };
        let threads: Vec<_> = pems.iter().map(save).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(saved.iter().filter(|saved| **saved == Saved::Saved).count(), 1);
    let winner = saved.iter().position(|saved| *saved == Saved::Saved).unwrap();
    assert_eq!(site.store.look(&name(), now()), held(&pems[winner]));
}

#[test]
fn damage_is_not_kept_as_the_certificate_before() {
    let site = Site::new();
    let [first, _] = site.two_generations();
    site.write("a.example.pem", "damage");
    let expected = site.store.version(&name()).unwrap();
    let third = site.issue("a.example");
    assert_eq!(site.store.save(&name(), &third, &expected).unwrap(), Saved::Saved);
    assert!(site.read("a.example.pem.prev").ends_with(&first));
}

#[test]
fn other_programs_read_what_is_written() {
    let site = Site::new();
    let [_, pem] = site.two_generations();
    let path = site.path("a.example.pem");
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).arg(&path).output();
        let Output { status, stdout, stderr } = output.unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    };
    assert!(
        openssl(&["x509", "-noout", "-ext", "subjectAltName", "-in"]).contains("DNS:a.example")
    );
    let of_key = openssl(&["pkey", "-pubout", "-in"]);
    assert_eq!(of_key, openssl(&["x509", "-noout", "-pubkey", "-in"]));
    let listed = openssl(&["storeutl", "-noout"]);
    assert!(listed.contains("Total found: 3"), "{listed}");
    // Key, certificate and chain, as programs expect it that read one block after the other.
    let kinds: Vec<_> = pem.lines().filter(|line| line.starts_with("-----BEGIN")).collect();
    let certificate = "-----BEGIN CERTIFICATE-----";
    assert_eq!(kinds, ["-----BEGIN PRIVATE KEY-----", certificate, certificate]);
}

#[test]
fn orders_and_records_come_back_and_damage_counts_as_nothing() {
    let site = Site::new();
    let order = PendingOrder {
        authority: "https://ca.example/directory".to_owned(),
        url: "https://ca.example/order/1".to_owned(),
        key_pem: KeyPair::generate().unwrap().serialize_pem(),
        names: vec!["a.example".to_owned()],
        created: now(),
    };
    assert!(site.store.order(&name()).is_none());
    site.store.save_order(&name(), &order).unwrap();
    assert!(site.store.order(&name()).is_some_and(|back| back == order));
    assert_eq!(mode(&site.path("a.example.order")), 0o600);
    assert!(!format!("{order:?}").contains("PRIVATE"));
    let record = Record { issued: 7, ..Record::default() };
    site.store.save_record(&name(), &record).unwrap();
    assert_eq!(site.store.record::<Record>(&name()), Some(record));
    for file in ["a.example.order", "a.example.state"] {
        let whole = fs::read(site.path(file)).unwrap();
        let cuts = (0..whole.len() - 1).map(|cut| whole[..cut].to_vec());
        let zeroed = (0..whole.len() - 1)
            .step_by(7)
            .map(|from| [&whole[..from], &vec![0; whole.len() - from]].concat());
        for damage in cuts.chain(zeroed) {
            site.write(file, damage);
            let told = events(|| match file {
                "a.example.order" => assert!(site.store.order(&name()).is_none()),
                _ => assert_eq!(site.store.record::<Record>(&name()), None),
            });
            assert!(told.contains("WARN") && told.contains(file), "{told}");
        }
    }
    site.store.remove_order(&name()).unwrap();
    site.store.remove_order(&name()).unwrap();
    assert!(events(|| assert!(site.store.order(&name()).is_none())).is_empty());
}
