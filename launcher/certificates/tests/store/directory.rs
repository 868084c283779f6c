//! What is taken from a directory, and what is passed over.

use std::fs;
use std::os::unix::fs::symlink;

use holdall_certificates::Fault;

use crate::authority::Site;
use crate::client::{config, connect, shown};
use crate::events::events;

#[test]
fn blocks_are_in_any_order_and_sent_in_the_right_one() {
    let site = Site::new();
    let issued = site.authority.issue(&["a.example.com"]);
    let (root, intermediate) = (&site.authority.root, &site.authority.intermediate);
    let text = root.pem() + &intermediate.pem() + &issued.certificate + &issued.key;
    site.write("a.pem", text);
    let session = connect(config(&site.authority).into(), &site.load(), "a.example.com").unwrap();
    assert_eq!(session.chain(), [&issued.der, intermediate.der(), root.der()].map(Clone::clone));
}

#[test]
fn keys_are_found_in_other_files_by_what_they_are() {
    let site = Site::new();
    let a = site.authority.issue(&["a.example.com"]);
    let b = site.authority.issue(&["b.example.com"]);
    let chain = site.authority.intermediate.pem();
    // Named crosswise, to show that names do not count.
    site.write("a.crt", a.certificate.clone() + &chain);
    site.write("b.key", &a.key);
    site.write("b.crt", b.certificate.clone() + &chain);
    site.write("a.key", &b.key);
    let certificates = site.load();
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), a.der);
    assert_eq!(shown(&site.authority, &certificates, "b.example.com").unwrap(), b.der);
}

#[test]
fn the_four_files_of_certbot_give_the_full_chain() {
    let site = Site::new();
    let issued = site.authority.issue(&["a.example.com"]);
    let chain = site.authority.intermediate.pem();
    fs::create_dir(site.path("archive")).unwrap();
    for (name, text) in [
        ("cert.pem", issued.certificate.clone()),
        ("chain.pem", chain.clone()),
        ("fullchain.pem", issued.certificate.clone() + &chain),
        ("privkey.pem", issued.key.clone()),
    ] {
        site.write(&format!("archive/{name}"), text);
        symlink(format!("archive/{name}"), site.path(name)).unwrap();
    }
    let told = events(|| {
        let session =
            connect(config(&site.authority).into(), &site.load(), "a.example.com").unwrap();
        assert_eq!(session.chain().len(), 2);
    });
    assert_eq!(told, "");
    let archive = fs::canonicalize(site.path("archive")).unwrap();
    assert_eq!(site.load().paths(), [fs::canonicalize(site.root()).unwrap(), archive]);
}

#[test]
fn what_is_no_certificate_is_passed_over_in_silence() {
    let site = Site::new();
    site.add("a.pem", &["a.example.com"]);
    let other = site.authority.issue(&["b.example.com"]);
    site.write(".hidden.pem", "-----BEGIN CERTIFICATE-----\n");
    site.write("client.key", &other.key);
    site.write("request.example.com.pem", "");
    site.write("notes.txt", "-----BEGIN CERTIFICATE-----\n");
    fs::create_dir(site.path("directory.pem")).unwrap();
    let told = events(|| assert_eq!(site.load().list().len(), 1));
    assert_eq!(told, "");
}

#[test]
fn a_bad_file_is_named_and_the_others_are_served() {
    let site = Site::new();
    let good = site.add("good.pem", &["a.example.com"]);
    let bad = site.write("bad.pem", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n");
    let told = events(|| {
        let certificates = site.load();
        assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), good.der);
    });
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("WARN") && told.contains(bad.to_str().unwrap()), "{told}");
    assert!(told.contains("line 1 is damaged"), "{told}");
}

#[test]
fn a_directory_with_nothing_to_serve_is_an_error_that_names_a_cause() {
    let site = Site::new();
    site.write("request.example.com.pem", "");
    let load = || holdall_certificates::Certificates::load(site.source()).unwrap_err();
    assert!(matches!(&*load().fault, Fault::NoneUsable { source: None }));
    let path = site.write("bad.pem", "nothing");
    match &*load().fault {
        Fault::NoneUsable { source: Some(cause) } => {
            assert_eq!(cause.path, path);
            assert!(matches!(*cause.fault, Fault::NoCertificate));
        }
        fault => panic!("{fault:?}"),
    }
}

#[test]
fn the_list_has_names_and_times() {
    let site = Site::new();
    let issued = site.authority.issue_for(&["a.example.com", "*.example.com", "::1"], 2020, 2200);
    let path = site.write("a.pem", site.authority.pem(&issued));
    let list = site.load().list();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].path, path);
    assert_eq!(list[0].names, ["a.example.com", "*.example.com", "::1"]);
    let seconds =
        |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(seconds(list[0].not_before), 1_577_836_800);
    assert_eq!(seconds(list[0].not_after), 7_289_568_000);
}
