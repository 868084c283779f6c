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
        self == Self::Others || !is_of_a_name(path)
    }

    /// Whether a file of this name is none of the source: what an ACME client keeps for itself
    /// changes with every step that it takes, and a look at ten thousand files is not for free.
    pub fn ignores(self, name: &[u8]) -> bool {
        let ends = [".state", ".order", ".prev", ".json"];
        self == Self::Ourselves
            && (name.starts_with(b".tmp-") || ends.iter().any(|end| name.ends_with(end.as_bytes())))
    }
}

/// Whether the file is a `NAME.pem`, with the name of a host, a wildcard or an address.
fn is_of_a_name(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(name) = name.strip_suffix(".pem").filter(|name| *name != "DEFAULT") else {
        return false;
    };
    let host = name.strip_prefix("*.").unwrap_or(name);
    name.parse::<IpAddr>().is_ok() || DnsName::try_from(host).is_ok()
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
}
