//! Which certificate a client gets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use holdall_certificates::{Certificates, Source};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::{CertificateError, Error, SignatureAlgorithm, SignatureScheme};

use crate::authority::Site;
use crate::client::{config_with, connect, shown, shown_without_sni};
use crate::events::events;

#[test]
fn the_certificate_with_the_name_is_shown() {
    let site = Site::new();
    let a = site.add("a.pem", &["a.example.com", "www.a.example.com"]);
    let b = site.add("b.pem", &["b.example.com"]);
    let certificates = site.load();
    for (name, issued) in [("a.example.com", &a), ("WWW.a.example.COM", &a), ("b.example.com", &b)]
    {
        assert!(certificates.knows(Some(name)), "{name}");
        assert_eq!(shown(&site.authority, &certificates, name).unwrap(), issued.der, "{name}");
    }
}

#[test]
fn a_wildcard_stands_for_one_label() {
    let site = Site::new();
    let wildcard = site.add("wildcard.pem", &["*.example.com"]);
    let exact = site.add("exact.pem", &["exact.example.com"]);
    let certificates = site.load();
    let shown = |name| shown(&site.authority, &certificates, name);
    assert_eq!(shown("any.example.com").unwrap(), wildcard.der);
    assert_eq!(shown("exact.example.com").unwrap(), exact.der);
    for name in ["example.com", "a.b.example.com", "example.org", "com"] {
        assert!(!certificates.knows(Some(name)), "{name}");
        assert!(matches!(shown(name).unwrap_err(), Error::General(_)), "{name}");
    }
}

#[test]
fn names_are_compared_without_case_and_root_dot() {
    let site = Site::new();
    site.add("a.pem", &["A.Example.com", "*.Example.net"]);
    let certificates = site.load();
    for name in ["a.example.com", "A.EXAMPLE.COM", "a.example.com.", "X.example.NET"] {
        assert!(certificates.knows(Some(name)), "{name}");
    }
}

#[test]
fn without_default_an_unknown_name_gets_nothing() {
    let site = Site::new();
    site.add("a.pem", &["a.example.com"]);
    let certificates = site.load();
    assert!(!certificates.knows(Some("b.example.com")));
    assert!(!certificates.knows(None));
    assert!(shown_without_sni(&site.authority, &certificates, "a.example.com").is_err());
}

#[test]
fn default_answers_unknown_names_and_clients_without_one() {
    let site = Site::new();
    site.add("a.pem", &["a.example.com", "192.0.2.1"]);
    let default = site.add("DEFAULT.pem", &["default.example.com"]);
    let certificates = site.load();
    assert!(certificates.knows(Some("b.example.com")) && certificates.knows(None));
    let nameless = shown_without_sni(&site.authority, &certificates, "default.example.com");
    assert_eq!(nameless.unwrap(), default.der);
    // The client refuses it, and says which names it has seen.
    match shown(&site.authority, &certificates, "b.example.com").unwrap_err() {
        Error::InvalidCertificate(CertificateError::NotValidForNameContext {
            presented, ..
        }) => assert_eq!(presented, [r#"DnsName("default.example.com")"#]),
        error => panic!("{error}"),
    }
}

#[test]
fn a_certificate_for_an_address_answers_clients_that_connect_to_one() {
    let site = Site::new();
    site.add("name.pem", &["a.example.com"]);
    let address = site.add("address.pem", &["192.0.2.1", "2001:db8::1"]);
    let certificates = site.load();
    for name in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(shown(&site.authority, &certificates, name).unwrap(), address.der);
    }
    assert!(certificates.knows(Some("2001:DB8:0::1")));
}

#[test]
fn the_one_certificate_of_files_answers_its_names_and_clients_without_one() {
    let site = Site::new();
    let issued = site.authority.issue(&["a.example.com"]);
    let source = Source::Files {
        private_key: site.write("key.pem", &issued.key),
        certificate: site.write("cert.pem", &issued.certificate),
        chain: Some(site.write("chain.pem", site.authority.intermediate.pem())),
    };
    let certificates = Certificates::load(source).unwrap();
    assert!(certificates.knows(None) && certificates.knows(Some("a.example.com")));
    assert!(!certificates.knows(Some("b.example.com")));
    let nameless = shown_without_sni(&site.authority, &certificates, "a.example.com");
    assert_eq!(nameless.unwrap(), issued.der);
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), issued.der);
}

