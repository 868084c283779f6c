//! What a hook is called with: words that are safe to send as lines.

use std::path::Path;
use std::time::Duration;

use super::hook::HookError;

/// The longest word, in bytes.
const MAX_WORD: usize = 1024;

/// The most arguments, so that a call fits into one packet.
const MAX_ARGUMENTS: usize = 16;

/// A hook, its arguments, and how long it may run. No word has a control character.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    hook: String,
    arguments: Vec<String>,
    /// In whole milliseconds.
    limit: Duration,
}

impl Call {
    /// Fails with [`HookError::BadArgument`], of which the path can be one as well.
    pub(super) fn new(hook: &Path, arguments: &[&str], limit: Duration) -> Result<Self, HookError> {
        let bad = |argument: &str| HookError::BadArgument { argument: argument.to_owned() };
        let path = hook.to_str().filter(|path| is_word(path));
        let path = path.ok_or_else(|| bad(&hook.to_string_lossy()))?;
        let wrong = arguments.iter().enumerate();
        let wrong = wrong.filter(|(index, argument)| *index >= MAX_ARGUMENTS || !is_word(argument));
        match wrong.map(|(_, argument)| argument).next() {
            Some(argument) => Err(bad(argument)),
            None => Ok(Self {
                hook: path.to_owned(),
                arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
                limit: whole_milliseconds(limit),
            }),
        }
    }

    pub(super) fn hook(&self) -> &Path {
        Path::new(&self.hook)
    }

    /// With the path as the first, as execve(2) wants it.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        [&self.hook].into_iter().chain(&self.arguments).map(String::as_str)
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// The limit, then the path and each argument as one line.
    pub(super) fn to_text(&self) -> String {
        let words: Vec<_> = self.words().collect();
        format!("{} {}", self.limit.as_millis(), words.join("\n"))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (limit, words) = text.split_once(' ')?;
        let limit = Duration::from_millis(limit.parse().ok()?);
        let words: Vec<_> = words.split('\n').collect();
        let (hook, arguments) = words.split_first()?;
        Self::new(Path::new(hook), arguments, limit).ok()
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= MAX_WORD && !text.chars().any(char::is_control)
}

fn whole_milliseconds(limit: Duration) -> Duration {
    Duration::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(300);

    fn refused(hook: &str, arguments: &[&str]) -> Option<String> {
        match Call::new(Path::new(hook), arguments, LIMIT) {
            Err(HookError::BadArgument { argument }) => Some(argument),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn calls_come_back() {
        let longest = "x".repeat(1024);
        let all: &[&[&str]] =
            &[&[], &[""], &["", "a b", ":\"'", "gr\u{fc}n"], &[longest.as_str(); 16]];
        for arguments in all {
            let call = Call::new(Path::new("/srv/dns hook"), arguments, LIMIT).unwrap();
            assert_eq!(Call::parse(&call.to_text()), Some(call));
        }
        let call = Call::new(Path::new("hook"), &[], Duration::MAX).unwrap();
        assert_eq!(Call::parse(&call.to_text()), Some(call));
    }

    #[test]
    fn words_that_are_no_lines_are_refused() {
        for bad in ["a\nb", "a\0", "\u{1b}[2J", "\u{85}", "\u{7f}", &"x".repeat(1025)] {
            assert_eq!(refused("hook", &["fine", bad]).as_deref(), Some(bad));
            assert_eq!(refused(bad, &["fine"]).as_deref(), Some(bad));
        }
        assert_eq!(refused("hook", &["fine"; 17]).as_deref(), Some("fine"));
    }

    #[test]
    fn other_texts_are_no_calls() {
        for text in ["", "300", "x hook", "-1 hook", "300 hook\na\tb"] {
            assert_eq!(Call::parse(text), None, "{text:?}");
        }
    }
}
