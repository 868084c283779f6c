//! Each fault of a file has its own error, with the path and the data.

use std::error::Error;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use holdall_certificates::{Certificates, Fault, LoadError, Source};

use crate::authority::{Issued, Site};

/// Ed448: rustls has no such keys.
const ED448: &str = "\
-----BEGIN PRIVATE KEY-----
MEcCAQAwBQYDK2VxBDsEOS/WvzFcHHILSmqKVKPccP3iHxVqotDfV3zSY4ik7tNu
rOE1ET47KNVW+hjF5CdNcqwAbLtFNsSJDg==
-----END PRIVATE KEY-----
";

/// X.509 version 1, from 1988: TLS libraries take version 3 only.
const VERSION_1: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnuX0cEDovDty+LxF
v4YmdLjqDjJMsVrAwIZ+WYDF8EShRANCAATfMQ/ShJoVkHF9NB1+CMHzr2fZMb6a
UrRErbOcet3Cl8o6egg40MjWc0aQQ6/tgQ5lZySnwl3mnSOFuUYY3BpN
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBGDCBvwIUbnz+yXfLwC+kWavCvQfKTLfcALswCgYIKoZIzj0EAwIwDjEMMAoG
A1UEAwwDb2xkMCAXDTI2MTEyMjIzMTUyMVoYDzIxMjYxMDI5MjMxNTIxWjAOMQww
CgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATfMQ/ShJoVkHF9
NB1+CMHzr2fZMb6aUrRErbOcet3Cl8o6egg40MjWc0aQQ6/tgQ5lZySnwl3mnSOF
uUYY3BpNMAoGCCqGSM49BAMCA0gAMEUCIQDvxqMumH0wEHGjkFPdPlSnpCq6bzZt
76D4HAotVuKVPgIgBdnq8tYZUUaTvyhRS1+lxcbUEcxH1+iiizZHbqsgBQA=
-----END CERTIFICATE-----
";

/// Three bytes of zero: base64, but no key and no certificate.
fn block(label: &str) -> String {
    format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")
}

/// A good pair, one file of which is replaced.
struct Pair {
    site: Site,
    issued: Issued,
    key: PathBuf,
    certificate: PathBuf,
}

impl Pair {
    fn new() -> Self {
        let site = Site::new();
        let issued = site.authority.issue(&["a.example.com"]);
        let key = site.write("key.pem", &issued.key);
        let certificate = site.write("cert.pem", &issued.certificate);
        Self { site, issued, key, certificate }
    }

    fn fault(&self) -> LoadError {
        load(&self.key, &self.certificate).unwrap_err()
    }

    /// The fault with this text in the file of the key.
    fn with_key(&self, text: impl AsRef<[u8]>) -> LoadError {
        self.site.write("key.pem", text);
        let error = self.fault();
        assert_eq!(error.path, self.key);
        error
    }

    /// The fault with this text in the file of the certificate.
    fn with_certificate(&self, text: impl AsRef<[u8]>) -> LoadError {
        self.site.write("cert.pem", text);
        let error = self.fault();
        assert_eq!(error.path, self.certificate);
        error
    }
}

fn load(private_key: &Path, certificate: &Path) -> Result<Certificates, LoadError> {
    Certificates::load(Source::Files {
        private_key: private_key.to_owned(),
        certificate: certificate.to_owned(),
        chain: None,
    })
}

#[test]
fn a_file_that_does_not_exist() {
    let pair = Pair::new();
    fs::remove_file(&pair.key).unwrap();
    let error = pair.fault();
    assert_eq!(error.path, pair.key);
    assert_eq!(error.to_string(), format!("can't use {}", pair.key.display()));
    match &*error.fault {
        Fault::Unreadable(cause) => assert_eq!(cause.kind(), io::ErrorKind::NotFound),
        fault => panic!("{fault:?}"),
    }
    let fault = error.source().unwrap();
    assert_eq!(fault.to_string(), "it can't be read");
    assert!(fault.source().unwrap().to_string().contains("No such file"));
}

