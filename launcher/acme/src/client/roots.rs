//! By which roots the HTTPS of an authority is trusted.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// Why an authority can't be trusted by what was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootsError {
    /// The file has no certificate, or can't be read.
    #[error("no certificate in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Option<pem::Error>,
    },
    /// TLS can't be spoken as it should be.
    #[error("TLS can't be set up")]
    Tls(#[from] rustls::Error),
}

/// Those of the file; else those of the system; else, as in an image that has nothing but one
/// file, those that are compiled in.
pub(super) fn roots(file: Option<&Path>) -> Result<RootCertStore, RootsError> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(path) => {
            let error = |source| RootsError::File { path: path.to_owned(), source };
            for root in CertificateDer::pem_file_iter(path).map_err(|source| error(Some(source)))? {
                roots.add(root.map_err(|source| error(Some(source)))?)?;
            }
            if roots.is_empty() {
                return Err(error(None));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
                tracing::debug!("the system has no roots, those that are compiled in are used");
            }
        }
    }
    Ok(roots)
}
