//! Which identity a client gets: by the name it asks for, and by what it can verify.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::SignatureScheme;

use crate::identity::{Answers, Identity};

/// All identities by name: a look-up costs the same for one and for ten thousand.
#[derive(Debug)]
pub(crate) struct Index {
    all: Candidates,
    /// By whole name, or by address.
    exact: HashMap<String, Candidates>,
    /// By what follows `*.`.
    wildcard: HashMap<String, Candidates>,
    /// For clients that send no name.
    no_name: Candidates,
    /// For clients that ask for a name that is in neither table.
    unknown_name: Candidates,
}

/// The best first, the time left out of account.
type Candidates = Vec<Arc<Identity>>;

impl Index {
    pub fn new<'a>(identities: impl IntoIterator<Item = &'a Arc<Identity>>) -> Self {
        let mut identities: Candidates = identities.into_iter().cloned().collect();
        identities.sort_by_cached_key(preference);
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        for identity in &identities {
            for name in &identity.names {
                let (table, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent),
                    None => (&mut exact, name.as_str()),
                };
                let candidates: &mut Candidates = table.entry(name.to_owned()).or_default();
                candidates.push(identity.clone());
            }
        }
        let answering = |answers| {
            let identities = identities.iter().filter(|identity| identity.answers == answers);
            identities.cloned().collect::<Candidates>()
        };
        let unknown_name = answering(Answers::Anyone);
        let no_name = match unknown_name.is_empty() {
            true => answering(Answers::NoName),
            false => unknown_name.clone(),
        };
        Self { all: identities, exact, wildcard, no_name, unknown_name }
    }

    /// Every identity, the ones that are tried first at the front.
    pub fn all(&self) -> &[Arc<Identity>] {
        &self.all
    }

    /// Whether some identity answers a client that asks for `name`, or for none.
    pub fn knows(&self, name: Option<&str>) -> bool {
        self.candidates(name).next().is_some()
    }

    /// The best identity for a client: one that is valid and that it can verify, else one that it
    /// can verify, else any, so that the client learns more than that there is none.
    pub fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
        now: SystemTime,
    ) -> Option<&Arc<Identity>> {
        let good = |one: &&Arc<Identity>| one.is_valid_at(now) && one.fits(schemes);
        let mut best = self.candidates(name).find(good);
        best = best.or_else(|| self.candidates(name).find(|one| one.fits(schemes)));
        best.or_else(|| self.candidates(name).next())
    }

    /// Those with the exact name, then those with a wildcard for it, or else the fallback.
    fn candidates(&self, name: Option<&str>) -> impl Iterator<Item = &Arc<Identity>> {
        let (exact, wildcard) = match name.map(normal) {
            Some(name) => {
                let parent = name.split_once('.').map(|(_, parent)| parent);
                let wildcard = parent.and_then(|parent| self.wildcard.get(parent));
                (self.exact.get(name.as_ref()), wildcard)
            }
            None => (Some(&self.no_name), None),
        };
        let fallback = (exact.is_none() && wildcard.is_none()).then_some(&self.unknown_name);
        [exact, wildcard, fallback].into_iter().flatten().flatten()
    }
}

/// In the order in which candidates are tried: key, then the last to expire, then the longest
/// chain (certbot keeps the certificate both with and without it), then the path.
fn preference(identity: &Arc<Identity>) -> impl Ord + use<> {
    let chain_length = identity.certified.cert.len();
    let path = identity.path.clone();
    (identity.rank(), Reverse(identity.not_after), Reverse(chain_length), path)
}

/// A name as the tables have it: lower case, without the root's dot, addresses in one spelling.
fn normal(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if let Ok(address) = name.parse::<IpAddr>() {
        return Cow::Owned(address.to_string());
    }
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}
