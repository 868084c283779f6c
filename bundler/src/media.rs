//! The media types of resources, and which of them are worth compressing.

use crate::config::{Found, Place};
use crate::globs::{self, GlobError};
use globset::GlobSet;

/// The longest media type that the index of a bundle holds, in bytes.
const LENGTH_MAX: usize = 255;

/// Media types that the user has chosen, by glob, in the order of the manifest.
#[derive(Debug, Clone, Default)]
pub struct MediaTypes(Vec<(GlobSet, String)>);

/// Why a media type of `[resources.media-types]` can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MediaTypeError {
    /// It is none.
    #[error(
        "{place}: {value:?} is no media type, which is as `text/plain; charset=utf-8`, \
         in ASCII and at most {LENGTH_MAX} bytes"
    )]
    Wrong {
        /// Where it stands.
        place: Place,
        /// What it is.
        value: String,
    },
    /// Its glob is wrong.
    #[error("{place}")]
    Glob {
        /// Where the glob stands.
        place: Place,
        /// What is wrong with it.
        source: GlobError,
    },
}

impl MediaTypes {
    /// Takes those of the manifest.
    ///
    /// # Errors
    /// [`MediaTypeError`].
    pub fn new(found: &Found) -> Result<Self, MediaTypeError> {
        let mut pairs: Vec<_> = found.config.resources.media_types.iter().collect();
        pairs.sort_by_key(|(glob, _)| glob.span().start);
        let compiled = pairs.into_iter().map(|(glob, value)| {
            let wrong = |source| MediaTypeError::Glob { place: found.place(glob.span()), source };
            let globs = globs::compile(std::slice::from_ref(glob.get_ref())).map_err(wrong)?;
            let media_type = value.get_ref().clone();
            match is_media_type(&media_type) {
                true => Ok((globs, media_type)),
                false => Err(MediaTypeError::Wrong {
                    place: found.place(value.span()),
                    value: media_type,
                }),
            }
        });
        compiled.collect::<Result<_, _>>().map(Self)
    }

    /// The type that was chosen for a name: of several, the last.
    pub fn get(&self, name: &str) -> Option<&str> {
        let chosen = self.0.iter().rev().find(|(globs, _)| globs.is_match(name));
        chosen.map(|(_, media_type)| media_type.as_str())
    }
}

/// Whether a text is a media type (RFC 9110, section 8.3.1) that the index can hold.
fn is_media_type(text: &str) -> bool {
    let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let (essence, parameters) = text.split_once(';').unwrap_or((text, "charset=utf-8"));
    let has_essence = essence
        .trim_end()
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    let has_parameters = parameters
        .split_once('=')
        .is_some_and(|(name, value)| is_token(name.trim_start()) && !value.is_empty());
    has_essence && has_parameters && text.len() <= LENGTH_MAX && text.bytes().all(is_printable)
}

fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

/// Says whether content of this media type is compressed already, so that trying is a waste.
pub fn is_compressed(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence.split_once('/') {
        Some((_, kind)) if kind.ends_with("+zip") => true,
        Some(("image", kind)) => {
            !matches!(kind, "svg+xml" | "bmp" | "x-icon" | "vnd.microsoft.icon")
        }
        Some(("audio", kind)) => !matches!(kind, "wav" | "x-wav" | "midi" | "aiff"),
        Some(("video", _)) => true,
        Some(("font", kind)) => matches!(kind, "woff" | "woff2"),
        Some(("application", kind)) => COMPRESSED_APPLICATIONS.contains(&kind),
        _ => false,
    }
}

const COMPRESSED_APPLICATIONS: [&str; 20] = [
    "font-woff",
    "font-woff2",
    "gzip",
    "java-archive",
    "vnd.debian.binary-package",
    "vnd.android.package-archive",
    "vnd.rar",
    "x-7z-compressed",
    "x-brotli",
    "x-bzip",
    "x-bzip2",
    "x-gzip",
    "x-lz4",
    "x-lzma",
    "x-rar-compressed",
    "x-rpm",
    "x-xz",
    "zip",
    "zstd",
    "x-zstd",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_and_texts_are_not() {
        for yes in [
            "image/png",
            "video/mp4",
            "font/woff2",
            "application/zip",
            "application/gzip",
            "application/epub+zip",
            "application/x-brotli",
        ] {
            assert!(is_compressed(yes), "{yes}");
        }
        for no in [
            "text/html; charset=utf-8",
            "image/svg+xml",
            "application/wasm",
            "font/ttf",
            "audio/midi",
            "",
        ] {
            assert!(!is_compressed(no), "{no}");
        }
    }

    #[test]
    fn media_types_are_told_from_other_texts() {
        for good in ["text/x-foo", "text/html; charset=utf-8", "a/b+c;d=\"e; f\"", "a/b ;c=d"] {
            assert!(is_media_type(good), "{good}");
        }
        let long = format!("text/{}", "x".repeat(251));
        for bad in [
            "", "text", "/", "text/", "/x", "a/b/c", "text /x", "a/b;", "a/b; c", "a/b; c=", "a/ü",
            "a/b\n", &long,
        ] {
            assert!(!is_media_type(bad), "{bad:?}");
        }
    }
}
