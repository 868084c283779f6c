//! Certificates of every kind for tests, in files as an operator would have them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize,
};

use crate::Scratch;

/// A root authority, and the one below it that issues: chains have two certificates.
pub struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

/// What a certificate shall be like.
pub struct Order<'a> {
    authority: &'a Authority,
    names: Vec<String>,
    key: Key,
    /// The first and the last year in which it is valid.
    years: (i32, i32),
}

/// The kinds of keys that servers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// ECDSA with the curve P-256.
    P256,
    /// ECDSA with the curve P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits.
    Rsa2048,
}

/// A certificate, its key and its chain, each as PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The private key, as PKCS#8.
    pub key: String,
    /// The certificate itself.
    pub certificate: String,
    /// The authorities between it and the root.
    pub chain: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new authority that nobody knows yet.
    pub fn new() -> Self {
        let root = CertifiedIssuer::self_signed(authority("test root"), Key::P256.generate());
        let root = root.expect("a certificate");
        let key = Key::P256.generate();
        let intermediate = CertifiedIssuer::signed_by(authority("test intermediate"), key, &root);
        Self { root, intermediate: intermediate.expect("a certificate") }
    }

    /// A certificate for names and addresses that is valid now, with a key of P-256.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.order(names).issue()
    }

    /// A certificate whose properties are still to be said.
    pub fn order(&self, names: &[&str]) -> Order<'_> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Order { authority: self, names, key: Key::P256, years: (2020, 4095) }
    }

    /// The root certificate as PEM, for clients that are to trust it.
    pub fn root(&self) -> String {
        self.root.pem()
    }

    /// Writes the root certificate, for `curl --cacert`.
    pub fn write_root(&self, scratch: &Scratch, name: &str) -> PathBuf {
        scratch.write(name, self.root())
    }
}

impl Order<'_> {
    /// With this kind of key.
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// Valid from the begin of one year to the end of another.
    pub fn years(mut self, first: i32, last: i32) -> Self {
        self.years = (first, last);
        self
    }

    /// The certificate.
    pub fn issue(self) -> Issued {
        let mut params = CertificateParams::new(self.names).expect("names and addresses");
        params.not_before = rcgen::date_time_ymd(self.years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(self.years.1, 12, 31);
        let key = self.key.generate();
        let issuer = &self.authority.intermediate;
        let certificate = params.signed_by(&key, issuer).expect("a certificate");
        Issued { key: key.serialize_pem(), certificate: certificate.pem(), chain: issuer.pem() }
    }
}

impl Key {
    fn generate(self) -> KeyPair {
        let key = match self {
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            Self::Ed25519 => KeyPair::generate_for(&PKCS_ED25519),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
        };
        key.expect("a key")
    }
}

impl Issued {
    /// Key, certificate and chain in this order, as in one file.
    pub fn pem(&self) -> String {
        [&*self.key, &self.certificate, &self.chain].concat()
    }

    /// Writes all of it into the file `name`.
    pub fn write(&self, scratch: &Scratch, name: impl AsRef<Path>) -> PathBuf {
        write_private(scratch, name, self.pem())
    }

    /// Writes the key into `NAME.key`, certificate and chain into `NAME.crt`; returns both paths.
    pub fn write_pair(&self, scratch: &Scratch, name: &str) -> (PathBuf, PathBuf) {
        let key = write_private(scratch, format!("{name}.key"), &self.key);
        let chain = [&*self.certificate, &self.chain].concat();
        (key, write_private(scratch, format!("{name}.crt"), chain))
    }

    /// Writes key and chain, and returns the endpoint on a free port of this host that has them.
    pub fn endpoint(&self, scratch: &Scratch, name: &str) -> String {
        let (key, certificate) = self.write_pair(scratch, name);
        let (key, certificate) = (key.display(), certificate.display());
        format!("tls:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}")
    }
}

/// Writes a file that nobody else may read, in place of any other of its name; it is never seen
/// half written.
pub fn write_private(
    scratch: &Scratch,
    name: impl AsRef<Path>,
    content: impl AsRef<[u8]>,
) -> PathBuf {
    let path = scratch.path(name);
    let folder = path.parent().expect("a file in the directory");
    fs::create_dir_all(folder).expect("directories");
    // A temporary file has mode 0600 from its beginning.
    let file = tempfile::NamedTempFile::new_in(scratch.dir()).expect("a file of ours");
    fs::write(file.path(), content).expect("a file of ours");
    file.persist(&path).expect("a file of ours");
    let mode = fs::metadata(&path).expect("a file of ours").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    path
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools;

    #[test]
    fn openssl_trusts_every_kind() {
        let scratch = Scratch::new();
        let authority = Authority::new();
        let root = authority.write_root(&scratch, "root.pem");
        let intermediate = scratch.write("chain.pem", authority.issue(&["x"]).chain);
        for key in [Key::P256, Key::P384, Key::Ed25519, Key::Rsa2048] {
            let issued = authority.order(&["localhost", "127.0.0.1"]).key(key).issue();
            let (_, certificate) = issued.write_pair(&scratch, "a");
            let verify = |years: &[&str]| {
                let run = tools::tool("openssl").arg("verify").args(years).arg("-CAfile");
                run.arg(&root).arg("-untrusted").arg(&intermediate).arg(&certificate).end().code()
            };
            assert_eq!(verify(&[]), 0, "{key:?}");
            assert_ne!(verify(&["-attime", "1000000000"]), 0, "{key:?} in 2001");
        }
    }
}
