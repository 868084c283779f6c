//! A conversation with one certificate authority (RFC 8555), by `instant-acme` over HTTPS of ours.

mod connect;
mod network;
mod order;
mod refusal;
mod roots;
mod transport;

use std::fmt::Display;

use instant_acme::{
    Account, CertificateIdentifier, Error, ExternalAccountKey, Identifier, Key, NewAccount,
    NewOrder,
};
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::{CertificateDer, Der, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::Deserialize;
use x509_parser::extensions::ParsedExtension;

pub(crate) use network::Network;
pub(crate) use order::{Authorization, Challenge, ChallengeKind, Order, OrderStatus};
pub(crate) use refusal::{Kind, Refusal};
pub use roots::RootsError;
pub(crate) use transport::Transport;

pub(crate) use crate::store::AccountKey;
use crate::{Authority, Name};

/// What fuzz targets reach.
#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    use http::HeaderMap;
    use jiff::Timestamp;

    pub(crate) fn headers(headers: &HeaderMap, now: Timestamp) {
        let at = super::transport::retry_after(headers, now);
        assert!(at.is_none_or(|at| at >= now));
        assert!(super::transport::alternates(headers).len() <= 8);
    }
}

/// An account at an authority, through which certificates are ordered.
pub(crate) struct Client {
    account: Account,
    transport: Transport,
}

/// When an authority wants a certificate to be renewed (RFC 9773, section 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenewalInfo {
    pub start: Timestamp,
    pub end: Timestamp,
    /// Where people read why.
    pub explanation: Option<String>,
    /// When to ask again.
    pub poll_after: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RenewalAnswer {
    suggested_window: Window,
    #[serde(rename = "explanationURL")]
    explanation: Option<String>,
}

#[derive(Deserialize)]
struct Window {
    start: Timestamp,
    end: Timestamp,
}

/// `instant-acme` takes three nonces for a request; one in sixty is good enough for us.
const NONCE_ROUNDS: usize = 20;

/// When the renewal time is asked for again where the authority does not say; and the bounds of
/// what it may say (RFC 9773, section 4.3.2).
const POLL: SignedDuration = SignedDuration::from_hours(6);
const POLL_SOONEST: SignedDuration = SignedDuration::from_mins(1);
const POLL_LATEST: SignedDuration = SignedDuration::from_hours(24);

impl AccountKey {
    /// A new one, of which no authority knows.
    pub fn generate() -> Result<Self, Refusal> {
        let (_, pkcs8) = Key::generate_pkcs8()?;
        Ok(Self { url: String::new(), pkcs8: pkcs8.secret_pkcs8_der().to_vec() })
    }
}

impl Client {
    /// Opens the account of a key, or makes one; agrees to the terms of service. Gives the key and
    /// the URL of an account that is new to us, which has to be kept.
    ///
    /// With a binding to an external account `instant-acme` only takes keys of its own making: then
    /// the key that is given back is another one.
    pub async fn open(
        authority: &Authority,
        transport: Transport,
        key: AccountKey,
    ) -> Result<(Self, Option<AccountKey>), Refusal> {
        let open = async || {
            let known = async || {
                let builder = Account::builder_with_http(Box::new(transport.clone()));
                let pkcs8 = PrivatePkcs8KeyDer::from(&*key.pkcs8);
                builder.from_parts(key.url.clone(), pkcs8, authority.directory.clone()).await
            };
            match key.url.is_empty() {
                false => Ok((known().await?, None)),
                true => register(authority, &transport, &key).await,
            }
        };
        let (account, registered) = insist(authority.directory.clone(), open).await?;
        Ok((Self { account, transport }, registered))
    }

    /// Where the terms of service are that were agreed to.
    pub fn terms_of_service(&self) -> Option<String> {
        self.transport.directory().meta.terms_of_service
    }

    pub fn supports_renewal_info(&self) -> bool {
        self.transport.directory().renewal_info.is_some()
    }

    /// Nothing if the authority does not tell, for this certificate or for any.
    pub async fn renewal_info(
        &self,
        leaf: &CertificateDer<'_>,
    ) -> Result<Option<RenewalInfo>, Refusal> {
        let base = self.transport.directory().renewal_info;
        let Some((base, id)) = base.zip(identifier(leaf)) else { return Ok(None) };
        let url = format!("{}/{id}", base.trim_end_matches('/'));
        let answer = self.transport.get(&url).await?;
        let unusable = |what: &dyn Display| Refusal::new(Kind::Unusable, &*url, what.to_string());
        let told: RenewalAnswer =
            serde_json::from_slice(&answer.body).map_err(|error| unusable(&error))?;
        let Window { start, end } = told.suggested_window;
        if end <= start {
            return Err(unusable(&"the window for renewal ends before it begins"));
        }
        let now = Timestamp::now();
        let wait = self.transport.take_retry_after(&url);
        let wait = wait.map_or(POLL, |at| now.duration_until(at)).clamp(POLL_SOONEST, POLL_LATEST);
        let poll_after = now.saturating_add(wait).unwrap_or(now);
        Ok(Some(RenewalInfo { start, end, explanation: told.explanation, poll_after }))
    }

