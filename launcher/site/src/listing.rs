//! The page that shows what is in a directory.

use std::fmt::Write;

use holdall_resources::{Child, Error, Kind, Resources};
use http::HeaderValue;

use crate::path::encode;

/// The page needs nothing but its own style.
pub(crate) const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");

const STYLE: &str = "\
:root{color-scheme:light dark;--back:#f6f7f9;--page:#fff;--line:#8883;--dim:#666c75;--link:#0a58ca}\
@media(prefers-color-scheme:dark){\
:root{--back:#121316;--page:#1b1d21;--dim:#9aa1ab;--link:#8ab4f8}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:3rem auto;padding:0 1rem;\
background:var(--back)}\
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}\
h1{font-size:1.25rem;font-weight:600;margin:0 1rem 1rem;overflow-wrap:anywhere}\
h1 a{color:var(--dim)}h1 a:last-child{color:inherit}\
table{width:100%;border-spacing:0;background:var(--page);border:1px solid var(--line);\
border-radius:.75rem;overflow:hidden}\
td{padding:.5rem 1rem}tr+tr td{border-top:1px solid var(--line)}\
tr:hover td{background:#8881}\
td:first-child{overflow-wrap:anywhere}td a[href$='/']{font-weight:600}\
td+td{padding-left:0;text-align:right;white-space:nowrap;color:var(--dim);\
font-size:.875rem;font-variant-numeric:tabular-nums}\
@media(max-width:32rem){body{margin:1.5rem auto}td:nth-child(2){display:none}}";

/// The page of a directory that is served at a decoded path.
///
/// # Errors
/// If the directory can't be read.
pub(crate) fn page(resources: &Resources, directory: &str, path: &str) -> Result<String, Error> {
    let mut children = resources.list(directory)?;
    children.sort_by_key(|child| child.kind == Kind::File);
    let mut page = String::with_capacity(2048 + 160 * children.len());
    let title = escape(path);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<h1>"
    );
    crumbs(&mut page, path);
    page.push_str("</h1>\n<table>\n");
    if path != "/" {
        page.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for child in &children {
        row(&mut page, resources, directory, child)?;
    }
    page.push_str("</table>\n</html>\n");
    Ok(page)
}

/// The path, each of its directories a link.
fn crumbs(page: &mut String, path: &str) {
    page.push_str("<a href=\"/\">/</a>");
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
    let mut begin = 1;
    for end in ends {
        let _ = write!(
            page,
            "<a href=\"{}/\">{}/</a>",
            encode(&path[..end]),
            escape(&path[begin..end])
        );
        begin = end + 1;
    }
}

fn row(
    page: &mut String,
    resources: &Resources,
    directory: &str,
    child: &Child,
) -> Result<(), Error> {
    let name = &child.name;
    // A name with a colon would be taken for a scheme.
    let link = format!("./{}", encode(name));
    let text = escape(name);
    if child.kind == Kind::Directory {
        let _ = writeln!(page, "<tr><td><a href=\"{link}/\">{text}/</a><td><td>");
        return Ok(());
    }
    let full = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
    let Some(resource) = resources.find(&full)? else { return Ok(()) };
    let media_type = resource.media_type();
    let kind = media_type.split(';').next().unwrap_or_default();
    let _ = writeln!(
        page,
        "<tr><td><a href=\"{link}\">{text}</a><td>{}<td>{}",
        escape(kind),
        size(resource.size())
    );
    Ok(())
}

/// `1.4 MB`, in powers of 1000.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            let digits = usize::from(unit != "B" && value < 9.95);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (12_345, "12 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_400_000, "1.4 MB"),
            (5_000_000_000_000, "5.0 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn names_are_text_and_links_stay_here() {
        let directory = tempfile::tempdir().unwrap();
        let name = "<img src=x onerror=alert(1)>&\"'.txt";
        std::fs::write(directory.path().join(name), "x").unwrap();
        std::fs::write(directory.path().join("javascript:alert(1)"), "x").unwrap();
        std::fs::create_dir(directory.path().join("a b")).unwrap();
        let resources = Resources::from_directory(directory.path()).unwrap();
        let page = page(&resources, "", "/x y/").unwrap();
        assert!(!page.contains("<img") && page.contains("&lt;img src=x"), "{page}");
        assert!(page.contains("href=\"./javascript:alert(1)\""), "{page}");
        assert!(page.contains("href=\"./a%20b/\">a b/</a>"), "{page}");
        assert!(page.contains("<a href=\"/x%20y/\">x y/</a>"), "{page}");
    }
}
