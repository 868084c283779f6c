//! Certificates from files: found by name, renewed while they are in use.
//!
//! [`Certificates`] reads PEM files or a directory of them, and gives the [`rustls::ServerConfig`]
//! that serves them: the certificate is chosen by the name that a client asks for. It knows
//! neither sockets nor HTTP.
//!
//! ```
//! use holdall_certificates::{Certificates, Source};
//! # use std::os::unix::fs::PermissionsExt;
//! # let directory = tempfile::tempdir()?;
//! # let made = rcgen::generate_simple_self_signed(["example.com".into(), "*.example.com".into()])?;
//! # let path = directory.path().join("example.com.pem");
//! # std::fs::write(&path, made.signing_key.serialize_pem() + &made.cert.pem())?;
//! # std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
//! # let directory = directory.path().to_owned();
//!
//! let certificates = Certificates::load(Source::Directory(directory))?;
//! assert!(certificates.knows(Some("www.example.com")));
//! assert!(!certificates.knows(Some("example.org")));
//!
//! let config = certificates.server_config(); // for every connection
//! let watcher = certificates.watch()?; // renewed files are served within a second
//! # drop((config, watcher));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod care;
mod certificates;
mod challenges;
mod checked;
mod config;
mod directories;
mod error;
mod file;
mod identity;
mod index;
mod key;
mod pem;
mod published;
mod report;
mod snapshot;
mod source;
mod watch;
mod written;
mod x509;

pub use certificates::{CertificateInfo, Certificates};
pub use challenges::Challenges;
pub use checked::Checked;
pub use error::{Fault, LoadError};
pub use source::Source;
pub use watch::Watcher;
pub use written::written;

/// The TLS record with the fatal alert `unrecognized_name`, as it goes over the wire instead of a
/// handshake (RFC 8446 sections 5.1 and 6; RFC 6066 section 3).
pub const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
