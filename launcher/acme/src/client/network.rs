//! How authorities are reached: time limits, and the proxy that the environment names.

use std::env;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use percent_encoding::percent_decode_str;

/// What exchanges with authorities may take, and the way to them.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub connect_timeout: Duration,
    /// For one request with its answer.
    pub total_timeout: Duration,
    /// The most bytes of an answer.
    pub limit: usize,
    pub user_agent: &'static str,
    proxy: Option<Proxy>,
    /// Hosts that are reached without the proxy; `*` is all.
    direct: Vec<String>,
}

/// A proxy that lets TLS through (RFC 9110, section 9.3.6).
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub host: String,
    pub port: u16,
    /// User and password as the header has them (RFC 7617).
    pub credentials: Option<String>,
}

impl Network {
    /// With the proxy of `HTTPS_PROXY` or `ALL_PROXY`, but for the hosts of `NO_PROXY`; lower-case
    /// names count too, as with curl(1).
    pub fn from_environment() -> Self {
        let variable = |name: &str| {
            let value = env::var(name).or_else(|_| env::var(name.to_ascii_lowercase()));
            value.ok().filter(|value| !value.is_empty())
        };
        let url = variable("HTTPS_PROXY").or_else(|| variable("ALL_PROXY"));
        Self::new(url.as_deref(), variable("NO_PROXY").as_deref())
    }

    fn new(proxy: Option<&str>, direct: Option<&str>) -> Self {
        let parsed = proxy.and_then(Proxy::parse);
        if proxy.is_some() && parsed.is_none() {
            tracing::warn!("HTTPS_PROXY is no http://HOST:PORT: authorities are reached directly");
        }
        let direct = direct.unwrap_or_default().split(',').map(str::trim);
        let direct = direct.map(|host| host.trim_start_matches('.').to_ascii_lowercase());
        Self {
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            limit: 1 << 20,
            user_agent: concat!("holdall/", env!("CARGO_PKG_VERSION")),
            proxy: parsed,
            direct: direct.filter(|host| !host.is_empty()).collect(),
        }
    }

    pub(super) fn proxy_for(&self, host: &str) -> Option<&Proxy> {
        let host = host.to_ascii_lowercase();
        let is_below = |parent: &str| {
            let rest = host.strip_suffix(parent);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let is_direct = self.direct.iter().any(|one| one == "*" || is_below(one));
        self.proxy.as_ref().filter(|_| !is_direct)
    }
}

impl Proxy {
    /// `http://USER:PASSWORD@HOST:PORT`, of which only the host has to be there.
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        if uri.scheme_str().is_some_and(|scheme| scheme != "http") {
            return None;
        }
        let user = uri.authority()?.as_str().rsplit_once('@').map(|(user, _)| user);
        let decoded = user.map(|user| percent_decode_str(user).collect::<Vec<_>>());
        Some(Self {
            host: uri.host()?.to_owned(),
            port: uri.port_u16().unwrap_or(80),
            credentials: decoded.map(|user| BASE64_STANDARD.encode(user)),
        })
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The password is a secret.
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_curl_reads_them() {
        for (text, host, port, credentials) in [
            ("http://proxy.example:3128", "proxy.example", 3128, None),
            ("proxy.example:3128", "proxy.example", 3128, None),
            ("http://proxy.example/", "proxy.example", 80, None),
            ("http://a:p%40ss@[::1]:8080", "[::1]", 8080, Some("YTpwQHNz")),
        ] {
            let credentials = credentials.map(str::to_owned);
            let wanted = Proxy { host: host.to_owned(), port, credentials };
            assert_eq!(Proxy::parse(text), Some(wanted), "{text}");
        }
        for text in ["https://proxy.example", "socks5://proxy.example", "http://", "a b"] {
            assert_eq!(Proxy::parse(text), None, "{text}");
        }
    }

    #[test]
    fn some_hosts_are_reached_directly() {
        let network = Network::new(Some("http://proxy.example"), Some("Example.com, .internal"));
        for direct in ["example.com", "ca.example.com", "ca.internal", "CA.INTERNAL"] {
            assert_eq!(network.proxy_for(direct), None, "{direct}");
        }
        for other in ["notexample.com", "example.org", "com"] {
            assert!(network.proxy_for(other).is_some(), "{other}");
        }
        let network = Network::new(Some("http://proxy.example"), Some("*"));
        assert_eq!(network.proxy_for("example.org"), None);
    }
}
