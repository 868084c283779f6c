//! A loopback address of a test's own: every port of it is free, whatever runs beside it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};

use holdall_tests::fixtures::Random;

/// An address below 127.0.0.0/8 that no other test has while this lives.
#[derive(Debug)]
pub struct Address {
    address: Ipv4Addr,
    /// Whoever has this port has the address.
    _claim: TcpListener,
}

/// Nothing listens here by chance: IANA keeps it free.
const CLAIM: u16 = 1024;

impl Default for Address {
    fn default() -> Self {
        Self::new()
    }
}

impl Address {
    /// One that is not taken.
    ///
    /// # Panics
    /// If none of many can be had.
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut random = Random::new(u64::from(std::process::id()) << 16 | count);
        let mut claimed = (0..10_000).filter_map(|_| {
            let bytes = random.next().to_be_bytes();
            // Neither 127.0.0.x, which people use, nor what may look like a broadcast address.
            let address = Ipv4Addr::new(127, 1 + bytes[0] % 254, bytes[1], 1 + bytes[2] % 254);
            let claim = TcpListener::bind((address, CLAIM)).ok()?;
            Some(Self { address, _claim: claim })
        });
        claimed.next().expect("a free loopback address")
    }

    /// The address.
    pub fn ip(&self) -> IpAddr {
        self.address.into()
    }

    /// A port of it.
    pub fn port(&self, port: u16) -> SocketAddr {
        (self.address, port).into()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(formatter)
    }
}
