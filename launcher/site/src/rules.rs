//! The rules of a manifest, ready to be followed: headers and redirects by pattern.

use std::borrow::Cow;

use holdall_bundle::{RedirectRule, Static};
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{StatusCode, Uri};
use percent_encoding::{CONTROLS, utf8_percent_encode};

use crate::hashed::is_hashed;
use crate::path::encode;
use crate::pattern::Pattern;

/// A rule that can't be followed; what [`Serving::check`](holdall_bundle::Serving::check) lets pass
/// never is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} can't be {value:?}")]
pub struct RuleError {
    /// What it is of.
    pub key: &'static str,
    /// What it says.
    pub value: String,
}

/// What holds for everything that is served.
#[derive(Debug)]
pub(crate) struct Rules {
    headers: Vec<(Pattern, Vec<Change>)>,
    redirects: Vec<Redirect>,
    is_immutable: bool,
}

/// A header and its value; without one it is taken away.
type Change = (HeaderName, Option<HeaderValue>);

#[derive(Debug)]
struct Redirect {
    from: Pattern,
    /// Without a place it is gone.
    to: Option<String>,
    status: StatusCode,
}

/// Where a redirect leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub status: StatusCode,
    pub location: Option<HeaderValue>,
}

const FOREVER: HeaderValue = HeaderValue::from_static("max-age=31536000, immutable");
/// Kept, but asked for each time.
pub(crate) const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

impl Rules {
    pub fn new(settings: &Static) -> Result<Self, RuleError> {
        let headers = settings.headers.iter().map(|rule| {
            let set = rule.set.iter().map(|(name, value)| header(name, value));
            Ok((Pattern::new(&rule.pattern), set.collect::<Result<_, _>>()?))
        });
        Ok(Self {
            headers: headers.collect::<Result<_, _>>()?,
            redirects: settings.redirects.iter().map(Redirect::new).collect::<Result<_, _>>()?,
            is_immutable: settings.immutable,
        })
    }

    /// Where a path has gone, if it has.
    pub fn moved(&self, path: &str, uri: &Uri) -> Option<Moved> {
        self.redirects.iter().find_map(|redirect| redirect.follow(path, uri))
    }

    /// Puts in what is there by itself, and then what the rules for a path say; `name` is that of
    /// the resource, if there is one.
    pub fn decorate(&self, headers: &mut HeaderMap, path: &str, name: Option<&str>) {
        let is_html = headers
            .get(CONTENT_TYPE)
            .is_some_and(|media_type| media_type.as_bytes().starts_with(b"text/html"));
        let is_kept = self.is_immutable && !is_html && name.is_some_and(is_hashed);
        headers.insert(CACHE_CONTROL, if is_kept { FOREVER } else { REVALIDATED });
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if is_html {
            let policy = HeaderValue::from_static("strict-origin-when-cross-origin");
            headers.insert(REFERRER_POLICY, policy);
            headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
        }
        let matching = self.headers.iter().filter(|(pattern, _)| pattern.matches(path));
        for (name, value) in matching.flat_map(|(_, set)| set) {
            match value {
                Some(value) => drop(headers.insert(name, value.clone())),
                None => drop(headers.remove(name)),
            }
        }
    }
}

fn header(name: &str, value: &str) -> Result<Change, RuleError> {
    let wrong = |key, value: &str| RuleError { key, value: value.to_owned() };
    let name = HeaderName::try_from(name).map_err(|_| wrong("the name of a header", name))?;
    if value.is_empty() {
        return Ok((name, None));
    }
    match HeaderValue::try_from(value) {
        Ok(value) => Ok((name, Some(value))),
        Err(_) => Err(wrong("the value of a header", value)),
    }
}

impl Redirect {
    fn new(rule: &RedirectRule) -> Result<Self, RuleError> {
        let status = StatusCode::from_u16(rule.status);
        Ok(Self {
            from: Pattern::new(&rule.from),
            to: rule.to.clone(),
            status: status.map_err(|_| RuleError {
                key: "the status of a redirect",
                value: rule.status.to_string(),
            })?,
        })
    }