    /// Orders a certificate for all these names, instead of the one that is given.
    pub async fn new_order(
        &self,
        names: &[Name],
        profile: Option<&str>,
        replaces: Option<&CertificateDer<'_>>,
    ) -> Result<Order, Refusal> {
        let identifiers: Vec<_> = names.iter().map(Name::identifier).collect();
        let replaces = replaces.and_then(identifier);
        let order = insist(self.transport.directory().new_order, async || {
            let mut order = NewOrder::new(&identifiers);
            if let Some(profile) = profile {
                order = order.profile(profile);
            }
            if let Some(replaced) = replaces.clone() {
                order = order.replaces(replaced);
            }
            self.account.new_order(&order).await
        });
        Ok(Order::new(order.await?, &self.account, self.transport.clone()))
    }

    /// An order that was made before.
    pub async fn order(&self, url: String) -> Result<Order, Refusal> {
        let order = insist(url.clone(), async || self.account.order(url.clone()).await).await?;
        Ok(Order::new(order, &self.account, self.transport.clone()))
    }
}

impl Name {
    fn identifier(&self) -> Identifier {
        match self.address() {
            Some(address) => Identifier::Ip(address),
            None => Identifier::Dns(self.to_string()),
        }
    }
}

/// Makes an account (RFC 8555, section 7.3), or finds the one that the key has already.
async fn register(
    authority: &Authority,
    transport: &Transport,
    key: &AccountKey,
) -> Result<(Account, Option<AccountKey>), Error> {
    let builder = Account::builder_with_http(Box::new(transport.clone()));
    let directory = authority.directory.clone();
    let contact = authority.email.iter().map(|email| format!("mailto:{email}"));
    let contact: Vec<_> = contact.collect();
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    if let Some(external) = &authority.external_account {
        let binding = ExternalAccountKey::new(external.key_id.clone(), &external.key);
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let (account, made) = builder.create(&new, directory, Some(&binding)).await?;
        let pkcs8 = made.private_key().secret_pkcs8_der().to_vec();
        let key = AccountKey { url: account.id().to_owned(), pkcs8 };
        return Ok((account, Some(key)));
    }
    let pkcs8 = PrivatePkcs8KeyDer::from(key.pkcs8.clone());
    let pair = (Key::from_pkcs8_der(pkcs8.clone_key())?, PrivateKeyDer::Pkcs8(pkcs8));
    let (account, _) = builder.create_from_key(pair, directory).await?;
    if !contact.is_empty() {
        account.update_contacts(&contact).await?;
    }
    let key = AccountKey { url: account.id().to_owned(), pkcs8: key.pkcs8.clone() };
    Ok((account, Some(key)))
}

/// Takes a step; again and again while the authority takes none of the nonces that it gave.
async fn insist<T>(
    url: String,
    mut step: impl AsyncFnMut() -> Result<T, Error>,
) -> Result<T, Refusal> {
    let mut rounds = 1;
    loop {
        match step().await.map_err(|error| Refusal::from(error).at(&url)) {
            Err(refusal) if refusal.kind == Kind::BadNonce && rounds < NONCE_ROUNDS => rounds += 1,
            outcome => return outcome,
        }
    }
}

/// How an authority knows a certificate (RFC 9773, section 4.1).
fn identifier(leaf: &CertificateDer<'_>) -> Option<CertificateIdentifier<'static>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).ok()?;
    let key =
        parsed.iter_extensions().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(authority) => authority.key_identifier.as_ref(),
            _ => None,
        })?;
    let serial = Der::from_slice(parsed.tbs_certificate.raw_serial());
    Some(CertificateIdentifier::new(Der::from_slice(key.0), serial).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_has_no_identifier() {
        assert!(identifier(&CertificateDer::from(b"no certificate".to_vec())).is_none());
    }

    #[test]
    fn a_certificate_is_known_by_its_issuers_key_and_its_serial_number() {
        let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.serial_number = Some(vec![0x00, 0x87, 0x65, 0x43, 0x21].into());
        params.use_authority_key_identifier_extension = true;
        let key = rcgen::KeyPair::generate().unwrap();
        let id = vec![0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41];
        params.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(id);
        let certificate = params.self_signed(&key).unwrap();
        let id = identifier(certificate.der()).unwrap();
        assert_eq!(id.to_string(), "aYhba4dGQEE.AIdlQyE");
    }
}
