//! `le:DIR:ENDPOINT`, `lets:DIR:ENDPOINT` and `acme:DIR:directory=URL:ENDPOINT`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::endpoint::Endpoint;
use crate::error::{Problem, nearest};
use crate::kind::Form;
use crate::syntax::{Located, Segment, quote};
use crate::tls::{Tls, quoted};

/// Certificates that are got and renewed by ACME (RFC 8555); nobody is asked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The directory of certificates, one `NAME.pem` for each name.
    pub path: PathBuf,
    /// The URL of the authority's directory (RFC 8555, section 7.1.1).
    pub directory: String,
    /// Those of authorities to turn to, in this order, while the first fails.
    pub fallbacks: Vec<String>,
    /// Names to ask for, besides those that have a file.
    pub domains: Vec<String>,
    /// Where the authority may write to.
    pub email: Option<String>,
    /// A PEM file of the roots by which the authority's own HTTPS is trusted.
    pub ca: Option<PathBuf>,
    /// A profile that the authority offers.
    pub profile: Option<String>,
    /// The common name of an issuer of the chain that is wanted.
    pub chain: Option<String>,
    /// A file with what binds the account to one that the authority knows.
    pub eab: Option<PathBuf>,
    /// The challenges that may be used; without them, all that can be answered.
    pub challenges: Option<Vec<Challenge>>,
    /// The program that makes DNS records.
    pub dns: Option<PathBuf>,
    /// How long the authority may take; whole seconds, 300 by default.
    pub timeout: Duration,
}

/// A way to show an authority that a name is ours (RFC 8555, section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// In a TLS handshake on port 443 (RFC 8737).
    TlsAlpn01,
    /// In an answer on port 80.
    Http01,
    /// In a DNS record.
    Dns01,
}

/// The directories of Let's Encrypt and of its staging.
const LE: &str = "https://acme-v02.api.letsencrypt.org/directory";
const LETS: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

const TIMEOUT: Duration = Duration::from_secs(300);

const KNOWN: &[&str] = &[
    "path",
    "domains",
    "email",
    "fallback",
    "ca",
    "profile",
    "chain",
    "eab",
    "challenge",
    "dns",
    "timeout",
];

/// As above, with the argument that only `acme:` has, and needs.
const ANY: &[&str] = &[
    "path",
    "directory",
    "domains",
    "email",
    "fallback",
    "ca",
    "profile",
    "chain",
    "eab",
    "challenge",
    "dns",
    "timeout",
];

pub(crate) fn le(segments: &[Segment]) -> Form {
    Form::wrapper_of(segments, KNOWN, |arguments, inner| {
        wrap(arguments, inner, "le", LE.to_owned())
    })
}

pub(crate) fn lets(segments: &[Segment]) -> Form {
    Form::wrapper_of(segments, KNOWN, |arguments, inner| {
        wrap(arguments, inner, "lets", LETS.to_owned())
    })
}

pub(crate) fn any(segments: &[Segment]) -> Form {
    Form::wrapper_of(segments, ANY, |arguments, inner| {
        let Url(directory) = arguments.required("directory", Url::WANTED)?;
        wrap(arguments, inner, "acme", directory)
    })
}

fn wrap(
    arguments: &Arguments,
    inner: Endpoint,
    kind: &'static str,
    directory: String,
) -> Located<Endpoint> {
    let acme = Acme::parse(arguments, directory)?;
    if inner.tls.is_some() {
        return Err(arguments.misplaced(Problem::Twice { kind }));
    }
    if inner.redirect.is_some() {
        return Err(arguments.misplaced(Problem::RedirectOverTls));
    }
    Ok(Endpoint { tls: Some(Tls::Acme(Box::new(acme))), ..inner })
}

impl Acme {
    fn parse(arguments: &Arguments, directory: String) -> Located<Self> {
        let path = arguments.path("path")?;
        let wanted = "the directory of certificates, such as le:/srv/www/certs:tcp:443";
        let text =
            |name| Ok(arguments.optional::<Word>(name, Word::WANTED)?.map(|Word(text)| text));
        let fallbacks = arguments.optional("fallback", Url::WANTED)?;
        let domains = arguments.optional("domains", Words::WANTED)?;
        let timeout = arguments.optional("timeout", Seconds::WANTED)?;
        Ok(Self {
            path: path.ok_or_else(|| arguments.missing("path", wanted))?,
            directory,
            fallbacks: fallbacks.map(|Urls(all)| all).unwrap_or_default(),
            domains: domains.map(|Words(all)| all).unwrap_or_default(),
            email: text("email")?,
            ca: arguments.path("ca")?,
            profile: text("profile")?,
            chain: text("chain")?,
            eab: arguments.path("eab")?,
            challenges: challenges(arguments)?,
            dns: arguments.path("dns")?,
            timeout: timeout.map_or(TIMEOUT, |Seconds(timeout)| timeout),
        })
    }
}

