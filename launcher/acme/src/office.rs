//! What all attempts share: the directory, the authorities with our accounts there, the clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdall_certificates::{Certificates, Challenges};
use jiff::Timestamp;

use crate::Name;
use crate::authority::{Authority, Limits};
use crate::client::{AccountKey, Client, Kind, Transport};
use crate::clock::Clock;
use crate::hook::Kinds;
use crate::ledger::{Closed, Ledger};
use crate::setback::{Setback, chain};
use crate::store::Store;

/// What all attempts share.
pub(crate) struct Office {
    pub store: Store,
    pub counters: Vec<Counter>,
    pub certificates: Certificates,
    pub challenges: Challenges,
    pub kinds: Kinds,
    /// Where a handshake with ourselves can be tried.
    pub addresses: Vec<SocketAddr>,
    /// How long an authority may take to look, and again to issue.
    pub timeout: Duration,
    pub clock: Clock,
    /// Keys and chains that are served from memory, as their files could not be written yet.
    pub unsaved: Mutex<BTreeMap<Name, String>>,
}

/// Where we deal with one authority.
pub(crate) struct Counter {
    pub authority: Authority,
    transport: Transport,
    ledger: Mutex<Ledger>,
    /// Opened when it is first needed, and forgotten when the account is.
    client: tokio::sync::Mutex<Option<Arc<Client>>>,
}

impl Office {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The conversation with an authority, with an account there.
    pub async fn client(&self, counter: &Counter) -> Result<Arc<Client>, Setback> {
        let mut client = counter.client.lock().await;
        if let Some(client) = &*client {
            return Ok(Arc::clone(client));
        }
        let opened = Arc::new(self.open_account(counter).await?);
        *client = Some(Arc::clone(&opened));
        Ok(opened)
    }

    async fn open_account(&self, counter: &Counter) -> Result<Client, Setback> {
        let authority = &counter.authority;
        let key = match self.store.account(authority)? {
            Some(key) => key,
            None => {
                let key = AccountKey::generate()?;
                // First the key: an account whose key is lost can't be used, and counts.
                self.store.save_account(authority, &key)?;
                key
            }
        };
        let is_new = key.url.is_empty();
        if is_new {
            self.may_register(counter)?;
        }
        let opened = Client::open(authority, counter.transport.clone(), key).await;
        let (client, registered) = opened.map_err(|refusal| self.heard(counter, refusal))?;
        if let Some(key) = registered {
            self.store.save_account(authority, &key)?;
            counter.note(self, |ledger, now| ledger.registered(now));
            let (authority, account) = (authority.name(), &key.url);
            let terms = client.terms_of_service();
            tracing::info!(authority, %account, terms, "account opened, terms of service agreed to");
        }
        Ok(client)
    }

    fn may_register(&self, counter: &Counter) -> Result<(), Setback> {
        let room = counter.ledger().may_register(&counter.limits(), self.now());
        let authority = counter.authority.name().to_owned();
        room.map_err(|source| Setback::Exhausted { authority, source })
    }

    /// The account is not there any more, or can't be used: the next order opens one.
    pub async fn forget_account(&self, counter: &Counter, keep_key: bool) -> Result<(), Setback> {
        *counter.client.lock().await = None;
        let authority = &counter.authority;
        tracing::warn!(authority = authority.name(), keep_key, "account lost, opening another");
        match self.store.account(authority)? {
            Some(key) if keep_key => {
                self.store.save_account(authority, &AccountKey { url: String::new(), ..key })?;
            }
            _ => self.store.set_aside_account(authority, self.now())?,
        }
        Ok(())
    }

    /// Notes what the authority says about itself; gives the refusal back.
    pub fn heard(&self, counter: &Counter, refusal: crate::client::Refusal) -> Setback {
        let is_of_all = matches!(refusal.kind, Kind::Unusable)
            || (refusal.kind == Kind::RateLimited && !refusal.is_about_names());
        if let Some(until) = refusal.retry_after.filter(|_| is_of_all) {
            let why = chain(&refusal);
            counter.note(self, |ledger, _| ledger.close(Closed { until, why }));
        }
        Setback::Refused(refusal)
    }

    pub fn unsaved(&self) -> MutexGuard<'_, BTreeMap<Name, String>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counter {
    pub fn new(authority: Authority, transport: Transport, store: &Store) -> Self {
        let ledger = store.read_json(&ledger_file(&authority)).unwrap_or_default();
        let ledger = Mutex::new(ledger);
        Self { authority, transport, ledger, client: tokio::sync::Mutex::default() }
    }

    pub fn limits(&self) -> Limits {
        self.authority.limits()
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters something into the ledger, on disk too where that works.
    pub fn note(&self, office: &Office, enter: impl FnOnce(&mut Ledger, Timestamp)) {
        let now = office.now();
        let mut ledger = self.ledger();
        enter(&mut ledger, now);
        ledger.prune(&self.limits(), now);
        let file = ledger_file(&self.authority);
        if let Err(error) = office.store.write_json(&file, &*ledger) {
            let (authority, error) = (self.authority.name(), chain(&error));
            tracing::warn!(authority, error, "the ledger is kept in memory only");
        }
    }
}

fn ledger_file(authority: &Authority) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!(".ledger-{}.json", authority.name().chars().map(safe).collect::<String>())
}
