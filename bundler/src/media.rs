//! Which files are worth compressing, by their media type.

/// Says whether content of this media type is compressed already, so that trying is a waste.
pub fn is_compressed(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    match essence.split_once('/') {
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

const COMPRESSED_APPLICATIONS: [&str; 16] = [
    "font-woff",
    "font-woff2",
    "gzip",
    "java-archive",
    "vnd.android.package-archive",
    "vnd.rar",
    "x-7z-compressed",
    "x-bzip",
    "x-bzip2",
    "x-gzip",
    "x-lzma",
    "x-rar-compressed",
    "x-xz",
    "zip",
    "zstd",
    "x-zstd",
];

#[cfg(test)]
mod tests {
    use super::is_compressed;

    #[test]
    fn pictures_are_and_texts_are_not() {
        for yes in ["image/png", "video/mp4", "font/woff2", "application/zip", "application/gzip"] {
            assert!(is_compressed(yes), "{yes}");
        }
        for no in ["text/html; charset=utf-8", "image/svg+xml", "application/wasm", "font/ttf", ""]
        {
            assert!(!is_compressed(no), "{no}");
        }
    }
}
