//! A directory that an ACME client of the same process fills.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use holdall_certificates::{Certificates, Checked, Fault};

use crate::authority::Site;
use crate::client::shown;
use crate::events::events;

fn awaiting(site: &Site) -> Certificates {
    Certificates::awaiting(site.root().to_owned()).unwrap()
}

#[test]
fn it_begins_with_nothing_and_ends_with_nothing() {
    let site = Site::new();
    let told = events(|| {
        let certificates = awaiting(&site);
        assert!(certificates.challenges().is_some());
        assert!(!certificates.knows(Some("a.example.com")) && !certificates.knows(None));
        site.write("a.example.com.pem", "");
        certificates.reload();
        assert!(certificates.list().is_empty());
    });
    assert_eq!(told, "");
    let certificates = awaiting(&site);
    let issued = site.add("a.example.com.pem", &["a.example.com"]);
    certificates.reload();
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), issued.der);
    assert_eq!(certificates.leaf("A.Example.com."), Some(issued.der));
    fs::remove_file(site.path("a.example.com.pem")).unwrap();
    certificates.reload();
    assert!(!certificates.knows(Some("a.example.com")));
    assert_eq!(certificates.leaf("a.example.com"), None);
    assert!(site.load_other().challenges().is_none());
}

#[test]
fn what_is_wrong_is_told_by_who_mends_it_and_else_here() {
    let site = Site::new();
    let good = site.add("a.example.com.pem", &["a.example.com"]);
    site.write("b.example.com.pem", "damage");
    let certificates = awaiting(&site);
    let told = events(|| {
        awaiting(&site);
        for damage in ["", "damage", "-----BEGIN CERTIFICATE-----\n*\n"] {
            site.write("a.example.com.pem", damage);
            certificates.reload();
            assert_eq!(certificates.leaf("a.example.com").as_ref(), Some(&good.der));
        }
        for other in ["a.example.com.pem.bad-1", "a.example.com.order", "a.example.com.state"] {
            site.write(other, "-----BEGIN CERTIFICATE-----\n*\n");
        }
        certificates.reload();
    });
    assert_eq!(told, "");
    site.write("DEFAULT.pem", "damage");
    site.write("my certificate.pem", "damage");
    let told = events(|| certificates.reload());
    assert_eq!(told.matches("ERROR").count(), 2, "{told}");
    assert_eq!(events(|| drop(awaiting(&site))).matches("WARN").count(), 2);
}

#[test]
fn what_was_cut_between_two_certificates_is_not_served() {
    let site = Site::new();
    let name = "a.example.com.pem";
    let issued = site.authority.issue(&["a.example.com"]);
    let whole = holdall_certificates::written(&site.authority.pem(&issued));
    site.write(name, &whole);
    let certificates = awaiting(&site);
    // The client knows the root only.
    let is_trusted =
        || shown(&site.authority, &certificates, "a.example.com").unwrap() == issued.der;
    assert!(is_trusted());
    let cut = &whole[..whole.rfind("-----BEGIN").unwrap()];
    let fault = Checked::parse(&site.path(name), cut.as_bytes()).unwrap_err().fault;
    assert!(matches!(*fault, Fault::Cut { written: 2, found: 1 }), "{fault}");
    site.write(name, cut);
    // What was whole is served on; who begins now has nothing.
    certificates.reload();
    assert!(is_trusted());
    assert!(!awaiting(&site).knows(Some("a.example.com")));
    // Somebody may have put one more into it.
    let more = whole.clone() + &site.authority.root.pem();
    assert_eq!(Checked::parse(&site.path(name), more.as_bytes()).unwrap().chain.len(), 3);
}

#[test]
fn a_key_that_others_may_read_serves_until_it_is_made_private() {
    let site = Site::new();
    let issued = site.add("a.example.com.pem", &["a.example.com"]);
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(site.path("a.example.com.pem"), open).unwrap();
    let told = events(|| assert_eq!(awaiting(&site).leaf("a.example.com"), Some(issued.der)));
    assert_eq!(told, "");
}

#[test]
fn what_is_published_is_served_until_the_file_says_otherwise() {
    let site = Site::new();
    let (path, pem) = (site.path("a.example.com.pem"), "a.example.com.pem");
    let new = || {
        let issued = site.authority.issue(&["a.example.com"]);
        (site.authority.pem(&issued), issued.der)
    };
    let certificates = awaiting(&site);
    let serves = |der: &_| {
        for _ in 0..2 {
            assert_eq!(certificates.leaf("a.example.com").as_ref(), Some(der));
            certificates.reload();
        }
    };
    // There is no file, as on a disk that is read-only.
    let (text, first) = new();
    certificates.publish(&path, text.as_bytes()).unwrap();
    serves(&first);
    // An empty one, then damage, then the one it replaces: all of them are older.
    site.write(pem, "");
    serves(&first);
    let (old_text, _) = new();
    site.write(pem, &old_text);
    let (text, second) = new();
    certificates.publish(&path, text.as_bytes()).unwrap();
    serves(&second);
    for older in ["damage", "", &old_text] {
        site.write(pem, older);
        serves(&second);
    }
    // The file has it at last, and from then on it is the file that counts.
    site.write(pem, &text);
    serves(&second);
    let (text, third) = new();
    site.write(pem, &text);
    certificates.reload();
    serves(&third);
    let (text, fourth) = new();
    certificates.publish(&path, text.as_bytes()).unwrap();
    let (text, fifth) = new();
    serves(&fourth);
    site.write(pem, &text);
    certificates.reload();
    serves(&fifth);
    let (text, sixth) = new();
    certificates.publish(&path, text.as_bytes()).unwrap();
    serves(&sixth);
    fs::remove_file(&path).unwrap();
    certificates.reload();
    assert!(!certificates.knows(Some("a.example.com")));
}

#[test]
fn only_what_can_be_served_is_published() {
    let site = Site::new();
    let issued = site.add("a.example.com.pem", &["a.example.com"]);
    let certificates = awaiting(&site);
    let path = site.path("a.example.com.pem");
    let other = site.authority.issue(&["a.example.com"]);
    let mixed = other.key.clone() + &issued.certificate;
    for bad in ["damage", &issued.key, &issued.certificate, &mixed] {
        let error = certificates.publish(&path, bad.as_bytes()).unwrap_err();
        assert_eq!(error.path, path);
        assert!(Checked::parse(&path, bad.as_bytes()).is_err());
    }
    let empty = Checked::parse(&path, b"").unwrap_err();
    assert!(matches!(*empty.fault, Fault::Empty));
    assert_eq!(certificates.leaf("a.example.com"), Some(issued.der.clone()));
    let checked = Checked::parse(&path, &fs::read(&path).unwrap()).unwrap();
    assert_eq!(checked.chain[0], issued.der);
    assert_eq!((checked.chain.len(), checked.names), (2, vec!["a.example.com".to_owned()]));
}

impl Site {
    /// As an operator's directory, of which there is no client.
    fn load_other(&self) -> Certificates {
        self.add("b.example.com.pem", &["b.example.com"]);
        self.load()
    }
}
