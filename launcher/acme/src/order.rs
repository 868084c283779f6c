//! An order, from its first request to the certificate (RFC 8555, section 7.4).

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use jiff::SignedDuration;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use tokio::time::Instant;

use crate::Name;
use crate::attempt::Attempt;
use crate::client::{Authorization, Challenge, ChallengeKind, Client, Kind, Order, OrderStatus};
use crate::hook::DnsHook;
use crate::office::Counter;
use crate::setback::Setback;
use crate::status::State;
use crate::store::{Leaf, PendingOrder};

/// What is to be ordered, and how; an attempt changes it when it is refused.
#[derive(Debug)]
pub(crate) struct Plan {
    pub names: Vec<Name>,
    pub replaces: bool,
    pub profile: Option<String>,
    pub has_new_account: bool,
    pub has_new_order: bool,
    /// Challenges that failed, and are not tried again.
    failed: BTreeSet<ChallengeKind>,
    usable: Vec<ChallengeKind>,
}

/// A certificate that was issued.
pub(crate) struct Issued {
    /// Key and chain.
    pub pem: String,
    pub leaf: Leaf,
    pub names: Vec<Name>,
}

impl Plan {
    /// What the certificate that is to be replaced was for, and the name.
    pub fn new(attempt: &Attempt<'_>) -> Self {
        let authority = &attempt.office.counters[attempt.authority].authority;
        let mut names = vec![attempt.name.clone()];
        let others = attempt.held.into_iter().flat_map(|held| &held.names);
        for other in others.filter_map(|name| name.parse().ok()) {
            if !names.contains(&other) {
                names.push(other);
            }
        }
        let kinds = &attempt.office.kinds;
        let usable = [
            (kinds.tls_alpn, ChallengeKind::TlsAlpn01),
            (kinds.http, ChallengeKind::Http01),
            (kinds.dns.is_some(), ChallengeKind::Dns01),
        ];
        Self {
            names,
            replaces: attempt.is_from_here && attempt.held.is_some(),
            profile: authority.profile.clone(),
            has_new_account: false,
            has_new_order: false,
            failed: BTreeSet::new(),
            usable: usable.into_iter().filter(|(is, _)| *is).map(|(_, kind)| kind).collect(),
        }
    }

    /// Gives up the kind of challenge that failed; whether there is another.
    pub fn tries_other_challenge(&mut self) -> bool {
        let current = self.usable.iter().find(|kind| !self.failed.contains(kind)).cloned();
        self.failed.extend(current);
        self.usable.iter().any(|kind| !self.failed.contains(kind))
    }

    /// The first challenge of an authorization that can be answered here.
    fn choose<'a>(&self, authorization: &'a Authorization) -> Option<&'a Challenge> {
        let is_address = authorization.name.parse::<std::net::IpAddr>().is_ok();
        let fits = |kind: &&ChallengeKind| match kind {
            ChallengeKind::Dns01 => !is_address,
            _ => !authorization.wildcard,
        };
        let kinds = self.usable.iter().filter(|kind| !self.failed.contains(kind)).filter(fits);
        let mut offered =
            kinds.filter_map(|kind| authorization.offered.iter().find(|one| one.kind == *kind));
        offered.next()
    }
}

/// Gets a certificate: goes on with the order that was begun, or makes one.
pub(crate) async fn get(
    attempt: &Attempt<'_>,
    counter: &Counter,
    plan: &Plan,
) -> Result<Issued, Setback> {
    let office = attempt.office;
    let client = office.client(counter).await?;
    let (mut order, pending) = begin(attempt, counter, &client, plan).await?;
    let heard = |refusal| office.heard(counter, refusal);
    if order.status() == OrderStatus::Pending {
        attempt.is_now(State::Validating);
        validate(attempt, counter, &mut order, plan).await?;
    }
    if order.status() == OrderStatus::Ready {
        attempt.is_now(State::Finalizing);
        order.finalize(&request(&pending)?).await.map_err(heard)?;
    }
    attempt.is_now(State::Finalizing);
    let chain = order.certificate(deadline(attempt), counter.authority.chain.as_deref()).await;
    let chain = chain.map_err(heard)?;
    let pem = format!("{}{chain}", pending.key_pem);
    let authority = counter.authority.name().to_owned();
    let leaf = Leaf::read(attempt.name, pem.as_bytes())
        .map_err(|error| Setback::BadCertificate { authority, source: Box::new(error) })?;
    Ok(Issued { pem, leaf, names: plan.names.clone() })
}

