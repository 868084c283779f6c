//! Names of passed descriptors, as sd_listen_fds(3) and `FDNAME=` of sd_notify(3) limit them.

/// `FDNAME_MAX` of systemd, in bytes.
const MAX_LENGTH: usize = 255;

/// 1 to 255 printable ASCII characters without the `:` that separates names.
pub(crate) fn is_valid(name: &str) -> bool {
    let is_allowed = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b':';
    (1..=MAX_LENGTH).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn names_are_short_printable_and_without_colons() {
        assert!(is_valid("tcp.8080") && is_valid(&"n".repeat(255)));
        for bad in ["", "a:b", "a\nb", "gr\u{fc}n", &"n".repeat(256)] {
            assert!(!is_valid(bad), "{bad:?}");
        }
    }
}
