//! Media types by name.

/// The media type of a resource called `name`, ready for a `Content-Type` header.
///
/// It goes by the extension alone, in any case of letters. Text types carry `; charset=utf-8`,
/// since resources are UTF-8 wherever they are text; what is unknown is
/// `application/octet-stream`.
///
/// ```
/// use holdall_resources::media_type;
///
/// assert_eq!(media_type("data/index.html"), "text/html; charset=utf-8");
/// assert_eq!(media_type("app.mjs"), "text/javascript; charset=utf-8");
/// assert_eq!(media_type("photo.JPG"), "image/jpeg");
/// assert_eq!(media_type("LICENSE"), "application/octet-stream");
/// ```
pub fn media_type(name: &str) -> &'static str {
    let Some(extension) = extension(name) else {
        return UNKNOWN;
    };
    overridden(extension)
        .or_else(|| is_plain(extension).then_some("text/plain"))
        .or_else(|| mime_guess::from_ext(extension).first_raw())
        .map_or(UNKNOWN, with_charset)
}

/// What follows the last dot of the last segment; a leading dot begins no extension.
fn extension(name: &str) -> Option<&str> {
    let segment = name.rsplit('/').next().unwrap_or(name);
    let (stem, extension) = segment.rsplit_once('.')?;
    (!stem.is_empty()).then_some(extension)
}

fn overridden(extension: &str) -> Option<&'static str> {
    OVERRIDES
        .iter()
        .find(|(overridden, _)| overridden.eq_ignore_ascii_case(extension))
        .map(|(_, media_type)| *media_type)
}

fn is_plain(extension: &str) -> bool {
    PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(extension))
}

