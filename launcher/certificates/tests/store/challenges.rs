//! Challenges are answered from memory, and from a directory for other processes.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use holdall_certificates::Challenges;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};
use tempfile::TempDir;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::client::connect_to;

const DIGEST: [u8; 32] = *b"0123456789abcdef0123456789abcdef";
const OTHER: [u8; 32] = [255; 32];
const TOKEN: &str = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0";

/// The challenge extension of a certificate (RFC 8737 section 6.1).
const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

/// An authority: it looks at the certificate itself.
#[derive(Debug)]
struct Validator;

impl ServerCertVerifier for Validator {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = aws_lc_rs::default_provider();
        provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What the handshake shows: the name in the certificate, and the digest.
fn validate(server: Arc<ServerConfig>, sni: &str, protocols: &[&str]) -> Option<(String, Vec<u8>)> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Validator));
    let mut client = builder.with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|protocol| (*protocol).into()).collect();
    let session = connect_to(client.into(), server, sni).ok()?;
    assert_eq!(session.client.alpn_protocol(), Some(b"acme-tls/1".as_slice()));
    let chain = session.chain();
    let (_, certificate) = X509Certificate::from_der(&chain[0]).unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    let name = match names.value.general_names.as_slice() {
        [GeneralName::DNSName(name)] => (*name).to_owned(),
        [GeneralName::IPAddress(bytes)] => format!("{bytes:?}"),
        names => panic!("{names:?}"),
    };
    let is_proof = |id: String| id == ACME_IDENTIFIER;
    let mut extensions = certificate.extensions().iter();
    let proof = extensions.find(|extension| is_proof(extension.oid.to_id_string())).unwrap();
    assert!(proof.critical);
    // An octet string of 32 bytes within the extension's.
    assert_eq!(proof.value[..2], [4, 32]);
    Some((name, proof.value[2..].to_vec()))
}

fn shared() -> (TempDir, Challenges, Challenges) {
    let directory = tempfile::tempdir().unwrap();
    let new = || Challenges::new(Some(directory.path().join(".chal")));
    let (one, other) = (new(), new());
    (directory, one, other)
}

fn proof(challenges: &Challenges, sni: &str) -> Option<(String, Vec<u8>)> {
    validate(challenges.tls_config(sni)?, sni, &["acme-tls/1"])
}

#[test]
fn a_name_is_proved_by_every_process_with_the_directory() {
    let (_directory, one, other) = shared();
    assert!(proof(&one, "a.example.com").is_none());
    one.present_tls("A.example.com", DIGEST).unwrap();
    let expected = Some(("a.example.com".to_owned(), DIGEST.to_vec()));
    for challenges in [&one, &other, &one.clone()] {
        assert_eq!(proof(challenges, "a.example.com"), expected);
        assert_eq!(proof(challenges, "b.example.com"), None);
    }
    one.present_tls("a.example.com", OTHER).unwrap();
    let expected = Some(("a.example.com".to_owned(), OTHER.to_vec()));
    assert_eq!(proof(&other, "a.example.com"), expected);
    one.withdraw_tls("a.example.com");
    assert_eq!((proof(&one, "a.example.com"), proof(&other, "a.example.com")), (None, None));
}

#[test]
fn addresses_are_asked_for_by_their_reverse_names() {
    let (_directory, one, other) = shared();
    let v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    one.present_tls("127.0.0.1", DIGEST).unwrap();
    one.present_tls("2001:DB8::1", OTHER).unwrap();
    for challenges in [&one, &other] {
        let expected = Some(("[127, 0, 0, 1]".to_owned(), DIGEST.to_vec()));
        assert_eq!(proof(challenges, "1.0.0.127.in-addr.arpa"), expected);
        let (name, digest) = proof(challenges, v6).unwrap();
        assert!(name.starts_with("[32, 1, 13, 184, 0,") && digest == OTHER, "{name}");
        assert!(challenges.tls_config("2.0.0.127.in-addr.arpa").is_none());
        assert!(challenges.tls_config("127.0.0.1").is_none());
    }
}

#[test]
fn nobody_else_gets_the_certificate_of_a_challenge() {
    let (_directory, one, _) = shared();
    one.present_tls("a.example.com", DIGEST).unwrap();
    let config = one.tls_config("a.example.com").unwrap();
    for protocols in [&["h2"][..], &["http/1.1", "h2"]] {
        assert_eq!(validate(config.clone(), "a.example.com", protocols), None);
    }
}

