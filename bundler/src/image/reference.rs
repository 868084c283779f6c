//! The name of an image: `sayhello:1.0`, `registry.example.com:5000/team/sayhello:1.0`.
//!
//! The grammar is that of the distribution project (`reference/reference.go`), which Docker, containerd
//! and Podman share: <https://github.com/distribution/reference>.

use std::fmt;
use std::str::FromStr;

/// The longest name without its tag, and the longest tag, in bytes.
const NAME_LIMIT_BYTES: usize = 255;
const TAG_LIMIT_BYTES: usize = 128;

/// A repository, and a tag in it.
///
/// ```
/// use holdall::image::Reference;
///
/// let reference: Reference = "sayhello:1.0".parse()?;
/// assert_eq!(reference.qualified(), "docker.io/library/sayhello:1.0");
/// assert!("Say Hello:1.0".parse::<Reference>().is_err());
/// # Ok::<(), holdall::image::ReferenceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    domain: Option<String>,
    path: String,
    tag: String,
}

/// Why a text is no name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The repository, or a part of it.
    #[error(
        "{part:?} can't be in the name of an image: it is made of a-z and 0-9, with . _ - only between them"
    )]
    Path {
        /// The part.
        part: String,
    },
    /// The registry.
    #[error("{domain:?} is no registry: wanted HOST or HOST:PORT")]
    Domain {
        /// What stands there.
        domain: String,
    },
    /// The tag.
    #[error(
        "{tag:?} is no tag: it is made of letters, digits and _ . - and begins with none of the last two"
    )]
    Tag {
        /// What stands there.
        tag: String,
    },
    /// Digests come from the content.
    #[error("a digest can't be chosen: give a tag")]
    Digest,
    /// Longer than registries take.
    #[error("the name has {length} bytes, registries take {limit}")]
    Long {
        /// Its length in bytes.
        length: usize,
        /// The most there can be.
        limit: usize,
    },
}

impl Reference {
    /// With the registry, and the directory of those that have none, that everybody else takes it to be.
    pub fn qualified(&self) -> String {
        let domain = self.domain.as_deref().unwrap_or("docker.io");
        let library =
            if domain == "docker.io" && !self.path.contains('/') { "library/" } else { "" };
        format!("{domain}/{library}{}:{}", self.path, self.tag)
    }

    /// What is behind the colon.
    pub fn tag(&self) -> &str {
        &self.tag
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.contains('@') {
            return Err(ReferenceError::Digest);
        }
        let (name, tag) = match text.rsplit_once(':') {
            // A colon before a slash is that of a port.
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (text, "latest"),
        };
        check_length(name, NAME_LIMIT_BYTES)?;
        check_length(tag, TAG_LIMIT_BYTES)?;
        if !is_tag(tag) {
            return Err(ReferenceError::Tag { tag: tag.to_owned() });
        }
        let (domain, path) = match name.split_once('/') {
            Some((first, rest)) if looks_like_domain(first) => (Some(first), rest),
            _ => (None, name),
        };
        if let Some(domain) = domain.filter(|domain| !is_domain(domain)) {
            return Err(ReferenceError::Domain { domain: domain.to_owned() });
        }
        if let Some(part) = path.split('/').find(|part| !is_path_component(part)) {
            return Err(ReferenceError::Path { part: part.to_owned() });
        }
        Ok(Self { domain: domain.map(str::to_owned), path: path.to_owned(), tag: tag.to_owned() })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, path, tag } = self;
        match domain {
            Some(domain) => write!(f, "{domain}/{path}:{tag}"),
            None => write!(f, "{path}:{tag}"),
        }
    }
}

fn check_length(text: &str, limit: usize) -> Result<(), ReferenceError> {
    let length = text.len();
    if length > limit { Err(ReferenceError::Long { length, limit }) } else { Ok(()) }
}

/// As Docker tells a registry from the first part of a path.
fn looks_like_domain(first: &str) -> bool {
    first == "localhost"
        || first.contains(['.', ':'])
        || first.contains(|c: char| c.is_ascii_uppercase())
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = domain.split_once(':').unwrap_or((domain, "0"));
    let is_part = |part: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !part.is_empty()
            && part.chars().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    host.split('.').all(is_part) && !port.is_empty() && port.chars().all(|c| c.is_ascii_digit())
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(part: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator = |text: &str| {
        matches!(text, "." | "_" | "__") || (!text.is_empty() && text.chars().all(|c| c == '-'))
    };
    if !part.starts_with(is_inner) || !part.ends_with(is_inner) {
        return false;
    }
    part.split(is_inner).filter(|separator| !separator.is_empty()).all(is_separator)
}

/// `[A-Za-z0-9_][A-Za-z0-9_.-]*`
fn is_tag(tag: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !tag.is_empty() && tag.chars().all(is_inner) && !tag.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_qualified_as_docker_does() {
        for (text, qualified) in [
            ("sayhello", "docker.io/library/sayhello:latest"),
            ("team/sayhello:1.0", "docker.io/team/sayhello:1.0"),
            ("docker.io/sayhello:1.0", "docker.io/library/sayhello:1.0"),
            ("localhost/sayhello:1.0", "localhost/sayhello:1.0"),
            ("localhost:5000/sayhello", "localhost:5000/sayhello:latest"),
            ("r.example.com/a/b__c--d.e:V_1.0-x", "r.example.com/a/b__c--d.e:V_1.0-x"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().qualified(), qualified);
        }
    }

    #[test]
    fn the_name_is_shown_as_it_was_given() {
        for text in ["sayhello:1.0", "r.example.com:5000/a/b:2"] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_registries_refuse_is_refused() {
        let error = |text: &str| text.parse::<Reference>().unwrap_err();
        for text in
            ["", "say hello:1.0", "SayHello", "a//b", "-a", "a-", "a___b", "a..b", "größe", "a/"]
        {
            assert!(
                matches!(error(text), ReferenceError::Path { .. }),
                "{text}: {:?}",
                error(text)
            );
        }
        for text in ["a:", "a: 1", "a:.1", "a:-1", "a:1+2"] {
            assert!(matches!(error(text), ReferenceError::Tag { .. }), "{text}");
        }
        for text in ["Host_x/a", "-x.y/a", "a.b:x/c", "a.b:/c", ":/c"] {
            assert!(
                matches!(error(text), ReferenceError::Domain { .. }),
                "{text}: {:?}",
                error(text)
            );
        }
        assert_eq!(error("a@sha256:0"), ReferenceError::Digest);
        assert!(matches!(error(&"a".repeat(256)), ReferenceError::Long { limit: 255, .. }));
        assert!(matches!(error(&format!("a:{}", "b".repeat(129))), ReferenceError::Long { .. }));
    }
}