fn challenges(arguments: &Arguments) -> Located<Option<Vec<Challenge>>> {
    const NAME: &str = "challenge";
    let known = Challenge::ALL.map(|(_, name)| name);
    let Some(Words(words)) = arguments.optional(NAME, Challenge::WANTED)? else { return Ok(None) };
    let one = |word: &String| {
        let found = Challenge::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(word));
        found.map(|(challenge, _)| *challenge).ok_or_else(|| {
            let suggestion = nearest(word, &known).map(str::to_owned);
            let known = known.to_vec();
            let problem = Problem::UnknownKind { found: word.clone(), suggestion, known };
            (arguments.column_of(NAME), problem)
        })
    };
    words.iter().map(one).collect::<Result<_, _>>().map(Some)
}

impl Challenge {
    const ALL: [(Self, &'static str); 3] =
        [(Self::TlsAlpn01, "tls-alpn-01"), (Self::Http01, "http-01"), (Self::Dns01, "dns-01")];
    const WANTED: &'static str = "some of tls-alpn-01,http-01,dns-01";
}

impl fmt::Display for Challenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = Self::ALL.iter().filter(|(challenge, _)| challenge == self);
        all.map(|(_, name)| *name).try_for_each(|name| formatter.write_str(name))
    }
}

impl fmt::Display for Acme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &*self.directory {
            LE => "le",
            LETS => "lets",
            _ => "acme",
        };
        write!(formatter, "{kind}:path={}", quoted(&self.path))?;
        let mut argument = |name: &str, value: &str| match value {
            "" => Ok(()),
            value => write!(formatter, ":{name}={}", quote(value)),
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let path = |value: &Option<PathBuf>| {
            value.as_deref().map(Path::to_string_lossy).unwrap_or_default().into_owned()
        };
        if kind == "acme" {
            argument("directory", &self.directory)?;
        }
        argument("domains", &self.domains.join(","))?;
        argument("email", &text(&self.email))?;
        argument("fallback", &self.fallbacks.join(","))?;
        argument("ca", &path(&self.ca))?;
        argument("profile", &text(&self.profile))?;
        argument("chain", &text(&self.chain))?;
        argument("eab", &path(&self.eab))?;
        let challenges = self.challenges.iter().flatten().map(ToString::to_string);
        argument("challenge", &challenges.collect::<Vec<_>>().join(","))?;
        argument("dns", &path(&self.dns))?;
        match self.timeout {
            TIMEOUT => Ok(()),
            timeout => write!(formatter, ":timeout={}", timeout.as_secs()),
        }
    }
}

/// Text in which nothing can hide: no control characters.
struct Word(String);

impl Word {
    const WANTED: &str = "text without control characters";
}

impl FromStr for Word {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.chars().any(char::is_control) { Err(()) } else { Ok(Self(text.to_owned())) }
    }
}

/// Words with commas between them.
struct Words(Vec<String>);

impl Words {
    const WANTED: &str = "names with commas between them, such as example.com,www.example.com";
}

impl FromStr for Words {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_bad = |word: &str| word.is_empty() || word.contains(|c: char| c.is_whitespace());
        let words =
            text.split(',').map(|word| if is_bad(word) { Err(()) } else { Ok(word.into()) });
        words.collect::<Result<_, ()>>().map(Self)
    }
}

/// Where an authority is found: nothing is told to one without TLS.
struct Url(String);

impl Url {
    const WANTED: &str = "a URL that begins with https:// (its colons written as \\:)";
}

impl FromStr for Url {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let host = text.strip_prefix("https://").ok_or(())?;
        let is_bad = |c: char| c.is_whitespace() || c.is_control() || c == ',';
        match host.starts_with('/') || host.is_empty() || host.contains(is_bad) {
            true => Err(()),
            false => Ok(Self(text.to_owned())),
        }
    }
}

struct Urls(Vec<String>);

impl FromStr for Urls {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let urls = text.split(',').map(|one| one.parse().map(|Url(url)| url));
        urls.collect::<Result<_, ()>>().map(Self)
    }
}

struct Seconds(Duration);

impl Seconds {
    const WANTED: &str = "whole seconds from 1 to 3600";
}

impl FromStr for Seconds {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text.parse().map_err(|_| ())? {
            seconds @ 1..=3600 => Ok(Self(Duration::from_secs(seconds))),
            _ => Err(()),
        }
    }
}