    fn follow(&self, path: &str, uri: &Uri) -> Option<Moved> {
        let captures = self.from.captures(path)?;
        let Some(to) = &self.to else { return Some(Moved { status: self.status, location: None }) };
        let place = with_query(&filled(to, &captures), uri);
        // A `to` of `/*` could lead to another host, were what is put in to begin with a slash.
        let place = match place.starts_with('/') {
            true => Cow::Owned(format!("/{}", place.trim_start_matches('/'))),
            false => Cow::Borrowed(&*place),
        };
        let location = HeaderValue::try_from(&*place).ok();
        location.is_some().then_some(Moved { status: self.status, location })
    }
}

/// `to`, with what the stars of the pattern stand for.
fn filled(to: &str, captures: &[&str]) -> String {
    let mut captures = captures.iter();
    let mut place = String::with_capacity(to.len());
    for (number, piece) in to.replace("**", "*").split('*').enumerate() {
        if number > 0 {
            let capture = captures.next().copied().unwrap_or_default();
            place.push_str(&encode(capture).to_string());
        }
        place.push_str(piece);
    }
    place
}

/// With the query of the request, unless the place has one of its own; in ASCII, as fields have to
/// be, whatever the client has sent.
pub(crate) fn with_query(place: &str, uri: &Uri) -> String {
    let place = match uri.query() {
        Some(query) if !place.contains('?') => match place.split_once('#') {
            Some((place, fragment)) => format!("{place}?{query}#{fragment}"),
            None => format!("{place}?{query}"),
        },
        _ => place.to_owned(),
    };
    utf8_percent_encode(&place, CONTROLS).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: &str, to: &str, path: &str) -> Option<String> {
        let rule = RedirectRule { from: from.into(), to: Some(to.into()), status: 308 };
        let settings = Static { redirects: vec![rule], ..Static::default() };
        let uri: Uri = encode(path).to_string().parse().unwrap();
        let uri = format!("{uri}?q=1").parse().unwrap();
        let location = Rules::new(&settings).unwrap().moved(path, &uri)?.location?;
        Some(location.to_str().unwrap().to_owned())
    }

    #[test]
    fn what_stars_stand_for_is_put_in() {
        for (from, to, path, expected) in [
            ("/a/*", "/b/*", "/a/x", Some("/b/x?q=1")),
            ("/a/*", "/b/*", "/a/x y", Some("/b/x%20y?q=1")),
            ("/a/*/*", "/b/*-*", "/a/x/y", Some("/b/x-y?q=1")),
            ("/a/**", "https://h.example/*?z", "/a/x/y", Some("https://h.example/x/y?z")),
            ("/a/*", "/b", "/a/x", Some("/b?q=1")),
            ("/a/*", "/b#c", "/a/x", Some("/b?q=1#c")),
            ("/a**", "/*", "/a//evil.example", Some("/evil.example?q=1")),
            ("/a/*", "/b", "/b", None),
            ("/a/*", "/*", "/a/x\r\ny", Some("/x%0D%0Ay?q=1")),
        ] {
            assert_eq!(moved(from, to, path).as_deref(), expected, "{from} {to} {path}");
        }
    }

    #[test]
    fn later_rules_win_and_empty_values_take_away() {
        let rules = r#"{ "headers": [
            { "for": "/**", "set": { "Cache-Control": "max-age=1", "X-A": "1" } },
            { "for": "/b*", "set": { "Cache-Control": "max-age=2", "X-Content-Type-Options": "" } }
        ] }"#;
        let rules: Static = serde_json::from_str(rules).unwrap();
        let rules = Rules::new(&rules).unwrap();
        let headers_of = |path| {
            let mut headers = HeaderMap::new();
            rules.decorate(&mut headers, path, Some("x"));
            headers
        };
        let (a, b) = (headers_of("/a"), headers_of("/b"));
        assert_eq!(
            (&a[CACHE_CONTROL], &b[CACHE_CONTROL]),
            (&"max-age=1".parse().unwrap(), &"max-age=2".parse().unwrap())
        );
        assert!(a.contains_key(X_CONTENT_TYPE_OPTIONS) && !b.contains_key(X_CONTENT_TYPE_OPTIONS));
        assert_eq!(b["x-a"], "1");
    }
}