/// The order that was begun before and may still be good, else a new one. It is written down with
/// the key before anything else happens, so that it is never made twice.
async fn begin(
    attempt: &Attempt<'_>,
    counter: &Counter,
    client: &Client,
    plan: &Plan,
) -> Result<(Order, PendingOrder), Setback> {
    let store = &attempt.office.store;
    if let Some(pending) = store.order(attempt.name) {
        match resume(attempt, counter, client, plan, &pending).await? {
            Some(order) => return Ok((order, pending)),
            None => store.remove_order(attempt.name)?,
        }
    }
    attempt.is_now(State::Ordering);
    let order = make(attempt, counter, client, plan).await?;
    let key_pem = KeyPair::generate().map_err(own_mistake)?.serialize_pem();
    let pending = PendingOrder {
        authority: counter.authority.directory.clone(),
        url: order.url().to_owned(),
        key_pem,
        names: plan.names.iter().map(Name::to_string).collect(),
        created: attempt.now(),
    };
    store.save_order(attempt.name, &pending)?;
    Ok((order, pending))
}

/// An order is of use for so long; authorities keep it for a week or more.
const ORDER_LIFE: SignedDuration = SignedDuration::from_hours(24);

async fn resume(
    attempt: &Attempt<'_>,
    counter: &Counter,
    client: &Client,
    plan: &Plan,
    pending: &PendingOrder,
) -> Result<Option<Order>, Setback> {
    let names: Vec<_> = plan.names.iter().map(Name::to_string).collect();
    let age = pending.created.duration_until(attempt.now());
    let is_ours = pending.authority == counter.authority.directory && pending.names == names;
    if !is_ours || age.abs() > ORDER_LIFE {
        return Ok(None);
    }
    let (name, url) = (attempt.name.as_str(), &pending.url);
    match client.order(pending.url.clone()).await {
        Ok(order) if order.status() != OrderStatus::Invalid => {
            tracing::info!(domain = name, %url, status = ?order.status(), "going on with the order");
            Ok(Some(order))
        }
        Ok(_) => Ok(None),
        Err(refusal) if matches!(refusal.kind, Kind::OrderGone | Kind::Other) => Ok(None),
        Err(refusal) => Err(attempt.office.heard(counter, refusal)),
    }
}

async fn make(
    attempt: &Attempt<'_>,
    counter: &Counter,
    client: &Client,
    plan: &Plan,
) -> Result<Order, Setback> {
    let office = attempt.office;
    let replaced = attempt.held.filter(|_| plan.replaces && client.supports_renewal_info());
    let limits = counter.limits();
    let room = counter.ledger().may_order(&plan.names, replaced.is_some(), &limits, attempt.now());
    room.map_err(|source| Setback::Exhausted {
        authority: counter.authority.name().to_owned(),
        source,
    })?;
    let profile = plan.profile.as_deref();
    let order = client.new_order(&plan.names, profile, replaced.map(|leaf| &leaf.der)).await;
    let order = order.map_err(|refusal| office.heard(counter, refusal))?;
    attempt.ordered.set(attempt.ordered.get() + 1);
    counter.note(office, |ledger, now| ledger.ordered(now));
    Ok(order)
}

