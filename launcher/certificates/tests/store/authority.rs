//! A certificate authority, and files of what it issues.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use holdall_certificates::{Certificates, Source};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

/// A root and, under it, the intermediate authority that issues.
pub struct Authority {
    pub root: CertifiedIssuer<'static, KeyPair>,
    pub intermediate: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, both as PEM.
pub struct Issued {
    pub key: String,
    pub certificate: String,
    pub der: CertificateDer<'static>,
}

impl Authority {
    pub fn new() -> Self {
        let root = authority_named("root");
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let intermediate = authority_named("intermediate");
        let intermediate = CertifiedIssuer::signed_by(intermediate, key, &root).unwrap();
        Self { root, intermediate }
    }

    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, &KeyPair::generate().unwrap(), |_| {})
    }

    /// Issues for validity in whole years.
    pub fn issue_for(&self, names: &[&str], first_year: i32, last_year: i32) -> Issued {
        self.issue_with(names, &KeyPair::generate().unwrap(), |params| {
            params.not_before = rcgen::date_time_ymd(first_year, 1, 1);
            params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        })
    }

    pub fn issue_with(
        &self,
        names: &[&str],
        key: &KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let certificate = params.signed_by(key, &self.intermediate).unwrap();
        Issued {
            key: key.serialize_pem(),
            certificate: certificate.pem(),
            der: certificate.der().clone(),
        }
    }

    /// Key, certificate and chain, as ACME clients write them.
    pub fn pem(&self, issued: &Issued) -> String {
        [&issued.key, &issued.certificate, &self.intermediate.pem()].map(String::as_str).concat()
    }
}

fn authority_named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A directory of certificates and the authority behind them.
pub struct Site {
    pub authority: Authority,
    directory: TempDir,
}

impl Site {
    pub fn new() -> Self {
        Self { authority: Authority::new(), directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file that only its owner may read.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        write_private(&path, text);
        path
    }

    /// Issues for `names` into the file NAME.
    pub fn add(&self, file: &str, names: &[&str]) -> Issued {
        let issued = self.authority.issue(names);
        self.write(file, self.authority.pem(&issued));
        issued
    }

    pub fn source(&self) -> Source {
        Source::Directory(self.directory.path().to_owned())
    }

    pub fn load(&self) -> Certificates {
        Certificates::load(self.source()).unwrap()
    }
}

pub fn write_private(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
