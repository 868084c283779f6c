//! The style that can be counted: every source file of this repository keeps to it.
//!
//! A file that tells one story fits on a few screens, a function on one. What a rule is for, and
//! the figures, are in CONTRIBUTING.md.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;
/// A test may hold a table of cases.
const TEST_LINES: usize = 100;
const LINE_COLUMNS: usize = 120;

/// Where `unsafe` may be: at the border to other languages and to the kernel.
const UNSAFE_PATHS: [&str; 11] = [
    "launcher/archive/src/checked.rs",
    "launcher/archive/src/note.rs",
    "launcher/archive/src/source.rs",
    "launcher/endpoint/src/descriptor.rs",
    "launcher/plugin/",
    "launcher/process/src/system.rs",
    "launcher/process/tests/sandbox.rs",
    "launcher/resources/tests/",
    "launcher/src/exec.rs",
    "tests/bench/src/measure.rs",
    "tests/bench/subjects/",
];

/// A source file: where it is, and what it says.
struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file that belongs to the repository.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for directory in ["app", "bundler", "launcher", "tests"] {
        collect(&root().join(directory), directory, &mut found);
    }
    assert!(found.len() > 50, "only {} files: is this the repository?", found.len());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(directory: &Path, name: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let file_name = entry.file_name().into_string().unwrap();
        let path = format!("{name}/{file_name}");
        if entry.file_type().unwrap().is_dir() {
            if file_name != "target" && !file_name.starts_with('.') {
                collect(&entry.path(), &path, found);
            }
        } else if file_name.ends_with(".rs") {
            found.push(Source { path, text: fs::read_to_string(entry.path()).unwrap() });
        }
    }
}

/// Fails with one line for each place that breaks a rule.
fn check(rule: &str, broken: impl Fn(&Source) -> Vec<(usize, String)>) {
    let mut report = String::new();
    for source in sources() {
        for (line, what) in broken(&source) {
            writeln!(report, "  {}:{line}: {what}", source.path).unwrap();
        }
    }
    assert!(report.is_empty(), "{rule}:\n{report}");
}

/// The lines with what is inside strings and comments blanked out, so that braces can be counted.
fn code_lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let skipped = skip(rest);
        let taken = skipped.unwrap_or(char.len_utf8());
        for char in rest[..taken].chars() {
            match (char, skipped) {
                ('\n', _) => lines.push(String::new()),
                (_, Some(_)) => {}
                (char, None) => lines.last_mut().unwrap().push(char),
            }
        }
        rest = &rest[taken..];
    }
    lines
}

/// How many bytes a comment, string or character at the start of `text` takes; `None` if there is
/// none.
fn skip(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(text.find("*/").map_or(text.len(), |end| end + 2));
    }
    if let Some(hashes) = raw_string(text) {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = hashes + 2;
        return Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()));
    }
    match bytes {
        [b'"', ..] => Some(quoted(bytes, b'"')),
        [b'\'', b'\\', ..] => Some(quoted(bytes, b'\'')),
        [b'\'', _, b'\'', ..] => Some(3),
        _ => None,
    }
}

/// The number of `#` if `text` begins with a raw string.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The first line, from 1, and the length in lines of each function.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines = code_lines(text);
    let starts = (0..lines.len()).filter(|&at| begins_function(&lines[at]));
    starts.filter_map(|at| Some((at + 1, length(&lines[at..])?))).collect()
}

fn begins_function(line: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    let before = words.iter().position(|word| *word == "fn").map(|at| &words[..at]);
    before.is_some_and(|before| {
        before.iter().all(|word| {
            word.starts_with("pub") || ["const", "async", "unsafe", "extern", "in"].contains(word)
        })
    })
}

/// How many lines a function takes to its closing brace; `None` if it has no body.
fn length(lines: &[String]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut parentheses = 0_usize;
    for (at, line) in lines.iter().enumerate() {
        for char in line.chars() {
            match char {
                '(' | '[' => parentheses += 1,
                ')' | ']' => parentheses = parentheses.saturating_sub(1),
                '{' => depth += 1,
                '}' if depth == 1 => return Some(at + 1),
                '}' => depth = depth.saturating_sub(1),
                ';' if depth == 0 && parentheses == 0 => return None,
                _ => {}
            }
        }
    }
    None
}

#[test]
fn files_are_short() {
    check(&format!("a file has at most {FILE_LINES} lines"), |source| {
        let lines = source.text.lines().count();
        if lines > FILE_LINES { vec![(lines, format!("{lines} lines"))] } else { vec![] }
    });
}

#[test]
fn functions_are_short() {
    check(&format!("a function has at most {FUNCTION_LINES} lines"), |source| {
        let limit = if source.path.contains("/tests/") { TEST_LINES } else { FUNCTION_LINES };
        let long = functions(&source.text).into_iter().filter(|(_, length)| *length > limit);
        long.map(|(line, length)| (line, format!("{length} lines"))).collect()
    });
}

#[test]
fn lines_are_short() {
    check(&format!("a line has at most {LINE_COLUMNS} columns"), |source| {
        let lines = source.text.lines().map(|line| line.chars().count()).enumerate();
        let long = lines.filter(|(_, columns)| *columns > LINE_COLUMNS);
        long.map(|(at, columns)| (at + 1, format!("{columns} columns"))).collect()
    });
}

#[test]
fn unsafe_stays_at_the_borders() {
    check("unsafe is for the modules that UNSAFE_PATHS lists", |source| {
        if UNSAFE_PATHS.iter().any(|allowed| source.path.starts_with(allowed)) {
            return Vec::new();
        }
        let is_unsafe = |line: &String| {
            line.split(|char: char| !char.is_alphanumeric() && char != '_')
                .any(|word| word == "unsafe")
        };
        let lines = code_lines(&source.text);
        let found = lines.iter().enumerate().filter(|(_, line)| is_unsafe(line));
        found.map(|(at, line)| (at + 1, line.trim().to_owned())).collect()
    });
}

#[test]
fn every_file_says_what_it_is() {
    check("a file begins with a line of //! or with #![doc = include_str!(…)]", |source| {
        let first = source.text.lines().next().unwrap_or_default();
        let says = first.starts_with("//! ") || first.starts_with("#![doc = include_str!");
        if says { vec![] } else { vec![(1, first.to_owned())] }
    });
}

#[test]
fn modules_have_names() {
    check("a module is NAME.rs, and is named for what it holds", |source| {
        let name = source.path.rsplit('/').next().unwrap_or_default();
        let vague = ["mod.rs", "utils.rs", "util.rs", "common.rs", "helpers.rs", "misc.rs"];
        if vague.contains(&name) { vec![(1, name.to_owned())] } else { vec![] }
    });
}

#[test]
fn the_counting_is_right() {
    let text = "\
fn short() {}\n\
trait T {\n    fn none(&self, x: [u8; 2]);\n}\n\
pub(crate) const fn long<'a>(x: &'a str) -> char {\n    let _ = \"}\"; // }\n    '}'\n}\n\
fn raw() {\n    let _ = r#\"}\n\"}\"#;\n}\n";
    assert_eq!(functions(text), [(1, 1), (5, 4), (9, 4)]);
    assert!(code_lines("let a = \"unsafe\"; // unsafe\n").iter().all(|l| !l.contains("unsafe")));
}
