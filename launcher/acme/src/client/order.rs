//! An order at an authority (RFC 8555, section 7.4), and the challenges of its names.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeStatus, ChallengeType, Error, OrderState,
};
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

pub(crate) use instant_acme::OrderStatus;

use super::insist;
use super::refusal::{Identifier, Kind, Refusal, Subproblem};
use super::transport::Transport;

/// An order that was made.
pub(crate) struct Order {
    inner: instant_acme::Order,
    status: OrderStatus,
    transport: Transport,
    /// When to look at it, if that was told when it was finalized.
    look_after: Option<Timestamp>,
    /// Of the account's key (RFC 7638).
    thumbprint: String,
}

/// What an authority wants to see before it believes that a name is ours.
#[derive(Debug)]
pub(crate) struct Authorization {
    /// Without `*.`.
    pub name: String,
    pub wildcard: bool,
    /// Any one of them will do.
    pub offered: Vec<Challenge>,
    pub url: String,
    is_pending: bool,
}

/// One way to show it (RFC 8555, section 8).
#[derive(Debug, Clone)]
pub(crate) struct Challenge {
    pub kind: ChallengeKind,
    pub token: String,
    pub key_authorization: String,
    /// The SHA-256 of the key authorization.
    pub digest: [u8; 32],
    /// What the TXT record has to hold.
    pub dns_value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChallengeKind {
    TlsAlpn01,
    Http01,
    Dns01,
    /// One that we can't answer.
    Other(String),
}

/// How long is waited for the first time where the authority does not say.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// And at most.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

impl Order {
    pub(super) fn new(
        mut inner: instant_acme::Order,
        account: &Account,
        transport: Transport,
    ) -> Self {
        let status = inner.state().status;
        let thumbprint = account.key_thumbprint().to_owned();
        Self { inner, status, transport, look_after: None, thumbprint }
    }

    pub fn url(&self) -> &str {
        self.inner.url()
    }

    /// As the authority last told it.
    pub fn status(&self) -> OrderStatus {
        self.status
    }

    pub async fn authorizations(&mut self) -> Result<Vec<Authorization>, Refusal> {
        let (order, thumbprint) = (&mut self.inner, &self.thumbprint);
        insist(order.url().to_owned(), async || {
            let (mut all, mut found) = (order.authorizations(), Vec::new());
            while let Some(handle) = all.next().await {
                found.push(Authorization::of(&handle?, thumbprint));
            }
            Ok(found)
        })
        .await
    }

    /// Tells the authority that it may look.
    pub async fn ready(
        &mut self,
        authorization: &Authorization,
        kind: &ChallengeKind,
    ) -> Result<(), Refusal> {
        let order = &mut self.inner;
        insist(authorization.url.clone(), async || {
            let mut all = order.authorizations();
            while let Some(handle) = all.next().await {
                let mut handle = handle?;
                if handle.url() == authorization.url
                    && let Some(mut challenge) = handle.challenge(kind.clone().into())
                {
                    let told = challenge.set_ready().await;
                    return told.map_err(|error| authorization.failed(error));
                }
            }
            Err(Error::Str("the challenge is not offered any more"))
        })
        .await
    }

    /// Waits until the authority has looked at all challenges.
    pub async fn poll(&mut self, deadline: Instant) -> Result<(), Refusal> {
        self.wait_for(deadline, |status| !matches!(status, OrderStatus::Pending)).await
    }

    /// Hands in a certificate signing request.
    pub async fn finalize(&mut self, request: &[u8]) -> Result<(), Refusal> {
        let order = &mut self.inner;
        insist(order.url().to_owned(), async || order.finalize_csr(request).await).await?;
        let OrderState { status, finalize, .. } = self.inner.state();
        self.look_after = self.transport.take_retry_after(finalize);
        self.status = *status;
        Ok(())
    }

    /// Waits for the certificate; gives its chain, in PEM. If there are several chains, it is the
    /// one with an issuer that is called `preferred`.
    pub async fn certificate(
        &mut self,
        deadline: Instant,
        preferred: Option<&str>,
    ) -> Result<String, Refusal> {
        let is_over = |status| matches!(status, OrderStatus::Valid);
        self.wait_for(deadline, is_over).await?;
        let url = self.inner.state().certificate.clone().unwrap_or_default();
        let first = self.download().await?;
        let Some(preferred) = preferred.filter(|name| !is_issued_by(&first, name)) else {
            return Ok(first);
        };
        for alternate in self.transport.alternates(&url) {
            self.transport.substitute(self.inner.url(), alternate);
            self.refresh().await?;
            let chain = self.download().await?;
            if is_issued_by(&chain, preferred) {
                return Ok(chain);
            }
        }
        tracing::warn!(preferred, "there is no chain of this issuer, the first one is taken");
        Ok(first)
    }

    async fn download(&mut self) -> Result<String, Refusal> {
        let order = &mut self.inner;
        let chain = insist(order.url().to_owned(), async || order.certificate().await).await?;
        chain.ok_or_else(|| Refusal::new(Kind::Unusable, self.inner.url(), "no certificate"))
    }

    async fn wait_for(
        &mut self,
        deadline: Instant,
        is_over: impl Fn(OrderStatus) -> bool,
    ) -> Result<(), Refusal> {
        let mut wait = FIRST_WAIT;
        while !is_over(self.status) {
            let told = self.transport.take_retry_after(self.inner.url());
            let told = told.or(self.look_after.take());
            let pause = told.map_or(wait, until).max(FIRST_WAIT);
            if Instant::now() + pause > deadline {
                let slow = format!("the order is still {:?}", self.status).to_lowercase();
                let refusal = Refusal::new(Kind::Slow, self.inner.url(), slow);
                return Err(Refusal { retry_after: told, ..refusal });
            }
            tokio::time::sleep(pause).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            self.refresh().await?;
            if self.status == OrderStatus::Invalid {
                return Err(self.why_invalid().await);
            }
        }
        Ok(())
    }

