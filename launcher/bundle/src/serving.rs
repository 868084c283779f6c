//! How resources are served over HTTP: which of them, under which URLs, with which rules.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How resources are served; `docs/serving.md` says what each key means.
///
/// ```
/// use holdall_bundle::Serving;
///
/// let serving = Serving::default();
/// assert_eq!(serving.mounts["/"], "");
/// assert!(serving.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Serving {
    /// URL prefix, such as `/static`, to a directory of resources, where `""` is the root.
    pub mounts: BTreeMap<String, String>,
    /// Everything else.
    #[serde(default)]
    pub rules: Static,
}

/// The rules for what is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Static {
    /// The name of what a directory answers with.
    pub index: String,
    /// The name of the page for what is not found.
    pub not_found: String,
    /// What answers paths that no resource has, in a single-page application.
    pub fallback: Option<String>,
    /// Whether `/about` is answered by `about.html`.
    pub clean_urls: bool,
    /// Whether names with a hash of their content are cached for ever.
    pub immutable: bool,
    /// Whether a directory without an index shows what is in it.
    pub listing: bool,
    /// Origins that scripts may read from, or `*`.
    pub cors: Vec<String>,
    /// Headers by pattern.
    pub headers: Vec<HeaderRule>,
    /// Redirects by pattern.
    pub redirects: Vec<RedirectRule>,
}

/// Headers of all answers to the paths that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderRule {
    /// The pattern.
    #[serde(rename = "for")]
    pub pattern: String,
    /// Names and values; an empty value takes the header away.
    pub set: BTreeMap<String, String>,
}

/// Where the paths that a pattern matches have gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedirectRule {
    /// The pattern.
    pub from: String,
    /// Where to; nothing where it is gone (status 410).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The status, 308 unless another is given.
    #[serde(default = "permanent")]
    pub status: u16,
}

/// A rule that can't be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServingError {
    /// A URL prefix that is none.
    #[error("[serve] has {prefix:?}: a URL prefix begins with a slash, and has no empty segments")]
    Prefix {
        /// What it is.
        prefix: String,
    },
    /// A text that can't be used where it stands.
    #[error("[static] {key} is {value:?}: {reason}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header that no rule may set.
    #[error("[[static.headers]] sets {name}, {reason}")]
    Header {
        /// Its name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A redirect without a place, or with one that its status does not have.
    #[error("[[static.redirects]] from {from:?}: {reason}")]
    Redirect {
        /// Its pattern.
        from: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Default for Serving {
    fn default() -> Self {
        let mounts = BTreeMap::from([("/".to_owned(), String::new())]);
        Self { mounts, rules: Static::default() }
    }
}

impl Default for Static {
    fn default() -> Self {
        Self {
            index: "index.html".to_owned(),
            not_found: "404.html".to_owned(),
            fallback: None,
            clean_urls: true,
            immutable: true,
            listing: false,
            cors: Vec::new(),
            headers: Vec::new(),
            redirects: Vec::new(),
        }
    }
}

/// Headers that say how the message itself is to be read: nobody but the server knows them.
const OWN_HEADERS: [&str; 11] = [
    "accept-ranges",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "date",
    "etag",
    "last-modified",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Serving {
    /// Checks what the types alone don't.
    ///
    /// # Errors
    /// [`ServingError`], with the first thing that is wrong.
    pub fn check(&self) -> Result<(), ServingError> {
        self.mounts.keys().try_for_each(|prefix| check_prefix(prefix))?;
        self.rules.check()
    }
}

impl fmt::Display for Serving {
    /// What is served where.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (prefix, directory) in &self.mounts {
            let slash = if directory.is_empty() { "all resources" } else { "/" };
            write!(f, "{separator}{directory}{slash} at {prefix}")?;
            separator = ", ";
        }
        Ok(())
    }
}

impl Static {
    fn check(&self) -> Result<(), ServingError> {
        check_file_name("index", &self.index)?;
        check_file_name("not-found", &self.not_found)?;
        self.cors.iter().try_for_each(|origin| check_origin(origin))?;
        self.headers.iter().try_for_each(HeaderRule::check)?;
        self.redirects.iter().try_for_each(RedirectRule::check)
    }
}

impl HeaderRule {
    fn check(&self) -> Result<(), ServingError> {
        check_pattern("headers.for", &self.pattern)?;
        self.set.iter().try_for_each(|(name, value)| check_header(name, value))
    }
}

impl RedirectRule {
    fn check(&self) -> Result<(), ServingError> {
        check_pattern("redirects.from", &self.from)?;
        let wrong = |reason| Err(ServingError::Redirect { from: self.from.clone(), reason });
        match (self.status, &self.to) {
            (410, None) => Ok(()),
            (410, Some(_)) => wrong("what is gone (status 410) has no `to`"),
            (301 | 302 | 303 | 307 | 308, Some(to)) => match is_target(to) {
                true if stars(to) <= stars(&self.from) => Ok(()),
                true => wrong("`to` has more `*` than `from`"),
                false => wrong("`to` is a path or a URL, without spaces and control characters"),
            },
            (301 | 302 | 303 | 307 | 308, None) => wrong("it needs a `to`, or status 410"),
            _ => wrong("the status is 301, 302, 303, 307, 308, or 410 for what is gone"),
        }
    }
}

impl fmt::Display for RedirectRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} {}", self.from, self.status, self.to.as_deref().unwrap_or_default())
    }
}

