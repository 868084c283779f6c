//! One HTML page that needs nothing else: no network, no files beside it.
//!
//! What it shows is made from the data in it by its own script; the policy in its head allows that
//! script and that style, by their digests, and nothing else (CSP 3, W3C).

use super::data::Data;
use base64::prelude::{BASE64_STANDARD, Engine};
use sha2::{Digest, Sha256};
use std::io::{self, Write};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str =
    concat!(include_str!("page.css"), include_str!("map.css"), include_str!("tables.css"));
const SCRIPT: &str = concat!(
    include_str!("model.js"),
    include_str!("treemap.js"),
    include_str!("map.js"),
    include_str!("entries.js"),
    include_str!("page.js")
);

/// Writes the page: the same bundle always gives the same bytes.
///
/// # Errors
/// Those of `out`.
pub fn write(data: &Data, out: &mut dyn Write) -> io::Result<()> {
    let mut rest = TEMPLATE;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
    {
        out.write_all(before.as_bytes())?;
        match name {
            "title" => out.write_all(as_text(&data.file_name()).as_bytes())?,
            "policy" => out.write_all(policy().as_bytes())?,
            "style" => out.write_all(STYLE.as_bytes())?,
            "script" => out.write_all(SCRIPT.as_bytes())?,
            "data" => data.write_json(out)?,
            _ => unreachable!("the template has no {name}"),
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// What the page may do: nothing that reaches outside of it.
fn policy() -> String {
    let digest = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; \
         base-uri 'none'; form-action 'none'",
        digest(SCRIPT),
        digest(STYLE)
    )
}

/// Text as HTML has it (WHATWG HTML, "escapingString").
fn as_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_made_of_what_is_in_it() {
        for text in [TEMPLATE, STYLE, SCRIPT] {
            for outside in ["//", "@import", "url(", "fetch(", "import(", "XMLHttpRequest"] {
                let found = text.lines().find(|line| {
                    // A comment in a script is no address, and neither is the name of a language.
                    let line = line.trim_start();
                    line.contains(outside)
                        && !line.starts_with("//")
                        && !line.contains("www.w3.org")
                });
                assert_eq!(found, None, "{outside}");
            }
        }
    }

    #[test]
    fn nothing_in_script_or_style_ends_them() {
        assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</"));
        // HTML reads a carriage return as a line feed, which would change the digests.
        assert!(!SCRIPT.contains('\r') && !STYLE.contains('\r'));
    }

    #[test]
    fn names_are_text() {
        assert_eq!(as_text("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }
}