/// Shows the authority that all names are ours.
async fn validate(
    attempt: &Attempt<'_>,
    counter: &Counter,
    order: &mut Order,
    plan: &Plan,
) -> Result<(), Setback> {
    let heard = |refusal| attempt.office.heard(counter, refusal);
    let authorizations = order.authorizations().await.map_err(heard)?;
    let mut shown = Shown { attempt, challenges: Vec::new() };
    let outcome = async {
        for authorization in authorizations.iter().filter(|one| one.is_pending()) {
            let challenge = plan.choose(authorization).ok_or_else(|| {
                let offered = authorization.offered.iter().map(|one| one.kind.to_string());
                Setback::NoChallenge {
                    name: authorization.full_name(),
                    authority: counter.authority.name().to_owned(),
                    offered: offered.collect(),
                }
            })?;
            shown.present(authorization, challenge).await?;
            order.ready(authorization, &challenge.kind).await.map_err(heard)?;
        }
        order.poll(deadline(attempt)).await.map_err(heard)
    }
    .await;
    shown.withdraw().await;
    if let Err(Setback::Refused(refusal)) = &outcome
        && refusal.kind == Kind::Validation
    {
        for name in refusal.rejected_names() {
            counter.note(attempt.office, |ledger, now| ledger.validation_failed(&name, now));
        }
    }
    outcome
}

/// The challenges that can be looked at now.
struct Shown<'a> {
    attempt: &'a Attempt<'a>,
    challenges: Vec<(String, Challenge)>,
}

impl Shown<'_> {
    async fn present(
        &mut self,
        authorization: &Authorization,
        challenge: &Challenge,
    ) -> Result<(), Setback> {
        let challenges = &self.attempt.office.challenges;
        let name = authorization.name.clone();
        self.challenges.push((name.clone(), challenge.clone()));
        match challenge.kind {
            ChallengeKind::TlsAlpn01 => {
                may_fail(&name, challenges.present_tls(&name, challenge.digest));
            }
            ChallengeKind::Http01 => {
                let (token, answer) = (&challenge.token, &challenge.key_authorization);
                may_fail(&name, challenges.present_http(token, answer));
            }
            ChallengeKind::Dns01 => {
                let record = record(&name);
                let value = challenge.dns_value.clone();
                let made = self
                    .hook(record.clone(), value, |hook, record, value| hook.present(record, value));
                made.await.map_err(|source| Setback::Hook { record, source })?;
            }
            ChallengeKind::Other(_) => {}
        }
        Ok(())
    }

    async fn withdraw(self) {
        let challenges = &self.attempt.office.challenges;
        for (name, challenge) in &self.challenges {
            match challenge.kind {
                ChallengeKind::TlsAlpn01 => challenges.withdraw_tls(name),
                ChallengeKind::Http01 => challenges.withdraw_http(&challenge.token),
                ChallengeKind::Dns01 => {
                    let cleaned = self.hook(
                        record(name),
                        challenge.dns_value.clone(),
                        |hook, record, value| hook.clean_up(record, value),
                    );
                    if let Err(error) = cleaned.await {
                        tracing::warn!(record = record(name), %error, "DNS record not removed");
                    }
                }
                ChallengeKind::Other(_) => {}
            }
        }
    }

    /// Runs the hook on a thread of its own, as it may take minutes.
    async fn hook(
        &self,
        record: String,
        value: String,
        call: impl FnOnce(&dyn DnsHook, &str, &str) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let Some(hook) = self.attempt.office.kinds.dns.clone() else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let called = tokio::task::spawn_blocking(move || call(&*hook, &record, &value));
        called.await.map_err(io::Error::other)?
    }
}

/// What can't be written is answered by this process alone, which is enough where there is no other.
fn may_fail(name: &str, presented: io::Result<()>) {
    if let Err(error) = presented {
        tracing::warn!(domain = name, %error, "only this process answers the challenge");
    }
}

/// Where the DNS has the answer (RFC 8555, section 8.4).
fn record(name: &str) -> String {
    format!("_acme-challenge.{name}")
}

/// The certificate signing request (RFC 2986) for the names of an order.
fn request(pending: &PendingOrder) -> Result<Vec<u8>, Setback> {
    let key = KeyPair::from_pem(&pending.key_pem).map_err(own_mistake)?;
    let mut params = CertificateParams::new(pending.names.clone()).map_err(own_mistake)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(own_mistake)?;
    Ok(request.der().to_vec())
}

fn own_mistake(error: rcgen::Error) -> Setback {
    Setback::Panic(error.to_string())
}

fn deadline(attempt: &Attempt<'_>) -> Instant {
    let timeout: Duration = attempt.office.timeout;
    Instant::now() + timeout
}
