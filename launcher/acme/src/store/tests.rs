//! The store on real directories, damaged, full, shared and cut off in the middle.

mod account;
mod crash;
mod damage;
mod directory;
mod lease;
mod peers;
mod publish;
mod serving;
mod space;

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::{Held, Leaf, Store};
use crate::Name;

/// A directory of certificates, and an authority that issues some.
struct Site {
    authority: CertifiedIssuer<'static, KeyPair>,
    parent: TempDir,
    store: Store,
}

impl Site {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let parent = tempfile::tempdir().unwrap();
        let store = Store::open(&parent.path().join("certs")).unwrap();
        Self { authority, parent, store }
    }

    /// Key, certificate and chain.
    fn issue(&self, name: &str) -> String {
        self.issue_with(name, &KeyPair::generate().unwrap())
    }

    fn issue_with(&self, name: &str, key: &KeyPair) -> String {
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(key, &self.authority).unwrap();
        key.serialize_pem() + &certificate.pem() + &self.authority.pem()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.store.directory().join(file)
    }

    /// Writes a file that nobody has touched for long, so that it is not about to change.
    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        write_old(&self.path(file), bytes);
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// What is in the directory, but for what is hidden.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store.directory()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<_> = names.filter(|name| !name.starts_with(".lock")).collect();
        files.sort();
        files
    }

    /// Puts two certificates of `a.example` there, one after the other; gives both.
    fn two_generations(&self) -> [String; 2] {
        [(); 2].map(|()| {
            let pem = self.issue("a.example");
            let version = self.store.version(&name()).unwrap();
            self.store.save(&name(), &pem, &version).unwrap();
            pem
        })
    }
}

/// The name that most tests are about.
fn name() -> Name {
    named("a.example")
}

fn named(text: &str) -> Name {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-11-23T04:00:00Z".parse().unwrap()
}

fn leaf(pem: &str) -> Leaf {
    Leaf::read(&name(), pem.as_bytes()).unwrap()
}

fn held(pem: &str) -> Held {
    Held::Certificate(leaf(pem))
}

fn write_old(path: &std::path::Path, bytes: impl AsRef<[u8]>) {
    let mut file = File::create(path).unwrap();
    file.set_permissions(Permissions::from_mode(0o600)).unwrap();
    file.write_all(bytes.as_ref()).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(10)).unwrap();
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// This program, to run one test in a process of its own, which is told `value`.
fn child(test: &str, variable: &str, value: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(variable, value);
    command
}

/// The events of `action`, a line for each.
fn events(action: impl FnOnce()) -> String {
    let text = Text::default();
    let writer = text.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, action);
    let bytes = text.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
