//! Names that hold a hash of their content, as build tools make them.

/// Whether a name says that its content never changes: `app.3f9a2c1b.js`, `index-BXh4_6yx.css`.
pub(crate) fn is_hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    // What may follow the hash: `.js`, `.js.map`, `.min.css`.
    let dots =
        file.match_indices('.').map(|(at, _)| &file[..at]).skip(usize::from(file.starts_with('.')));
    dots.into_iter().any(|stem| ends_in_hex(stem) || ends_in_base64(stem))
}

/// 8 to 64 hexadecimal digits with letters and numerals among them.
fn ends_in_hex(stem: &str) -> bool {
    let hash = stem.rsplit(['.', '-', '_']).next().unwrap_or_default();
    let has = |test: fn(&u8) -> bool| hash.as_bytes().iter().any(test);
    hash.len() < stem.len()
        && (8..=64).contains(&hash.len())
        && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase)
}

/// 8 characters of base64url, so mixed that no word is like it.
fn ends_in_base64(stem: &str) -> bool {
    const LENGTH: usize = 8;
    const LEAST_CHANGES: usize = 4;
    let Some((before, hash)) =
        stem.len().checked_sub(LENGTH).and_then(|at| stem.split_at_checked(at))
    else {
        return false;
    };
    let kind = |byte: &u8| match byte {
        b'A'..=b'Z' => Some(0),
        b'a'..=b'z' => Some(1),
        b'0'..=b'9' => Some(2),
        b'-' | b'_' => Some(3),
        _ => None,
    };
    let kinds: Vec<_> = hash.as_bytes().iter().map_while(kind).collect();
    let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    before.ends_with(['.', '-']) && kinds.len() == LENGTH && changes >= LEAST_CHANGES
}

#[cfg(test)]
mod tests {
    use super::is_hashed;

    #[test]
    fn what_build_tools_make_is_known() {
        for name in [
            "app.3f9a2c1b.js",
            "assets/index-BXh4_6yx.css",
            "static/js/main.8d2f7e41.chunk.js",
            "main.8d2f7e41.js.map",
            "logo_0a1b2c3d4e5f60718293a4b5c6d7e8f9.svg",
            "chunk-2Q3fWz9d.js",
        ] {
            assert!(is_hashed(name), "{name}");
        }
    }

    #[test]
    fn words_dates_and_versions_are_no_hashes() {
        for name in [
            "index.html",
            "photo-20240115.jpg",
            "jquery-3.7.1.min.js",
            "bootstrap.bundle.js",
            "Book-Chapter1.pdf",
            "font-FontName.woff2",
            "3f9a2c1b.js",
            "defaced-facade.js",
            "3f9a2c1b/app.js",
            ".3f9a2c1b",
            "release-1.2.3-beta.tar",
        ] {
            assert!(!is_hashed(name), "{name}");
        }
    }
}
