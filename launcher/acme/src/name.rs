//! What a certificate is for: a host name, a wildcard, or an address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What a certificate is for.
///
/// ```
/// use holdall_acme::Name;
///
/// assert_eq!("Hello.Example.com.".parse::<Name>()?.to_string(), "hello.example.com");
/// assert!("*.example.com".parse::<Name>()?.is_wildcard());
/// assert!("192.0.2.1".parse::<Name>()?.address().is_some());
/// assert!("münchen.example".parse::<Name>().is_err());
/// # Ok::<(), holdall_acme::BadName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// What no certificate can be for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no host name: {problem}")]
pub struct BadName {
    /// What was given.
    pub found: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// The most bytes of a name without the root's dot (RFC 1035, section 2.3.4).
const LONGEST: usize = 253;

/// The most bytes between two dots.
const LONGEST_LABEL: usize = 63;

impl Name {
    /// The name as it stands in a certificate: `example.com`, `*.example.com`, `192.0.2.1`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is for all names one label below another.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// The name without `*.`, which is what the challenge is about.
    pub fn base(&self) -> &str {
        self.0.strip_prefix("*.").unwrap_or(&self.0)
    }

    /// The address, if it is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = |problem| BadName { found: text.to_owned(), problem };
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Self(address.to_string()));
        }
        if !name.is_ascii() {
            return Err(bad("write it in ASCII, as xn--..."));
        }
        if name.len() > LONGEST {
            return Err(bad("it is longer than 253 bytes"));
        }
        let base = name.strip_prefix("*.").unwrap_or(&name);
        match base.split('.').find_map(label_problem) {
            Some(problem) => Err(bad(problem)),
            None => Ok(Self(name)),
        }
    }
}

/// What is wrong with what stands between two dots, if anything is.
fn label_problem(label: &str) -> Option<&'static str> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if label.is_empty() {
        Some("there is nothing between two dots")
    } else if label.len() > LONGEST_LABEL {
        Some("there are more than 63 bytes between two dots")
    } else if !label.bytes().all(is_known) {
        Some("it has other characters than letters, digits, '-' and '.'")
    } else if label.starts_with('-') || label.ends_with('-') {
        Some("'-' stands at an end")
    } else {
        None
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_host_can_be_called_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = ["abcdefghi"; 26].join(".");
        for bad in ["", ".", "a..b", "-a.b", "a-.b", "a_b", "a/b", "*", "*.", "a.*.b", "a b"] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        for bad in [&*long, &*longer, "..", "../x", "ü.example"] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        for good in ["localhost", "xn--mnchen-3ya.example", "1.example", "::1", "*.a.b"] {
            assert!(good.parse::<Name>().is_ok(), "{good:?}");
        }
    }
}