#[test]
fn tokens_are_answered_by_every_process_with_the_directory() {
    let (directory, one, other) = shared();
    let authorization = format!("{TOKEN}.{TOKEN}");
    assert_eq!(one.key_authorization(TOKEN), None);
    one.present_http(TOKEN, &authorization).unwrap();
    for challenges in [&one, &other] {
        assert_eq!(challenges.key_authorization(TOKEN).as_ref(), Some(&authorization));
        for bad in ["", ".", "..", "../http-01", "a/b", &TOKEN[1..], "a\0b", &"x".repeat(300)] {
            assert_eq!(challenges.key_authorization(bad), None, "{bad:?}");
        }
    }
    let file = directory.path().join(".chal/http-01").join(TOKEN);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    one.withdraw_http(TOKEN);
    assert_eq!((one.key_authorization(TOKEN), other.key_authorization(TOKEN)), (None, None));
    for (token, text) in [("../x", "../x.y"), (TOKEN, "y.z"), (TOKEN, TOKEN), ("", ".x")] {
        assert!(one.present_http(token, text).is_err(), "{token:?} {text:?}");
    }
    for name in ["", "*.example.com", "../x", "a b", "ü.example"] {
        assert!(one.present_tls(name, DIGEST).is_err(), "{name:?}");
        one.withdraw_tls(name);
    }
}

#[test]
fn without_a_directory_or_with_a_bad_one_memory_answers() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let memory = Challenges::new(None);
    memory.present_tls("a.example.com", DIGEST).unwrap();
    let bad = Challenges::new(Some(file));
    bad.present_tls("a.example.com", DIGEST).unwrap_err();
    for challenges in [memory, bad] {
        assert!(proof(&challenges, "a.example.com").is_some());
    }
}

/// Waits until the files may be looked for again.
fn next_second() {
    std::thread::sleep(Duration::from_millis(1050));
}

#[test]
fn what_lies_in_the_directory_is_not_trusted() {
    let (directory, one, other) = shared();
    let authorization = format!("{TOKEN}.{TOKEN}");
    one.present_http(TOKEN, &authorization).unwrap();
    one.present_tls("a.example.com", DIGEST).unwrap();
    let http = directory.path().join(".chal/http-01").join(TOKEN);
    let tls = directory.path().join(".chal/tls-alpn-01/a.example.com");
    let hex = fs::read(&tls).unwrap();
    let bad: [&[u8]; 7] =
        [b"", &[0; 64], &hex[..63], &[b'g'; 64], &[b'x'; 1 << 20], b"\xff\xfe", TOKEN.as_bytes()];
    for bad in bad {
        fs::write(&http, bad).unwrap();
        fs::write(&tls, bad).unwrap();
        assert_eq!(other.key_authorization(TOKEN), None);
        assert!(other.tls_config("a.example.com").is_none());
    }
    next_second();
    fs::write(&http, &authorization).unwrap();
    assert_eq!(other.key_authorization(TOKEN).as_ref(), Some(&authorization));
    let set = |time| File::options().write(true).open(&http).unwrap().set_modified(time).unwrap();
    for seconds in [601, 86_400] {
        let (now, age) = (SystemTime::now(), Duration::from_secs(seconds));
        for time in [now - age, now + age] {
            set(time);
            assert_eq!(other.key_authorization(TOKEN), None);
        }
    }
    fs::remove_file(&http).unwrap();
    symlink(&tls, &http).unwrap();
    assert_eq!(other.key_authorization(TOKEN), None);
    fs::remove_file(&http).unwrap();
    fs::create_dir(&http).unwrap();
    assert_eq!(other.key_authorization(TOKEN), None);
}

#[test]
fn old_answers_are_swept_out() {
    let (directory, one, _) = shared();
    one.present_http("old", "old.x").unwrap();
    let http = directory.path().join(".chal/http-01");
    let old = File::options().write(true).open(http.join("old")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    one.present_http("new", "new.x").unwrap();
    let left: Vec<_> = fs::read_dir(http).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(left, ["new"]);
}

#[test]
fn the_directory_is_asked_twenty_times_a_second_and_memory_always() {
    let (_directory, one, other) = shared();
    one.present_http(TOKEN, &format!("{TOKEN}.{TOKEN}")).unwrap();
    next_second();
    let begin = Instant::now();
    let count = |challenges: &Challenges| {
        (0..1000).filter(|_| challenges.key_authorization(TOKEN).is_some()).count()
    };
    let found = count(&other);
    let seconds = begin.elapsed().as_secs() as usize + 1;
    assert!((1..=20 * seconds).contains(&found), "{found} in {seconds} s");
    assert_eq!(count(&one), 1000);
}
