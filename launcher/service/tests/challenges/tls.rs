//! tls-alpn-01 (RFC 8737), as `openssl s_client` sees it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use holdall_certificates::{Certificates, Challenges, Source};
use holdall_service::{BoxService, Response};
use tempfile::TempDir;

use crate::running::Running;

const KIND: &str = "tls-alpn-01";

const DIGEST: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

/// The extension of a proof as it is encoded, but for the digest at its end: id-pe-acmeIdentifier,
/// critical, and an octet string in an octet string (RFC 8737, section 3).
const PROOF: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x1f\x01\x01\xff\x04\x22\x04\x20";

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n";

/// A server whose certificates an ACME client tends.
struct Site {
    running: Running,
    certificates: Certificates,
    directory: TempDir,
}

impl Site {
    /// It has certificates for these names.
    fn with(names: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| issue_into(&directory, name));
        let certificates = Certificates::awaiting(directory.path().to_owned()).unwrap();
        let running = serve(&directory, &certificates);
        Self { running, certificates, directory }
    }

    fn challenges(&self) -> &Challenges {
        self.certificates.challenges().unwrap()
    }

    fn ask(&self, options: &[&str]) -> Seen {
        s_client(&self.running, options, "")
    }

    /// Asks as an authority does.
    fn validate(&self, name: &str) -> Seen {
        self.ask(&["-servername", name, "-alpn", "acme-tls/1"])
    }

    fn counted(&self) -> (u64, u64) {
        let count = |outcome| self.running.challenges(KIND, outcome);
        (count("answered"), count("unknown"))
    }
}