fn with_charset(media_type: &'static str) -> &'static str {
    let Some(subtype) = media_type.strip_prefix("text/") else {
        return media_type;
    };
    TEXT.iter().find(|(without, _)| *without == subtype).map_or(media_type, |(_, with)| *with)
}

const UNKNOWN: &str = "application/octet-stream";

/// Where `mime_guess` is wrong for a web server, dated, or silent.
const OVERRIDES: &[(&str, &str)] = &[
    // RFC 9239: text/javascript is the only one that is not obsolete.
    ("js", "text/javascript"),
    ("mjs", "text/javascript"),
    ("cjs", "text/javascript"),
    // TypeScript sources, not MPEG transport streams.
    ("ts", "text/x-typescript"),
    ("mts", "text/x-typescript"),
    ("cts", "text/x-typescript"),
    ("tsx", "text/x-typescript"),
    ("jsx", "text/javascript"),
    // Source maps are JSON (ECMA-426).
    ("map", "application/json"),
    ("json5", "application/json5"),
    ("jsonl", "application/jsonl"),
    ("ndjson", "application/x-ndjson"),
    ("jsonld", "application/ld+json"),
    ("geojson", "application/geo+json"),
    ("topojson", "application/json"),
    ("ipynb", "application/x-ipynb+json"),
    ("cbor", "application/cbor"),
    ("webmanifest", "application/manifest+json"),
    ("wasm", "application/wasm"),
    ("ico", "image/x-icon"),
    ("cur", "image/x-icon"),
    ("avif", "image/avif"),
    ("jxl", "image/jxl"),
    ("webp", "image/webp"),
    ("ktx2", "image/ktx2"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("obj", "model/obj"),
    ("mtl", "model/mtl"),
    ("stl", "model/stl"),
    ("usdz", "model/vnd.usdz+zip"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("ttf", "font/ttf"),
    ("otf", "font/otf"),
    ("opus", "audio/ogg"),
    ("m4a", "audio/mp4"),
    ("flac", "audio/flac"),
    ("mid", "audio/midi"),
    ("midi", "audio/midi"),
    // RFC 8216, section 4: playlists, which are text though they speak of sound.
    ("m3u", "application/vnd.apple.mpegurl"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("ttml", "application/ttml+xml"),
    ("vcf", "text/vcard"),
    ("xml", "application/xml"),
    ("md", "text/markdown"),
    ("mdx", "text/markdown"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("toml", "application/toml"),
    ("br", "application/x-brotli"),
    ("zst", "application/zstd"),
    ("gz", "application/gzip"),
    ("tgz", "application/gzip"),
    ("xz", "application/x-xz"),
    ("lz4", "application/x-lz4"),
    ("lzma", "application/x-lzma"),
    ("rar", "application/vnd.rar"),
    ("deb", "application/vnd.debian.binary-package"),
    ("rpm", "application/x-rpm"),
];

/// Sources and texts without a type of their own that browsers show.
#[rustfmt::skip]
const PLAIN: &[&str] = &[
    "adoc", "astro", "bash", "bat", "bib", "cmake", "dart", "diff", "env", "fish", "glsl", "go",
    "gradle", "hs", "java", "jsonc", "kt", "lock", "nix", "patch", "php", "pl", "properties",
    "proto", "ps1", "rb", "rst", "scala", "sh", "sql", "svelte", "swift", "tex", "vue", "wat",
    "wgsl", "zig", "zsh",
];

/// Makes pairs of a subtype of text and the type with its charset.
macro_rules! text {
    ($($subtype:literal),* $(,)?) => {
        &[$(($subtype, concat!("text/", $subtype, "; charset=utf-8"))),*]
    };
}

/// Every text type that `mime_guess` or the overrides know.
#[rustfmt::skip]
const TEXT: &[(&str, &str)] = text![
    "cache-manifest", "calendar", "coffeescript", "css", "csv", "dlm", "gemini", "h323", "html",
    "iuls", "jade", "javascript", "less", "markdown", "mathml", "n3", "plain", "prs.lines.tag",
    "richtext", "scriptlet", "sgml", "shex", "slim", "stylus", "tab-separated-values", "turtle",
    "uri-list", "vbscript", "vcard", "vnd.curl", "vnd.curl.dcurl", "vnd.curl.mcurl",
    "vnd.curl.scurl", "vnd.dvb.subtitle", "vnd.fly", "vnd.fmi.flexstor", "vnd.graphviz",
    "vnd.in3d.3dml", "vnd.in3d.spot", "vnd.sun.j2me.app-descriptor", "vnd.wap.wml",
    "vnd.wap.wmlscript", "vtt", "webviewhtml", "x-c", "x-component", "x-fortran", "x-gherkin",
    "x-handlebars-template", "x-hdml", "x-html-insertion", "x-lua", "x-markdown", "x-ms-contact",
    "x-ms-group", "x-ms-iqy", "x-ms-rqy", "x-nfo", "x-opml", "x-pascal", "x-processing",
    "x-rust", "x-sass", "x-scss", "x-setext", "x-sfv", "x-suse-ymp", "x-toml", "x-typescript", "x-uuencode",
    "x-vcard", "x-yaml", "xml",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_web_has_its_types() {
        for (name, expected) in [
            ("a.html", "text/html; charset=utf-8"),
            ("a.HTM", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.d.ts", "text/x-typescript; charset=utf-8"),
            ("a.js.map", "application/json"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.woff2", "font/woff2"),
            ("a.avif", "image/avif"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.css.br", "application/x-brotli"),
            ("a.css.zst", "application/zstd"),
            ("a.tar.gz", "application/gzip"),
            ("a.pdf", "application/pdf"),
            ("a.png", "image/png"),
            ("a.heic", "image/heic"),
            ("a.jxl", "image/jxl"),
            ("a.vtt", "text/vtt; charset=utf-8"),
            ("a.ics", "text/calendar; charset=utf-8"),
            ("a.vcf", "text/vcard; charset=utf-8"),
            ("a.weba", "audio/webm"),
            ("a.m3u8", "application/vnd.apple.mpegurl"),
            ("a.mpd", "application/dash+xml"),
            ("a.atom", "application/atom+xml"),
            ("a.rss", "application/rss+xml"),
            ("a.xml", "application/xml"),
            ("a.xhtml", "application/xhtml+xml"),
            ("a.apk", "application/vnd.android.package-archive"),
            ("a.7z", "application/x-7z-compressed"),
            ("a.usdz", "model/vnd.usdz+zip"),
            ("a.csv", "text/csv; charset=utf-8"),
            ("a.log", "text/plain; charset=utf-8"),
            ("a.conf", "text/plain; charset=utf-8"),
            ("a.rst", "text/plain; charset=utf-8"),
            ("a.SH", "text/plain; charset=utf-8"),
            ("a.rs", "text/x-rust; charset=utf-8"),
        ] {
            assert_eq!(media_type(name), expected, "{name}");
        }
    }

    #[test]
    fn without_a_known_extension_it_is_bytes() {
        for name in ["LICENSE", ".html", "a.d/b", "a.", "a.unheard-of", "größe"] {
            assert_eq!(media_type(name), "application/octet-stream", "{name}");
        }
    }

    #[test]
    fn every_text_type_has_its_charset() {
        let known = mime_guess::get_extensions("text", "*").expect("text has extensions");
        let overrides = OVERRIDES.iter().map(|(extension, _)| extension);
        for extension in known.iter().chain(overrides) {
            let media_type = media_type(&format!("a.{extension}"));
            let is_text = media_type.starts_with("text/");
            assert_eq!(
                media_type.ends_with("; charset=utf-8"),
                is_text,
                "{extension}: {media_type}"
            );
        }
    }
}
