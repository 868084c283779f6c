//! The name of a request in logs.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// The name of one request, the same in the access log, in error lines and in the answer to the
/// client; the client's or a proxy's own, where it sent a usable `X-Request-Id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestId {
    /// Made here: two numbers that no other request of this process has.
    Ours {
        /// The number of the connection.
        connection: u64,
        /// The nanosecond of the connection in which the request came.
        moment: u64,
    },
    /// As the client sent it.
    Sent(Box<str>),
}

/// The most bytes of a client's id that are used.
const LONGEST: usize = 64;

/// Distinguishes this process from its successors.
static PROCESS: LazyLock<u32> = LazyLock::new(|| RandomState::new().hash_one(0) as u32);

impl RequestId {
    /// The id that a client sent, unless it is too long or could be more than a word.
    pub fn sent(value: &[u8]) -> Option<Self> {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
        if value.is_empty() || value.len() > LONGEST || !value.iter().all(is_word) {
            return None;
        }
        std::str::from_utf8(value).ok().map(|text| Self::Sent(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours { connection, moment } => {
                write!(formatter, "{:08x}-{connection:x}-{moment:x}", *PROCESS)
            }
            Self::Sent(id) => formatter.write_str(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_are_taken_from_clients() {
        assert_eq!(RequestId::sent(b"a-1").map(|id| id.to_string()), Some("a-1".to_owned()));
        for bad in [&b""[..], b"a b", b"a\nb", b"a\"b", b"\xff", &[b'a'; 65]] {
            assert_eq!(RequestId::sent(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn ours_differ() {
        let id = |connection, moment| RequestId::Ours { connection, moment }.to_string();
        assert_ne!(id(1, 2), id(1, 3));
        assert_ne!(id(1, 2), id(2, 2));
    }
}
