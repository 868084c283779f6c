//! One attempt to get a certificate: from the lease to the file, with all that can be mended on
//! the way mended.

use std::cell::Cell;
use std::time::Duration;

use jiff::Timestamp;

use crate::Name;
use crate::client::{Kind, Refusal};
use crate::office::{Counter, Office};
use crate::order::{self, Issued, Plan};
use crate::schedule::Validity;
use crate::setback::Setback;
use crate::status::State;
use crate::store::{Held, Holder, Leaf, Lease, Leased};

/// One attempt for one name at one authority.
pub(crate) struct Attempt<'a> {
    pub office: &'a Office,
    pub name: &'a Name,
    pub authority: usize,
    /// The certificate that is to be replaced.
    pub held: Option<&'a Leaf>,
    /// The authority that it is from is this one.
    pub is_from_here: bool,
    pub progress: &'a (dyn Fn(State) + Sync),
    /// How many orders were made.
    pub ordered: &'a Cell<u32>,
}

/// How an attempt ended well.
pub(crate) enum Gained {
    /// A new certificate was issued.
    Issued(Issued),
    /// Another process had renewed it meanwhile.
    Found,
    /// Another process is at work on it.
    Busy(Holder),
}

/// How often one attempt may begin again, for whatever reasons.
const BEGINNINGS: usize = 12;

/// How often it goes on after the connection broke.
const BREAKS: u32 = 3;

/// How long before its end a lease is renewed.
const LEASE_RENEWAL: Duration = Duration::from_secs(20);

impl Attempt<'_> {
    /// `lease` is to be kept until all that comes of it is written down.
    pub async fn run(&self, lease: &mut Option<Lease>) -> Result<Gained, Setback> {
        let counter = &self.office.counters[self.authority];
        if let Some(closed) = counter.ledger().closed(self.office.now()) {
            let (authority, why) = (counter.authority.name().to_owned(), closed.why.clone());
            return Err(Setback::Closed { authority, until: closed.until, why });
        }
        let lease = match self.office.store.lease(self.name, self.now())? {
            Leased::Ours(ours) => lease.insert(ours),
            Leased::Held(holder) => return Ok(Gained::Busy(holder)),
        };
        if self.was_renewed()? {
            return Ok(Gained::Found);
        }
        if self.held.is_some() {
            self.is_now(State::Due);
        }
        self.office.store.writable().map_err(Setback::NotWritable)?;
        let work = self.work(counter);
        tokio::select! {
            issued = work => issued.map(Gained::Issued),
            () = keep(lease, self.office) => Err(Setback::LeaseLost),
        }
    }

    /// Whether the directory holds a later certificate than the one that is to be replaced.
    fn was_renewed(&self) -> Result<bool, Setback> {
        let now = self.office.now();
        let Held::Certificate(leaf) = self.office.store.look(self.name, now) else {
            return Ok(false);
        };
        Ok(leaf.not_after > now && self.held.is_none_or(|held| held.not_after < leaf.not_after))
    }

    async fn work(&self, counter: &Counter) -> Result<Issued, Setback> {
        let mut plan = Plan::new(self);
        let mut breaks = 0;
        for _ in 0..BEGINNINGS {
            let setback = match order::get(self, counter, &plan).await {
                Ok(issued) => return Ok(issued),
                Err(setback) => setback,
            };
            if setback.is_passing() && breaks < BREAKS && self.has_order() {
                tokio::time::sleep(Duration::from_secs(1 << breaks)).await;
                breaks += 1;
                continue;
            }
            let Setback::Refused(refusal) = &setback else { return Err(setback) };
            if !self.mend(counter, refusal, &mut plan).await? {
                return Err(setback);
            }
        }
        Err(Setback::Panic("it began again and again".to_owned()))
    }

    /// Some authorities say only that they know nothing of what is replaced, in words of their own.
    fn may_be_of_replaced(&self, kind: Kind) -> bool {
        kind == Kind::ReplacesRefused || (kind == Kind::Other && !self.has_order())
    }

    fn has_order(&self) -> bool {
        self.office.store.order(self.name).is_some()
    }

    /// Whether the plan could be changed so that it may work now.
    async fn mend(
        &self,
        counter: &Counter,
        refusal: &Refusal,
        plan: &mut Plan,
    ) -> Result<bool, Setback> {
        let (name, authority) = (self.name.as_str(), counter.authority.name());
        match refusal.kind {
            Kind::AccountMissing | Kind::AccountRefused if !plan.has_new_account => {
                plan.has_new_account = true;
                let keep_key = refusal.kind == Kind::AccountMissing;
                self.office.forget_account(counter, keep_key).await?;
            }
            kind if plan.replaces && self.may_be_of_replaced(kind) => {
                tracing::info!(
                    domain = name,
                    authority,
                    "ordering without naming what is replaced"
                );
                plan.replaces = false;
            }
            Kind::InvalidProfile if plan.profile.is_some() => {
                let profile = plan.profile.take();
                tracing::warn!(
                    domain = name,
                    authority,
                    profile,
                    "unknown profile, using the default one"
                );
            }
            Kind::OrderGone if !plan.has_new_order => plan.has_new_order = true,
            Kind::Validation => {
                self.office.store.remove_order(self.name)?;
                return Ok(plan.tries_other_challenge());
            }
            Kind::Rejected => return Ok(self.drop_rejected(refusal, plan)),
            _ => return Ok(false),
        }
        self.office.store.remove_order(self.name)?;
        Ok(true)
    }

    /// Does without further names that the authority will not have, where that is better than no
    /// certificate.
    fn drop_rejected(&self, refusal: &Refusal, plan: &mut Plan) -> bool {
        let now = self.office.now();
        let is_urgent = self.held.is_none_or(|held| Validity::from(held).part_left(now) < 0.1);
        let rejected = refusal.rejected_names();
        let before = plan.names.len();
        if is_urgent && !rejected.iter().any(|name| name == self.name.as_str()) {
            plan.names.retain(|name| !rejected.iter().any(|other| other == name.as_str()));
        }
        let is_less = plan.names.len() < before;
        if is_less {
            let name = self.name.as_str();
            tracing::warn!(
                domain = name,
                without = rejected.join(", "),
                "ordering without rejected names"
            );
        }
        is_less
    }

    /// Tells where the attempt has come.
    pub fn is_now(&self, state: State) {
        (self.progress)(state);
    }

    pub fn now(&self) -> Timestamp {
        self.office.now()
    }
}

/// Renews the lease for as long as that works.
async fn keep(lease: &mut Lease, office: &Office) {
    loop {
        tokio::time::sleep(LEASE_RENEWAL).await;
        if !matches!(lease.renew(office.now()), Ok(None)) {
            return;
        }
    }
}
