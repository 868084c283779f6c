//! How many connections each client address has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections by address, where that is limited.
pub(crate) struct Addresses(Option<Arc<Counts>>);

struct Counts {
    most: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of an address, until it is dropped.
pub(crate) struct Place {
    counted: Option<(Arc<Counts>, IpAddr)>,
}

impl Addresses {
    pub(crate) fn new(most: Option<usize>) -> Self {
        Self(most.map(|most| Arc::new(Counts { most, by_address: Mutex::default() })))
    }

    /// A place for one more connection of `address`, unless it has its share.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Place> {
        let Some(counts) = &self.0 else { return Some(Place { counted: None }) };
        let address = network(address);
        let mut by_address = counts.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_default();
        if *count >= counts.most {
            return None;
        }
        *count += 1;
        Some(Place { counted: Some((Arc::clone(counts), address)) })
    }
}

/// What one client has: an IPv4 address, or a /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        ip => ip,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((counts, address)) = &self.counted else { return };
        let mut by_address = counts.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let addresses = Addresses::new(Some(2));
        let take = |text: &str| addresses.take(text.parse().unwrap());
        let first = take("192.0.2.1");
        let second = take("::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some() && take("192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        drop(first);
        assert!(take("192.0.2.1").is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let addresses = Addresses::new(Some(1));
        let _held = addresses.take("2001:db8::1".parse().unwrap());
        assert!(addresses.take("2001:db8::2".parse().unwrap()).is_none());
        assert!(addresses.take("2001:db8:0:1::1".parse().unwrap()).is_some());
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let addresses = Addresses::new(None);
        assert!(addresses.take("192.0.2.1".parse().unwrap()).is_some());
    }
}
