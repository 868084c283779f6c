//! What a challenge is about, and the server name by which it is asked for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::DnsName;

/// A host name in lower case, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Identifier {
    Host(String),
    Address(IpAddr),
}

impl Identifier {
    /// Nothing for what is neither, wildcards among it: this kind of challenge can't prove them.
    pub fn parse(name: &str) -> Option<Self> {
        if let Ok(address) = name.parse() {
            return Some(Self::Address(address));
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        DnsName::try_from(name).ok()?;
        Some(Self::Host(name.to_ascii_lowercase()))
    }

    /// What a client may mean that sends this name: the host, and for the name of the reverse
    /// mapping the address, as it can't be sent itself (RFC 8738 section 6).
    pub fn of_server_name(server_name: &str) -> Vec<Self> {
        let Some(Self::Host(host)) = Self::parse(server_name) else { return Vec::new() };
        let address = reverse_v4(&host).or_else(|| reverse_v6(&host));
        [Some(Self::Host(host)), address.map(Self::Address)].into_iter().flatten().collect()
    }

    /// A name without any `/`, for a file.
    pub fn file_name(&self) -> String {
        match self {
            Self::Host(name) => name.clone(),
            Self::Address(address) => address.to_string(),
        }
    }
}

/// `1.0.0.127.in-addr.arpa` → 127.0.0.1 (RFC 1035 section 3.5).
fn reverse_v4(name: &str) -> Option<IpAddr> {
    let mut bytes = [0; 4];
    let mut labels = name.strip_suffix(".in-addr.arpa")?.split('.');
    for byte in bytes.iter_mut().rev() {
        *byte = labels.next()?.parse().ok()?;
    }
    let address = Ipv4Addr::from(bytes);
    labels.next().is_none().then_some(address.into())
}

/// 32 nibbles, the lowest first (RFC 3596 section 2.5).
fn reverse_v6(name: &str) -> Option<IpAddr> {
    let mut labels = name.strip_suffix(".ip6.arpa")?.split('.');
    let mut bits = 0;
    for place in 0..32 {
        let nibble = labels.next().filter(|label| label.len() == 1)?;
        bits |= u128::from_str_radix(nibble, 16).ok()? << (4 * place);
    }
    let address = Ipv6Addr::from_bits(bits);
    labels.next().is_none().then_some(address.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_by_their_reverse_names() {
        let meant = |name: &str| Identifier::of_server_name(name).pop();
        let address = |text: &str| Some(Identifier::Address(text.parse().unwrap()));
        assert_eq!(meant("1.0.0.127.in-addr.arpa"), address("127.0.0.1"));
        assert_eq!(meant("4.3.2.1.IN-ADDR.ARPA"), address("1.2.3.4"));
        let v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(meant(v6), address("2001:db8::1"));
        for host in ["0.0.127.in-addr.arpa", "5.1.0.0.127.in-addr.arpa", "256.0.0.1.in-addr.arpa"] {
            assert_eq!(meant(host), Some(Identifier::Host(host.to_owned())));
        }
        assert_eq!(meant(&v6[2..]), Some(Identifier::Host(v6[2..].to_owned())));
    }

    #[test]
    fn what_is_no_host_is_nothing() {
        for bad in ["", ".", "..", "../x", "a/b", "*.example.com", "a b", "a\0b", "ü.example"] {
            assert_eq!(Identifier::parse(bad), None, "{bad:?}");
        }
        assert!(Identifier::of_server_name("127.0.0.1").is_empty());
        let host = Identifier::Host("a.example".to_owned());
        assert_eq!(Identifier::parse("A.Example."), Some(host));
    }
}
