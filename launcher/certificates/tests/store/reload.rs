//! What a reload takes over, and what it does not.

use std::fs;

use holdall_certificates::{Certificates, Source};

use crate::authority::Site;
use crate::client::{config, connect, shown};
use crate::events::events;

#[test]
fn a_renewed_certificate_is_served_and_open_connections_live_on() {
    let site = Site::new();
    let old = site.add("a.pem", &["a.example.com"]);
    let certificates = site.load();
    let config = config(&site.authority).into();
    let mut open = connect(config, &certificates, "a.example.com").unwrap();
    let new = site.add("a.pem", &["a.example.com"]);
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), old.der);
    let told = events(|| certificates.reload());
    assert_eq!(told.matches("certificate loaded").count(), 1, "{told}");
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), new.der);
    open.converse().unwrap();
}

#[test]
fn files_come_and_go_but_the_last_one_stays() {
    let site = Site::new();
    site.add("a.pem", &["a.example.com"]);
    let certificates = site.load();
    site.add("b.pem", &["b.example.com"]);
    certificates.reload();
    assert!(certificates.knows(Some("a.example.com")) && certificates.knows(Some("b.example.com")));

    fs::remove_file(site.path("a.pem")).unwrap();
    let told = events(|| certificates.reload());
    assert!(told.contains("certificate removed with its file"), "{told}");
    assert!(
        !certificates.knows(Some("a.example.com")) && certificates.knows(Some("b.example.com"))
    );

    fs::remove_file(site.path("b.pem")).unwrap();
    let told = events(|| certificates.reload());
    assert!(told.contains("no usable certificate"), "{told}");
    assert!(certificates.knows(Some("b.example.com")));
}

#[test]
fn a_bad_file_is_named_and_the_old_certificate_stays() {
    let site = Site::new();
    let a = site.add("a.pem", &["a.example.com"]);
    site.add("b.pem", &["b.example.com"]);
    let certificates = site.load();
    let whole = fs::read_to_string(site.path("a.pem")).unwrap();
    let exposed = site.authority.issue(&["c.example.com"]);
    for bad in [&whole[..whole.len() / 2], &whole[..10], "", "rubbish", &exposed.certificate] {
        site.write("a.pem", bad);
        let b = site.add("b.pem", &["b.example.com"]);
        let told = events(|| certificates.reload());
        assert_eq!(told.matches("ERROR").count(), 1, "{told}");
        assert!(told.contains(site.path("a.pem").to_str().unwrap()), "{told}");
        assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), a.der);
        assert_eq!(shown(&site.authority, &certificates, "b.example.com").unwrap(), b.der);
    }
    let a = site.add("a.pem", &["a.example.com"]);
    let told = events(|| certificates.reload());
    assert!(!told.contains("ERROR"), "{told}");
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), a.der);
}

#[test]
fn a_new_bad_file_is_named_each_time_somebody_asks() {
    let site = Site::new();
    site.add("a.pem", &["a.example.com"]);
    let certificates = site.load();
    site.write("b.pem", "rubbish");
    for _ in 0..2 {
        let told = events(|| certificates.reload());
        assert!(told.contains("ERROR") && told.contains("b.pem"), "{told}");
    }
}

#[test]
fn a_pair_of_files_is_renewed_one_after_the_other() {
    let site = Site::new();
    let pair = || {
        let issued = site.authority.issue(&["a.example.com"]);
        (issued.certificate.clone() + &site.authority.intermediate.pem(), issued)
    };
    let (chain, old) = pair();
    let source = Source::Files {
        private_key: site.write("key.pem", &old.key),
        certificate: site.write("cert.pem", chain),
        chain: None,
    };
    let certificates = Certificates::load(source).unwrap();
    let (chain, new) = pair();
    for (key, fault) in [("", "it is empty"), (&new.key, "belongs to the private key")] {
        site.write("key.pem", key);
        let told = events(|| certificates.reload());
        assert!(told.contains("ERROR") && told.contains(fault), "{told}");
        assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), old.der);
    }
    site.write("cert.pem", chain);
    certificates.reload();
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), new.der);
}

#[test]
fn a_directory_that_is_gone_for_a_while_changes_nothing() {
    let site = Site::new();
    fs::create_dir(site.path("certificates")).unwrap();
    let old = site.add("certificates/a.pem", &["a.example.com"]);
    let certificates = Certificates::load(Source::Directory(site.path("certificates"))).unwrap();
    fs::rename(site.path("certificates"), site.path("elsewhere")).unwrap();
    let told = events(|| certificates.reload());
    assert!(told.contains("ERROR") && told.contains("No such file"), "{told}");
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), old.der);
    fs::rename(site.path("elsewhere"), site.path("certificates")).unwrap();
    assert_eq!(events(|| certificates.reload()), "");
}