    async fn refresh(&mut self) -> Result<(), Refusal> {
        let order = &mut self.inner;
        let url = order.url().to_owned();
        self.status = insist(url, async || Ok(order.refresh().await?.status)).await?;
        Ok(())
    }

    /// What the authority says of each name, else of the order.
    async fn why_invalid(&mut self) -> Refusal {
        let url = self.inner.url().to_owned();
        let order = &mut self.inner;
        let asked = insist(url.clone(), async || {
            let (mut all, mut problems) = (order.authorizations(), Vec::new());
            while let Some(handle) = all.next().await {
                let mut handle = handle?;
                handle.refresh().await?;
                let name = handle.identifier().to_string();
                let failed = handle.challenges.iter().filter_map(|one| one.error.as_ref());
                problems.extend(failed.map(|problem| subproblem(&name, problem)));
            }
            Ok(problems)
        });
        match asked.await {
            Ok(problems) if !problems.is_empty() => Refusal::validation(url, problems),
            Err(refusal) => refusal,
            Ok(_) => match self.inner.state().error.clone() {
                Some(problem) => Refusal { url, ..problem.into() },
                None => Refusal::new(Kind::OrderGone, url, "the order is invalid"),
            },
        }
    }
}

impl Authorization {
    fn of(handle: &instant_acme::AuthorizationHandle<'_>, thumbprint: &str) -> Self {
        let open = handle.challenges.iter().filter(|one| one.status != ChallengeStatus::Invalid);
        let name = handle.identifier().to_string();
        Self {
            name: name.strip_prefix("*.").unwrap_or(&name).to_owned(),
            wildcard: handle.wildcard,
            offered: open.map(|one| Challenge::of(one, thumbprint)).collect(),
            url: handle.url().to_owned(),
            is_pending: handle.status != AuthorizationStatus::Valid,
        }
    }

    /// Whether something has to be shown.
    pub fn is_pending(&self) -> bool {
        self.is_pending
    }

    /// With `*.` where it is for a wildcard.
    pub fn full_name(&self) -> String {
        let wildcard = if self.wildcard { "*." } else { "" };
        format!("{wildcard}{}", self.name)
    }

    /// What the authority says of a challenge, as something that is about the name.
    fn failed(&self, error: Error) -> Error {
        match error {
            Error::Api(problem) if !is_bad_nonce(&problem) => {
                let problems = vec![subproblem(&self.full_name(), &problem)];
                Error::Other(Box::new(Refusal::validation(self.url.clone(), problems)))
            }
            error => error,
        }
    }
}

impl Challenge {
    /// The proofs are of the token and the account's key (RFC 8555, section 8.1).
    fn of(challenge: &instant_acme::Challenge, thumbprint: &str) -> Self {
        let key_authorization = format!("{}.{thumbprint}", challenge.token);
        let digest: [u8; 32] = Sha256::digest(&key_authorization).into();
        Self {
            kind: challenge.r#type.clone().into(),
            token: challenge.token.clone(),
            key_authorization,
            digest,
            dns_value: BASE64_URL_SAFE_NO_PAD.encode(digest),
        }
    }
}

fn is_bad_nonce(problem: &instant_acme::Problem) -> bool {
    problem.r#type.as_deref().is_some_and(|name| name.ends_with(":badNonce"))
}

fn subproblem(name: &str, problem: &instant_acme::Problem) -> Subproblem {
    Subproblem {
        identifier: Some(Identifier { value: name.to_owned() }),
        r#type: problem.r#type.clone().unwrap_or_default(),
        detail: problem.detail.clone().unwrap_or_default(),
    }
}

/// Whether one of the certificates of a chain has an issuer with this common name.
fn is_issued_by(chain: &str, name: &str) -> bool {
    let certificates = CertificateDer::pem_slice_iter(chain.as_bytes()).filter_map(Result::ok);
    certificates.into_iter().any(|certificate| {
        let parsed = x509_parser::parse_x509_certificate(&certificate);
        parsed.is_ok_and(|(_, parsed)| {
            let mut names = parsed.issuer().iter_common_name();
            names.any(|common| common.as_str() == Ok(name))
        })
    })
}

fn until(at: Timestamp) -> Duration {
    Timestamp::now().duration_until(at).try_into().unwrap_or_default()
}

impl From<ChallengeType> for ChallengeKind {
    fn from(kind: ChallengeType) -> Self {
        match kind {
            ChallengeType::TlsAlpn01 => Self::TlsAlpn01,
            ChallengeType::Http01 => Self::Http01,
            ChallengeType::Dns01 => Self::Dns01,
            ChallengeType::Unknown(name) => Self::Other(name),
            other => Self::Other(format!("{other:?}")),
        }
    }
}

impl From<ChallengeKind> for ChallengeType {
    fn from(kind: ChallengeKind) -> Self {
        match kind {
            ChallengeKind::TlsAlpn01 => Self::TlsAlpn01,
            ChallengeKind::Http01 => Self::Http01,
            ChallengeKind::Dns01 => Self::Dns01,
            ChallengeKind::Other(name) => Self::Unknown(name),
        }
    }
}

impl fmt::Display for ChallengeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
            Self::Other(name) => name,
        })
    }
}
