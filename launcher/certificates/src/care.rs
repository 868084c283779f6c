//! Who looks after the files of a source, and so who tells what is wrong with them.

use std::net::IpAddr;
use std::path::Path;

use rustls::pki_types::DnsName;

/// Who looks after the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// People, or programs of theirs: they are told of all that is wrong.
    Others,
    /// An ACME client of this process: it tells of its files itself, and mends them.
    Ourselves,
}

impl Care {
    /// Whether what is wrong with this file is to be told, as nobody else does.
    pub fn tells(self, path: &Path) -> bool {
        self == Self::Others || name_of(path).is_none()
    }

    /// Whether a certificate with `new` names may take the place of one with `old` names. In a
    /// `NAME.pem` of ours, one without that name is damage: what was there serves until it is mended.
    pub fn replaces(self, path: &Path, old: &[String], new: &[String]) -> bool {
        let name = name_of(path).filter(|_| self == Self::Ourselves);
        name.is_none_or(|name| covers(new, name) || !covers(old, name))
    }

    /// Whether a file of this name is none of the source: what an ACME client keeps for itself
    /// changes with every step that it takes, and a look at ten thousand files is not for free.
    pub fn ignores(self, name: &[u8]) -> bool {
        let ends = [".state", ".order", ".prev", ".json"];
        self == Self::Ourselves
            && (name.starts_with(b".tmp-") || ends.iter().any(|end| name.ends_with(end.as_bytes())))
    }
}

/// The name in a `NAME.pem`: that of a host, a wildcard or an address.
fn name_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_suffix(".pem")?;
    let host = name.strip_prefix("*.").unwrap_or(name);
    let is_name = name.parse::<IpAddr>().is_ok() || DnsName::try_from(host).is_ok();
    (is_name && name != "DEFAULT").then_some(name)
}

/// Whether one of these is the name, or a wildcard for it.
fn covers(names: &[String], name: &str) -> bool {
    let parent = name.split_once('.').map(|(_, parent)| parent);
    let is_wildcard = |one: &String| one.strip_prefix("*.").is_some_and(|one| parent == Some(one));
    names.iter().any(|one| one == name || is_wildcard(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_keeps_for_itself_is_ignored() {
        for own in [".tmp-0123456789abcdef", "a.example.state", "a.example.pem.prev"] {
            assert!(Care::Ourselves.ignores(own.as_bytes()), "{own}");
            assert!(!Care::Others.ignores(own.as_bytes()), "{own}");
        }
        for other in ["a.example.pem", "a.key", "..data", ".tmp"] {
            assert!(!Care::Ourselves.ignores(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn only_files_of_names_are_told_of_by_somebody_else() {
        for tended in ["a.example.pem", "*.a.example.pem", "::1.pem", "127.0.0.1.pem"] {
            assert!(!Care::Ourselves.tells(Path::new(tended)), "{tended}");
            assert!(Care::Others.tells(Path::new(tended)), "{tended}");
        }
        for other in ["DEFAULT.pem", "a.key", "a.crt", "my certificate.pem", ".pem", "/"] {
            assert!(Care::Ourselves.tells(Path::new(other)), "{other}");
        }
    }

    #[test]
    fn a_certificate_gives_way_only_to_one_that_is_for_the_name_too() {
        let replaces = |care: Care, file: &str, old: &str, new: &str| {
            care.replaces(Path::new(file), &[old.to_owned()], &[new.to_owned()])
        };
        let ours = |file, old, new| replaces(Care::Ourselves, file, old, new);
        assert!(ours("/d/a.example.pem", "a.example", "*.example"));
        assert!(!ours("/d/a.example.pem", "a.example", "b.example"));
        assert!(!ours("/d/127.0.0.1.pem", "127.0.0.1", "a.example"));
        assert!(ours("/d/DEFAULT.pem", "a.example", "b.example"));
        // It never was one of ours.
        assert!(ours("/d/mine.pem", "a.example", "b.example"));
        assert!(replaces(Care::Others, "/d/a.example.pem", "a.example", "b.example"));
    }
}