fn permanent() -> u16 {
    308
}

/// How many pieces of a path a pattern lets open: `*` and `**` are one each.
fn stars(pattern: &str) -> usize {
    pattern.replace("**", "*").matches('*').count()
}

fn is_target(to: &str) -> bool {
    let is_url = to.starts_with("https://") || to.starts_with("http://");
    let is_path = to.starts_with('/') && !to.starts_with("//");
    (is_url || is_path) && to.bytes().all(|byte| byte.is_ascii_graphic())
}

fn check_prefix(prefix: &str) -> Result<(), ServingError> {
    let inner = prefix.strip_prefix('/').map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let is_good = |segment: &str| !matches!(segment, "" | "." | "..") && is_text(segment);
    match inner {
        Some("") => Ok(()),
        Some(inner) if inner.split('/').all(is_good) => Ok(()),
        _ => Err(ServingError::Prefix { prefix: prefix.to_owned() }),
    }
}

fn check_pattern(key: &'static str, pattern: &str) -> Result<(), ServingError> {
    match pattern.starts_with('/') || pattern.starts_with('*') {
        true if is_text(pattern) => Ok(()),
        _ => Err(value(key, pattern, "a pattern begins with a slash, as paths do")),
    }
}

fn check_file_name(key: &'static str, name: &str) -> Result<(), ServingError> {
    match name {
        "" | "." | ".." => Err(value(key, name, "it is the name of a file")),
        _ if name.contains('/') || !is_text(name) => {
            Err(value(key, name, "it is the name of a file, without directories"))
        }
        _ => Ok(()),
    }
}

fn check_origin(origin: &str) -> Result<(), ServingError> {
    let host = origin.split_once("://").map(|(_, host)| host);
    let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains('/'));
    match origin == "*" || (is_origin && origin.bytes().all(|byte| byte.is_ascii_graphic())) {
        true => Ok(()),
        false => Err(value("cors", origin, "an origin is like https://app.example, or `*`")),
    }
}

fn check_header(name: &str, value: &str) -> Result<(), ServingError> {
    let wrong = |reason| Err(ServingError::Header { name: name.to_owned(), reason });
    let is_own = OWN_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name));
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return wrong("which is no name of a header");
    }
    if is_own {
        return wrong("which only the server itself can know");
    }
    match value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        true => Ok(()),
        false => wrong("to a value that HTTP can't carry: printable ASCII only"),
    }
}

fn is_text(text: &str) -> bool {
    !text.chars().any(|char| char.is_control() || char == '\\')
}

fn value(key: &'static str, value: &str, reason: &'static str) -> ServingError {
    ServingError::Value { key, value: value.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> Result<(), String> {
        let rules: Static = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Serving { rules, ..Serving::default() }.check().map_err(|error| error.to_string())
    }

    #[test]
    fn what_can_be_followed_is_taken() {
        for good in [
            r#"{}"#,
            r#"{ "fallback": "app.html", "listing": true, "cors": ["*", "https://a.example:8443"] }"#,
            r#"{ "headers": [{ "for": "/a/**", "set": { "Cache-Control": "no-store", "X": "" } }] }"#,
            r#"{ "redirects": [{ "from": "/a/*", "to": "/b/*" }, { "from": "/c", "status": 410 }] }"#,
        ] {
            assert_eq!(rules(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_can_not_is_refused_with_a_reason() {
        for (bad, reason) in [
            (r#"{ "index": "a/b" }"#, "without directories"),
            (r#"{ "cors": ["a.example"] }"#, "like https://app.example"),
            (r#"{ "headers": [{ "for": "a", "set": {} }] }"#, "begins with a slash"),
            (r#"{ "headers": [{ "for": "/", "set": { "ETag": "x" } }] }"#, "the server itself"),
            (r#"{ "headers": [{ "for": "/", "set": { "a b": "x" } }] }"#, "no name of a header"),
            (r#"{ "headers": [{ "for": "/", "set": { "a": "b\nc" } }] }"#, "HTTP can't carry"),
            (r#"{ "redirects": [{ "from": "/a", "to": "/b", "status": 200 }] }"#, "the status is"),
            (r#"{ "redirects": [{ "from": "/a" }] }"#, "needs a `to`"),
            (r#"{ "redirects": [{ "from": "/a", "to": "//evil.example" }] }"#, "a path or a URL"),
            (r#"{ "redirects": [{ "from": "/a", "to": "/*" }] }"#, "more `*`"),
            (r#"{ "colour": 1 }"#, "unknown field"),
        ] {
            let error = rules(bad).expect_err(bad);
            assert!(error.contains(reason), "{bad}: {error}");
        }
    }

    #[test]
    fn prefixes_are_paths() {
        for (prefix, is_good) in [
            ("/", true),
            ("/a/b", true),
            ("/a/", true),
            ("a", false),
            ("/a//b", false),
            ("/..", false),
        ] {
            assert_eq!(check_prefix(prefix).is_ok(), is_good, "{prefix}");
        }
    }
}
