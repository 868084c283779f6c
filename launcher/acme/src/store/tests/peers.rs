//! Directories that txacme wrote: RSA keys in the older format, everything beside one another.

use std::process::Command;

use rcgen::KeyPair;

use super::super::{AccountKey, Saved};
use super::*;
use crate::Authority;

/// An RSA key as OpenSSL made them for long, and the same for us.
fn rsa(site: &Site) -> (String, KeyPair) {
    let path = site.parent.path().join("rsa.pem");
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let path = path.to_str().unwrap();
    openssl(&["genrsa", "-traditional", "-out", path, "2048"]);
    let pkcs1 = fs::read_to_string(path).unwrap();
    let pkcs8 = openssl(&["pkcs8", "-topk8", "-nocrypt", "-in", path]);
    (pkcs1, KeyPair::from_pem(&pkcs8).unwrap())
}

#[test]
fn a_directory_of_txacme_works_as_it_is() {
    let site = Site::new();
    let (pkcs1, key) = rsa(&site);
    assert!(pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let issued = site.issue_with("a.example", &key);
    let chain = &issued[issued.find("-----BEGIN CERT").unwrap()..];
    let pem = pkcs1.clone() + chain;
    site.write("a.example.pem", &pem);
    site.write("b.example.pem", "");
    site.write("client.key", &pkcs1);
    let told = events(|| {
        assert_eq!(site.store.names().unwrap(), [name(), named("b.example")]);
        assert_eq!(site.store.look(&name(), now()), held(&pem));
        assert_eq!(site.store.look(&named("b.example"), now()), Held::Requested);
    });
    assert_eq!(told, "");
    let served = holdall_certificates::Certificates::awaiting(site.store.directory().into());
    assert_eq!(served.unwrap().leaf("a.example"), Some(leaf(&pem).der));

    let authority = Authority::new("https://ca.example/directory");
    assert_eq!(site.store.account(&authority).unwrap(), None);
    let account = KeyPair::generate().unwrap().serialize_der();
    let account = AccountKey { url: "https://ca.example/1".to_owned(), pkcs8: account };
    site.store.save_account(&authority, &account).unwrap();
    assert_eq!(site.read("client.key"), pkcs1);

    let renewed = site.issue("a.example");
    let version = site.store.version(&name()).unwrap();
    assert_eq!(site.store.save(&name(), &renewed, &version).unwrap(), Saved::Saved);
    assert_eq!(site.read("a.example.pem.prev"), pem);
}

/// txsni and txacme split a file at its `-----BEGIN` lines, keys to one side, certificates to the
/// other, and drop what comes before the first.
#[test]
fn what_we_write_is_what_they_read() {
    let site = Site::new();
    let [_, pem] = site.two_generations();
    let text = site.read("a.example.pem");
    let (_, blocks) = text.split_at(text.find("-----BEGIN").unwrap());
    assert_eq!(blocks, pem);
    let ends = blocks.lines().filter(|line| line.starts_with("-----END")).count();
    assert_eq!(ends, 3);
    assert!(!blocks.contains('#'));
}