#[test]
fn of_several_the_valid_one_that_expires_last_is_shown() {
    let site = Site::new();
    let issue = |file, first, last| {
        let issued = site.authority.issue_for(&["a.example.com"], first, last);
        site.write(file, site.authority.pem(&issued));
        issued
    };
    issue("1.pem", 2020, 2021);
    issue("2.pem", 2020, 2200);
    let best = issue("3.pem", 2020, 2300);
    issue("4.pem", 2250, 2400);
    let certificates = site.load();
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), best.der);
}

#[test]
fn a_valid_wildcard_is_better_than_an_expired_exact_name() {
    let site = Site::new();
    let expired = site.authority.issue_for(&["a.example.com"], 2020, 2021);
    site.write("a.pem", site.authority.pem(&expired));
    let wildcard = site.add("wildcard.pem", &["*.example.com"]);
    let certificates = site.load();
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), wildcard.der);
}

#[test]
fn an_expired_certificate_is_told_and_served() {
    let site = Site::new();
    let expired = site.authority.issue_for(&["a.example.com"], 2020, 2021);
    site.write("old.pem", site.authority.pem(&expired));
    let early = site.authority.issue_for(&["b.example.com"], 2300, 2301);
    site.write("early.pem", site.authority.pem(&early));
    let told = events(|| {
        let certificates = site.load();
        let error = shown(&site.authority, &certificates, "a.example.com").unwrap_err();
        assert!(matches!(
            error,
            Error::InvalidCertificate(CertificateError::ExpiredContext { .. })
        ));
    });
    assert!(told.contains("certificate has expired"), "{told}");
    assert!(told.contains("not_after=2021-12-31T00:00:00Z"), "{told}");
    assert!(told.contains("certificate is not yet valid"), "{told}");
    assert!(told.contains("not_before=2300-01-01T00:00:00Z"), "{told}");
}

#[test]
fn rsa_and_ecdsa_side_by_side_are_chosen_by_what_the_client_verifies() {
    let site = Site::new();
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let rsa = site.authority.issue_with(&["a.example.com"], &rsa, |params| {
        // It expires later: the kind of the key counts first.
        params.not_after = rcgen::date_time_ymd(4097, 1, 1);
    });
    site.write("a-rsa.pem", site.authority.pem(&rsa));
    let ecdsa = site.add("a-ecdsa.pem", &["a.example.com"]);
    let certificates = site.load();
    assert_eq!(shown(&site.authority, &certificates, "a.example.com").unwrap(), ecdsa.der);
    for version in rustls::ALL_VERSIONS {
        let mut provider = aws_lc_rs::default_provider();
        provider.signature_verification_algorithms = rsa_only();
        let suite = |suite: &rustls::SupportedCipherSuite| {
            suite.tls13().is_some() || suite.usable_for_signature_algorithm(SignatureAlgorithm::RSA)
        };
        provider.cipher_suites.retain(suite);
        let config = config_with(&site.authority, provider, &[version]);
        let session = connect(Arc::new(config), &certificates, "a.example.com").unwrap();
        assert_eq!(session.chain()[0], rsa.der, "{version:?}");
    }
}

/// All algorithms for chains, RSA only for the handshake.
fn rsa_only() -> WebPkiSupportedAlgorithms {
    let all = aws_lc_rs::default_provider().signature_verification_algorithms;
    let is_rsa = |scheme: &SignatureScheme| scheme.as_str().is_some_and(|it| it.contains("RSA_P"));
    let mapping = all.mapping.iter().filter(|(scheme, _)| is_rsa(scheme)).copied();
    WebPkiSupportedAlgorithms { mapping: mapping.collect::<Vec<_>>().leak(), ..all }
}

#[test]
fn ten_thousand_certificates_are_as_quick_as_one() {
    const NUMBER: usize = 10_000;
    let site = Site::new();
    let key = KeyPair::generate().unwrap();
    for index in 0..NUMBER {
        let name = format!("host{index}.example.com");
        let issued = site.authority.issue_with(&[&name], &key, |_| {});
        site.write(&format!("{name}.pem"), issued.key + &issued.certificate);
    }
    let certificates = site.load();
    assert_eq!(certificates.list().len(), NUMBER);
    // Walking through all of them each time would take minutes.
    let begin = Instant::now();
    for index in 0..10 * NUMBER {
        assert!(certificates.knows(Some(&format!("host{}.example.com", index % NUMBER))));
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
