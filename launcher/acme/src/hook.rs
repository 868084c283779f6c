//! How DNS records are made: by a program that the operator names.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Puts records of type TXT into the DNS, for the challenge dns-01 (RFC 8555, section 8.4).
///
/// Both may block for as long as it takes until the authority's resolvers see the change.
pub trait DnsHook: Send + Sync {
    /// Makes a record; others with the same name stay.
    ///
    /// # Errors
    /// What went wrong, for the log.
    fn present(&self, record: &str, value: &str) -> io::Result<()>;

    /// Removes the record again.
    ///
    /// # Errors
    /// What went wrong, for the log.
    fn clean_up(&self, record: &str, value: &str) -> io::Result<()>;
}

/// Which challenges can be answered here.
#[derive(Clone)]
pub struct Kinds {
    /// tls-alpn-01 (RFC 8737), on the endpoint itself.
    pub tls_alpn: bool,
    /// http-01 (RFC 8555, section 8.3), on an endpoint in clear text.
    pub http: bool,
    /// dns-01, where there is somebody to make the record.
    pub dns: Option<Arc<dyn DnsHook>>,
}

impl Default for Kinds {
    /// What needs nothing but the endpoint.
    fn default() -> Self {
        Self { tls_alpn: true, http: false, dns: None }
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Kinds")
            .field("tls_alpn", &self.tls_alpn)
            .field("http", &self.http)
            .field("dns", &self.dns.is_some())
            .finish()
    }
}