fn issue_into(directory: &TempDir, name: &str) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let path = directory.path().join(format!("{name}.pem"));
    fs::write(&path, made.signing_key.serialize_pem() + &made.cert.pem()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn serve(directory: &TempDir, certificates: &Certificates) -> Running {
    let endpoint = format!("tls:0:interface=127.0.0.1:path={}", directory.path().display());
    let hello = |_| BoxService::from_fn(|_| Response::new("hello".into()));
    Running::start(&endpoint, Some(certificates.clone()), hello)
}

/// What openssl told, and the certificate that it was shown.
struct Seen {
    text: String,
    certificate: Option<Vec<u8>>,
    is_success: bool,
}

impl Seen {
    fn is_proof(&self) -> bool {
        let certificate = self.certificate.as_ref().expect("a certificate");
        certificate.windows(PROOF.len()).any(|bytes| bytes == PROOF)
    }

    /// The handshake is done, the certificate is the proof of `digest`, and the connection was
    /// closed as TLS has it, without anything else on it.
    fn assert_proves(&self, digest: [u8; 32]) {
        let certificate = self.certificate.as_ref().expect("a certificate");
        let whole = [PROOF, &digest].concat();
        assert!(certificate.windows(whole.len()).any(|bytes| bytes == whole), "{}", self.text);
        assert!(self.text.contains("ALPN protocol: acme-tls/1\n"), "{}", self.text);
        assert!(self.text.contains("closed\n") && self.is_success, "{}", self.text);
        assert!(!self.text.contains("HTTP/1"), "{}", self.text);
    }

    fn assert_refused(&self, alert: u8) {
        assert!(self.certificate.is_none(), "{}", self.text);
        assert!(self.text.contains(&format!("SSL alert number {alert}\n")), "{}", self.text);
        assert!(!self.is_success);
    }

    fn assert_served(&self) {
        assert!(!self.is_proof() && !self.text.contains("acme-tls/1"), "{}", self.text);
        assert!(self.text.contains("\r\n\r\nhello"), "{}", self.text);
    }
}

/// Shakes hands, sends `input`, and waits for the server to close the connection.
fn s_client(running: &Running, options: &[&str], input: &str) -> Seen {
    let mut openssl = Command::new("timeout");
    openssl.args(["20", "openssl", "s_client", "-connect", &running.address.to_string()]);
    openssl.args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = openssl.spawn().expect("openssl is installed");
    // It would close the connection itself at the end of its input.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    drop(stdin);
    let certificate = stdout.windows(10).any(|bytes| bytes == b"-----BEGIN").then(|| der(&stdout));
    let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert_ne!(status.code(), Some(124), "the connection stayed open: {text}");
    Seen { text, certificate, is_success: status.success() }
}

/// The certificate within what openssl told.
fn der(told: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-outform", "DER"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = openssl.spawn().unwrap();
    child.stdin.take().unwrap().write_all(told).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn an_authority_sees_the_proof_and_nothing_else() {
    let site = Site::with(&["a.test"]);
    site.challenges().present_tls("a.test", DIGEST).unwrap();
    site.validate("a.test").assert_proves(DIGEST);
    for version in ["-tls1_2", "-tls1_3"] {
        let options = ["-servername", "A.Test", "-alpn", "acme-tls/1", version];
        site.ask(&options).assert_proves(DIGEST);
    }
    assert_eq!(site.counted(), (3, 0));
}

#[test]
fn proofs_come_before_the_first_certificate() {
    let site = Site::with(&[]);
    site.challenges().present_tls("a.test", DIGEST).unwrap();
    site.challenges().present_tls("127.0.0.1", [7; 32]).unwrap();
    site.validate("a.test").assert_proves(DIGEST);
    site.validate("1.0.0.127.in-addr.arpa").assert_proves([7; 32]);
    site.ask(&["-servername", "a.test"]).assert_refused(112);
    site.ask(&["-servername", "a.test", "-alpn", "acme-tls/1,http/1.1"]).assert_refused(112);
    assert_eq!(site.counted(), (2, 0));
}

#[test]
fn another_process_with_the_directory_may_have_asked_for_it() {
    let site = Site::with(&["a.test"]);
    let other = Challenges::new(Some(site.directory.path().join(".chal")));
    other.present_tls("a.test", DIGEST).unwrap();
    site.validate("a.test").assert_proves(DIGEST);
}

#[test]
fn without_a_challenge_under_way_there_is_an_alert() {
    let site = Site::with(&["a.test"]);
    site.validate("a.test").assert_refused(112);
    site.challenges().present_tls("a.test", DIGEST).unwrap();
    for name in ["b.test", "test", "x.a.test"] {
        site.validate(name).assert_refused(112);
    }
    site.ask(&["-noservername", "-alpn", "acme-tls/1"]).assert_refused(112);
    site.challenges().withdraw_tls("a.test");
    site.validate("a.test").assert_refused(112);
    assert_eq!(site.counted(), (0, 6));
    // What is no name at all (47: illegal parameter) is not looked for.
    for name in ["..", "a.test/../a.test"] {
        site.validate(name).assert_refused(47);
    }
    assert_eq!(site.counted(), (0, 6));
}

#[test]
fn whoever_offers_more_gets_the_certificate_of_the_site() {
    let site = Site::with(&["a.test"]);
    site.challenges().present_tls("a.test", DIGEST).unwrap();
    let ask = |more: &[&str]| {
        s_client(&site.running, &[&["-servername", "a.test"], more].concat(), REQUEST)
    };
    ask(&[]).assert_served();
    for offered in ["http/1.1", "acme-tls/1,http/1.1", "http/1.1,acme-tls/1"] {
        let seen = ask(&["-alpn", offered]);
        assert!(!seen.is_proof(), "{offered}");
        assert!(seen.text.contains("ALPN protocol: http/1.1\n"), "{}", seen.text);
        assert!(seen.text.contains("\r\n\r\nhello"), "{}", seen.text);
    }
    for offered in ["acme-tls/1,acme-tls/1", "acme-tls/1,smtp", "acme-tls/2", "ACME-TLS/1"] {
        site.ask(&["-servername", "a.test", "-alpn", offered]).assert_refused(120);
    }
    assert_eq!(site.counted(), (0, 0));
}

#[test]
fn where_no_client_tends_the_certificates_nobody_proves_anything() {
    let directory = tempfile::tempdir().unwrap();
    issue_into(&directory, "a.test");
    // What is left of one that did.
    let other = Challenges::new(Some(directory.path().join(".chal")));
    other.present_tls("a.test", DIGEST).unwrap();
    let source = Source::Directory(directory.path().to_owned());
    let running = serve(&directory, &Certificates::load(source).unwrap());
    for name in ["a.test", "b.test"] {
        let options = ["-servername", name, "-alpn", "acme-tls/1"];
        s_client(&running, &options, "").assert_refused(120);
    }
    s_client(&running, &["-servername", "a.test"], REQUEST).assert_served();
    assert_eq!(running.challenges(KIND, "unknown"), 0);
}
