//! How many challenges of authorities there were, and whether they were met.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::page::{Kind, Page};

/// How an authority asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// By a TLS handshake (RFC 8737).
    TlsAlpn01,
    /// By a request in clear text (RFC 8555, section 8.3).
    Http01,
}

impl Challenge {
    const NAMES: [&str; 2] = ["tls-alpn-01", "http-01"];
}

/// What it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// What it asked for.
    Answered,
    /// Nothing: no challenge is under way for the name or token.
    Unknown,
}

impl Proof {
    const NAMES: [&str; 2] = ["answered", "unknown"];
}

#[derive(Debug, Default)]
pub(super) struct Challenges([[AtomicU64; Proof::NAMES.len()]; Challenge::NAMES.len()]);

impl Challenges {
    pub(super) fn count(&self, challenge: Challenge, proof: Proof) {
        self.0[challenge as usize][proof as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn render(&self, page: &mut Page) {
        let help = "Challenges of certificate authorities, by kind and how they ended.";
        let mut family = page.family("holdall_acme_challenges_total", Kind::Counter, help);
        for (kind, counters) in Challenge::NAMES.iter().zip(&self.0) {
            for (outcome, counter) in Proof::NAMES.iter().zip(counters) {
                let labels = [("type", *kind), ("outcome", *outcome)];
                family.sample(&labels, counter.load(Relaxed));
            }
        }
    }
}
