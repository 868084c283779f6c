//! A content security policy that allows the script and its stream, and nothing else that it did not
//! allow before (CSP level 3, section 6.7).

use super::{SCRIPT, STREAM};

/// The value of a field, in which `host` may give the script and the stream.
pub(super) fn allowing(field: &str, host: &str) -> String {
    let policies = field.split(',').map(|policy| {
        let mut directives: Vec<Directive> = policy.split(';').filter_map(directive).collect();
        // The first of these that is there decides.
        let kinds = [
            (&["script-src-elem", "script-src", "default-src"][..], SCRIPT),
            (&["connect-src", "default-src"], STREAM),
        ];
        for (names, path) in kinds {
            add(&mut directives, names, &format!("{host}{path}"));
        }
        let texts: Vec<_> =
            directives.iter().map(|(name, list)| format!("{name} {list}")).collect();
        texts.join("; ")
    });
    policies.collect::<Vec<_>>().join(", ")
}

/// A name in lower case, and its value.
type Directive = (String, String);

fn directive(text: &str) -> Option<Directive> {
    let text = text.trim();
    let (name, list) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (!name.is_empty()).then(|| (name.to_ascii_lowercase(), list.trim().to_owned()))
}

/// Adds a source to what decides about the first of these names; `'none'` stands alone.
fn add(directives: &mut Vec<Directive>, names: &[&str], source: &str) {
    let found = |name: &&str| directives.iter().position(|(known, _)| known == name);
    let Some(at) = names.iter().find_map(found) else { return };
    let list = directives[at].1.split_whitespace().filter(|it| !it.eq_ignore_ascii_case("'none'"));
    let list = list.chain([source]).collect::<Vec<_>>().join(" ");
    match directives[at].0.as_str() {
        "default-src" => directives.push((names[0].to_owned(), list)),
        _ => directives[at].1 = list,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_is_widened_and_nothing_else() {
        let cases = [
            ("img-src 'self'", "img-src 'self'"),
            (
                "default-src 'none'; style-src 'self'",
                "default-src 'none'; style-src 'self'; script-src-elem h:1/.holdall/reload.js; \
                 connect-src h:1/.holdall/reload",
            ),
            (
                "Script-Src 'self';connect-src  a.example;",
                "script-src 'self' h:1/.holdall/reload.js; connect-src a.example h:1/.holdall/reload",
            ),
            (
                "script-src a, script-src",
                "script-src a h:1/.holdall/reload.js, script-src h:1/.holdall/reload.js",
            ),
        ];
        for (before, after) in cases {
            assert_eq!(allowing(before, "h:1"), after);
        }
    }
}
