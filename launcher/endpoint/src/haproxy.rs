//! `haproxy:[trust=CIDR,...:][timeout=SECONDS:]ENDPOINT`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use crate::arguments::Arguments;
use crate::endpoint::Endpoint;
use crate::error::Problem;
use crate::kind::Form;
use crate::syntax::{Located, Segment, quote};

/// Connections begin with a PROXY header (version 1 or 2), which says who the client is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Who may send the header; everybody if it is empty.
    pub trust: Vec<IpNet>,
    /// How long the header may take to arrive; whole milliseconds, 5 s by default.
    pub timeout: Duration,
}

impl Default for Proxy {
    fn default() -> Self {
        Self { trust: Vec::new(), timeout: Duration::from_secs(5) }
    }
}

impl Proxy {
    /// Whether a client at this address may say who it speaks for.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trust.is_empty() || self.trust.iter().any(|network| network.contains(&address))
    }
}

pub(crate) fn form(segments: &[Segment]) -> Form {
    Form::wrapper(segments, &["trust", "timeout"], wrap)
}

fn wrap(arguments: &Arguments, inner: Endpoint) -> Located<Endpoint> {
    let trust = arguments.optional("trust", "networks, such as 10.0.0.0/8,[2001:db8::]/32")?;
    let timeout = arguments.optional("timeout", "seconds from 0.001 to 3600")?;
    if inner.proxy.is_some() {
        return Err(arguments.misplaced(Problem::Twice { kind: "haproxy" }));
    }
    let default = Proxy::default();
    let proxy = Proxy {
        trust: trust.map_or(default.trust, |Networks(networks)| networks),
        timeout: timeout.map_or(default.timeout, |Seconds(timeout)| timeout),
    };
    Ok(Endpoint { proxy: Some(proxy), ..inner })
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("haproxy")?;
        for (index, network) in self.trust.iter().enumerate() {
            let before = if index == 0 { ":trust=" } else { "," };
            write!(formatter, "{before}{}", quote(&network.to_string()))?;
        }
        if self.timeout != Proxy::default().timeout {
            write!(formatter, ":timeout={}", self.timeout.as_secs_f64())?;
        }
        Ok(())
    }
}

/// Networks with commas between them; an address alone is a network of one.
struct Networks(Vec<IpNet>);

impl FromStr for Networks {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.split(',').map(network).collect::<Option<_>>().map(Self).ok_or(())
    }
}

fn network(text: &str) -> Option<IpNet> {
    // Brackets are for the eye only: `[2001:db8::]/32`.
    let text = text.replace(['[', ']'], "");
    match text.parse::<IpAddr>() {
        Ok(address) => Some(address.into()),
        Err(_) => text.parse::<IpNet>().ok().map(|network| network.trunc()),
    }
}

struct Seconds(Duration);

impl FromStr for Seconds {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let milliseconds = (text.parse::<f64>().map_err(|_| ())? * 1000.0).round();
        match milliseconds {
            1.0..=3_600_000.0 => Ok(Self(Duration::from_millis(milliseconds as u64))),
            _ => Err(()),
        }
    }
}
