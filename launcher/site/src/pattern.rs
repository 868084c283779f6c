//! Patterns of paths: `*` within a segment, `**` across them, `?` for one character.

/// A pattern that whole paths are held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Token>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// One character, but no slash.
    One,
    /// Any characters, but no slash.
    Some,
    /// Any characters.
    All,
}

impl Pattern {
    pub fn new(text: &str) -> Self {
        let mut tokens = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((first, mut after)) = rest.split_first() {
            tokens.push(match (first, after.first()) {
                (b'*', Some(b'*')) => {
                    after = &after[1..];
                    Token::All
                }
                (b'*', _) => Token::Some,
                (b'?', _) => Token::One,
                (byte, _) => Token::Byte(*byte),
            });
            rest = after;
        }
        Self(tokens)
    }

    pub fn matches(&self, path: &str) -> bool {
        self.captures(path).is_some()
    }

    /// Whether a path has what the pattern has before its first star or question mark; most paths
    /// have not, and need no closer look.
    fn begins(&self, path: &[u8]) -> bool {
        let mut path = path.iter();
        self.0.iter().map_while(Token::byte).all(|byte| path.next() == Some(&byte))
    }

    /// What each `*` and `**` stands for, as much as possible from the left; `None` if the pattern
    /// does not match. Takes time and memory by the product of both lengths, at most.
    pub fn captures<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        if !self.begins(path.as_bytes()) {
            return None;
        }
        let reach = Reach::new(&self.0, path.as_bytes());
        if !reach.is_match(0, 0) {
            return None;
        }
        let mut captures = Vec::new();
        let mut at = 0;
        for (number, token) in self.0.iter().enumerate() {
            let end = reach.longest(*token, number, at)?;
            if matches!(token, Token::Some | Token::All) {
                captures.push(path.get(at..end)?);
            }
            at = end;
        }
        Some(captures)
    }
}

/// Which tails of the pattern match which tails of the path.
struct Reach<'p> {
    path: &'p [u8],
    matches: Vec<bool>,
}

impl<'p> Reach<'p> {
    fn new(tokens: &[Token], path: &'p [u8]) -> Self {
        let width = path.len() + 1;
        let mut reach = Self { path, matches: vec![false; (tokens.len() + 1) * width] };
        reach.matches[tokens.len() * width + path.len()] = true;
        for (number, token) in tokens.iter().enumerate().rev() {
            for at in (0..width).rev() {
                reach.matches[number * width + at] = reach.step(*token, number, at);
            }
        }
        reach
    }

    fn step(&self, token: Token, number: usize, at: usize) -> bool {
        match self.path.get(at) {
            Some(byte) if token.takes(*byte) => match token {
                Token::Byte(_) => self.is_match(number + 1, at + 1),
                Token::One => self.is_match(number + 1, self.next_character(at)),
                Token::Some | Token::All => {
                    self.is_match(number + 1, at) || self.is_match(number, at + 1)
                }
            },
            _ => matches!(token, Token::Some | Token::All) && self.is_match(number + 1, at),
        }
    }

    fn is_match(&self, number: usize, at: usize) -> bool {
        self.matches[number * (self.path.len() + 1) + at]
    }

    /// Where the part of a token ends that begins at `at`, in a match of the whole.
    fn longest(&self, token: Token, number: usize, at: usize) -> Option<usize> {
        match token {
            Token::Byte(_) => Some(at + 1),
            Token::One => Some(self.next_character(at)),
            Token::Some | Token::All => {
                let taken = self.path[at..].iter().take_while(|byte| token.takes(**byte)).count();
                (at..=at + taken).rev().find(|end| self.is_match(number + 1, *end))
            }
        }
    }

    fn next_character(&self, at: usize) -> usize {
        let rest = self.path[at + 1..].iter().take_while(|byte| **byte & 0xc0 == 0x80);
        at + 1 + rest.count()
    }
}

impl Token {
    fn byte(&self) -> Option<u8> {
        match self {
            Self::Byte(byte) => Some(*byte),
            _ => None,
        }
    }

    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Byte(own) => own == byte,
            Self::One | Self::Some => byte != b'/',
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captures(pattern: &str, path: &str) -> Option<Vec<String>> {
        let captures = Pattern::new(pattern).captures(path)?;
        Some(captures.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn stars_stay_within_segments_and_double_stars_do_not() {
        for (pattern, path, expected) in [
            ("/a", "/a", Some(vec![])),
            ("/a", "/ab", None),
            ("/*", "/a", Some(vec!["a"])),
            ("/*", "/a/b", None),
            ("/**", "/a/b", Some(vec!["a/b"])),
            ("/**", "/", Some(vec![""])),
            ("**.js", "/a/b.js", Some(vec!["/a/b"])),
            ("/*/x/*.js", "/a/x/b.min.js", Some(vec!["a", "b.min"])),
            ("/**/x/*", "/a/x/b/x/c", Some(vec!["a/x/b", "c"])),
            ("/?.txt", "/é.txt", Some(vec![])),
            ("/?.txt", "/.txt", None),
            ("/a*b", "/ab", Some(vec![""])),
        ] {
            let expected = expected.map(|all| all.into_iter().map(str::to_owned).collect());
            assert_eq!(captures(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = Pattern::new(&"**a".repeat(30));
        assert!(!pattern.matches(&"a".repeat(29)) && !pattern.matches(&"b".repeat(2000)));
        assert!(pattern.matches(&"a".repeat(2000)));
    }
}
