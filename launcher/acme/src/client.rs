//! A conversation with one certificate authority.
pub(crate) use crate::store::AccountKey;
use crate::{Authority, Name};
use http::StatusCode;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use std::fmt;
use tokio::time::Instant;
#[derive(Clone)]
pub(crate) struct Transport;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct RootsError;
pub(crate) struct Network;
impl Network {
    pub fn from_environment() -> Self {
        Self
    }
}
impl Transport {
    pub fn new(_: &Authority, _: &Network) -> Result<Self, RootsError> {
        todo!()
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unreachable,
    Unusable,
    RateLimited,
    BadNonce,
    ReplacesRefused,
    AccountMissing,
    AccountRefused,
    ExternalAccountRequired,
    Rejected,
    UserActionRequired,
    InvalidProfile,
    Validation,
    OrderGone,
    Other,
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub(crate) struct Refusal {
    pub kind: Kind,
    pub url: String,
    pub status: Option<StatusCode>,
    pub retry_after: Option<Timestamp>,
}
impl Refusal {
    pub fn is_about_names(&self) -> bool {
        todo!()
    }
    pub fn rejected_names(&self) -> Vec<String> {
        todo!()
    }
}
impl AccountKey {
    pub fn generate() -> Self {
        todo!()
    }
}
pub(crate) struct Client;
pub(crate) struct RenewalInfo {
    pub start: Timestamp,
    pub end: Timestamp,
    pub explanation: Option<String>,
    pub poll_after: Timestamp,
}
impl Client {
    pub async fn open(
        _: &Authority,
        _: Transport,
        _: Option<AccountKey>,
    ) -> Result<(Self, Option<AccountKey>), Refusal> {
        todo!()
    }
    pub fn supports_renewal_info(&self) -> bool {
        todo!()
    }
    pub async fn renewal_info(
        &self,
        _: &CertificateDer<'_>,
    ) -> Result<Option<RenewalInfo>, Refusal> {
        todo!()
    }
    pub async fn new_order(
        &self,
        _: &[Name],
        _: Option<&str>,
        _: Option<&CertificateDer<'_>>,
    ) -> Result<Order, Refusal> {
        todo!()
    }
    pub async fn order(&self, _: String) -> Result<Order, Refusal> {
        todo!()
    }
}
pub(crate) struct Order;
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderStatus {
    Pending,
    Ready,
    Processing,
    Valid,
    Invalid,
}
impl Order {
    pub fn url(&self) -> &str {
        todo!()
    }
    pub fn status(&self) -> OrderStatus {
        todo!()
    }
    pub async fn authorizations(&mut self) -> Result<Vec<Authorization>, Refusal> {
        todo!()
    }
    pub async fn ready(&mut self, _: &Authorization, _: &ChallengeKind) -> Result<(), Refusal> {
        todo!()
    }
    pub async fn poll(&mut self, _: Instant) -> Result<(), Refusal> {
        todo!()
    }
    pub async fn finalize(&mut self, _: &[u8]) -> Result<(), Refusal> {
        todo!()
    }
    pub async fn certificate(&mut self, _: Instant, _: Option<&str>) -> Result<String, Refusal> {
        todo!()
    }
}
pub(crate) struct Authorization {
    pub name: String,
    pub wildcard: bool,
    pub offered: Vec<Challenge>,
    pub url: String,
}
impl Authorization {
    pub fn is_pending(&self) -> bool {
        todo!()
    }
    pub fn full_name(&self) -> String {
        todo!()
    }
}
#[derive(Clone)]
pub(crate) struct Challenge {
    pub kind: ChallengeKind,
    pub token: String,
    pub key_authorization: String,
    pub digest: [u8; 32],
    pub dns_value: String,
}
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChallengeKind {
    TlsAlpn01,
    Http01,
    Dns01,
    Other(String),
}
impl fmt::Display for ChallengeKind {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