#[test]
fn a_chain_that_does_not_exist() {
    let pair = Pair::new();
    let chain = pair.site.path("chain.pem");
    let error = Certificates::load(Source::Files {
        private_key: pair.key.clone(),
        certificate: pair.certificate.clone(),
        chain: Some(chain.clone()),
    });
    assert_eq!(error.unwrap_err().path, chain);
}

#[test]
fn a_directory_instead_of_a_file_and_the_reverse() {
    let pair = Pair::new();
    let error = load(&pair.key, pair.site.root()).unwrap_err();
    assert!(matches!(*error.fault, Fault::Directory));
    let error = Certificates::load(Source::Directory(pair.key.clone())).unwrap_err();
    assert_eq!(error.path, pair.key);
    match &*error.fault {
        Fault::Unreadable(cause) => assert_eq!(cause.kind(), io::ErrorKind::NotADirectory),
        fault => panic!("{fault:?}"),
    }
}

#[test]
fn a_pipe_is_refused_without_waiting_for_its_writer() {
    let pair = Pair::new();
    let pipe = pair.site.path("pipe.pem");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(matches!(*load(&pipe, &pair.certificate).unwrap_err().fault, Fault::NotAFile));
}

/// Permissions do not hold root back, so there it looks as another user.
#[test]
fn a_file_without_permission() {
    const UNREADABLE: &str = "HOLDALL_TEST_UNREADABLE";
    if let Some(path) = env::var_os(UNREADABLE) {
        return is_denied(Path::new(&path));
    }
    let pair = Pair::new();
    fs::set_permissions(&pair.key, fs::Permissions::from_mode(0o000)).unwrap();
    if !rustix::process::geteuid().is_root() {
        return is_denied(&pair.key);
    }
    fs::set_permissions(pair.site.root(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = pair.site.path("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(&program);
    command.args(["--exact", "faults::a_file_without_permission"]).env(UNREADABLE, &pair.key);
    let output = command.uid(65534).gid(65534).current_dir("/").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

fn is_denied(path: &Path) {
    match &*load(path, path).unwrap_err().fault {
        Fault::Unreadable(cause) => assert_eq!(cause.kind(), io::ErrorKind::PermissionDenied),
        fault => panic!("{fault:?}"),
    }
}

#[test]
fn an_empty_file() {
    assert!(matches!(*Pair::new().with_key("").fault, Fault::Empty));
    assert!(matches!(*Pair::new().with_certificate("").fault, Fault::Empty));
}

#[test]
fn a_file_that_is_too_large() {
    let error = Pair::new().with_certificate(vec![b'\n'; (1 << 20) + 1]);
    assert!(matches!(*error.fault, Fault::TooLarge { limit_bytes: 1_048_576 }));
}

#[test]
fn no_certificate_and_no_key() {
    let pair = Pair::new();
    assert!(matches!(*pair.with_certificate("text").fault, Fault::NoCertificate));
    let pair = Pair::new();
    assert!(matches!(*pair.with_key(&pair.issued.certificate).fault, Fault::NoKey));
}

#[test]
fn several_keys() {
    let pair = Pair::new();
    let error = pair.with_key(pair.issued.key.repeat(2));
    let lines = pair.issued.key.lines().count();
    match *error.fault {
        Fault::SeveralKeys { first_line, second_line } => {
            assert_eq!((first_line, second_line), (1, lines + 1));
        }
        ref fault => panic!("{fault:?}"),
    }
}

#[test]
fn damaged_pem() {
    let pair = Pair::new();
    let broken = pair.issued.certificate.replacen("MII", "M*I", 1);
    let error = pair.with_certificate(format!("\n{broken}"));
    assert!(matches!(*error.fault, Fault::DamagedPem { line: 2, .. }));
    let half = &pair.issued.certificate[..pair.issued.certificate.len() / 2];
    assert!(matches!(*pair.with_certificate(half).fault, Fault::DamagedPem { line: 1, .. }));
}

#[test]
fn damaged_der() {
    let pair = Pair::new();
    let text = pair.issued.certificate.clone() + &block("CERTIFICATE");
    let expected = pair.issued.certificate.lines().count() + 1;
    match *pair.with_certificate(text).fault {
        Fault::DamagedCertificate { line, .. } => assert_eq!(line, expected),
        ref fault => panic!("{fault:?}"),
    }
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        let error = Pair::new().with_key(block(label));
        assert!(matches!(*error.fault, Fault::DamagedKey { line: 1 }), "{label}");
    }
}

/// What does not show as damage, as in the signature, is for clients to find.
#[test]
fn a_changed_byte_anywhere_is_an_error_of_its_file_or_nothing() {
    let pair = Pair::new();
    let path = pair.site.write("both.pem", "");
    let whole = pair.issued.certificate.clone() + &pair.issued.key;
    let mut refused = 0;
    for index in 0..whole.len() {
        let mut text = whole.clone().into_bytes();
        text[index] ^= 1 << (index % 8);
        fs::write(&path, text).unwrap();
        if let Err(error) = load(&path, &path) {
            assert_eq!(error.path, path);
            refused += 1;
        }
    }
    assert!(refused > whole.len() / 4, "{refused} of {}", whole.len());
}

#[test]
fn an_encrypted_key() {
    let error = Pair::new().with_key(block("ENCRYPTED PRIVATE KEY"));
    assert!(matches!(*error.fault, Fault::EncryptedKey { line: 1 }));
    assert!(error.fault.to_string().contains("openssl pkey"));
}

#[test]
fn an_unsupported_key() {
    let error = Pair::new().with_key(ED448);
    assert!(matches!(*error.fault, Fault::UnsupportedKey { line: 1, .. }));
}

#[test]
fn a_certificate_that_tls_can_not_use() {
    let site = Site::new();
    let path = site.write("old.pem", VERSION_1);
    let error = load(&path, &path).unwrap_err();
    assert!(matches!(*error.fault, Fault::UnusableCertificate(_)), "{error:?}");
}

#[test]
fn a_key_of_another_certificate() {
    let pair = Pair::new();
    pair.site.write("key.pem", pair.site.authority.issue(&["b.example.com"]).key);
    let error = pair.fault();
    assert_eq!(error.path, pair.certificate);
    assert!(matches!(&*error.fault, Fault::KeyMismatch { key } if *key == pair.key));
}

#[test]
fn a_key_that_others_can_read_and_the_command_that_mends_it() {
    for mode in [0o640, 0o604, 0o620, 0o777] {
        let pair = Pair::new();
        fs::set_permissions(&pair.key, fs::Permissions::from_mode(mode)).unwrap();
        // The permissions of a symbolic link are always open: those of its target count.
        let link = pair.site.path("link.pem");
        std::os::unix::fs::symlink(&pair.key, &link).unwrap();
        let error = load(&link, &pair.certificate).unwrap_err();
        assert!(matches!(*error.fault, Fault::ExposedKey { mode: found, .. } if found == mode));
        let text = error.fault.to_string();
        assert!(text.ends_with(&format!("chmod 600 {}", link.display())), "{text}");
        assert!(Command::new("chmod").arg("600").arg(&link).status().unwrap().success());
        load(&link, &pair.certificate).unwrap();
    }
}

#[test]
fn a_certificate_that_others_can_read_is_none() {
    let pair = Pair::new();
    fs::set_permissions(&pair.certificate, fs::Permissions::from_mode(0o644)).unwrap();
    load(&pair.key, &pair.certificate).unwrap();
}

#[test]
fn a_certificate_without_its_key_in_a_directory() {
    let site = Site::new();
    let path = site.write("a.crt", site.authority.issue(&["a.example.com"]).certificate);
    match &*Certificates::load(site.source()).unwrap_err().fault {
        Fault::NoneUsable { source: Some(cause) } => {
            assert_eq!(cause.path, path);
            assert!(matches!(*cause.fault, Fault::NoKeyBeside));
        }
        fault => panic!("{fault:?}"),
    }
}
