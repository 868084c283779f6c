//! One request by hand.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use crate::load::Protocol;

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// `200`, for example.
    pub status: u16,
    head: String,
    /// As it was on the wire.
    pub content: Vec<u8>,
}

impl Answer {
    /// The value of a field, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    }

    fn parse(output: &[u8]) -> Option<Self> {
        let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        let head = String::from_utf8(output[..end].to_vec()).ok()?;
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        Some(Answer { status, head, content: output[end + 4..].to_vec() })
    }
}

/// Gets `url` by HTTP/1.1 or HTTP/2 with additional headers.
pub fn get(url: &str, protocol: Protocol, headers: &[String]) -> Result<Answer> {
    let (version, start) = match protocol {
        Protocol::Http2 => ("--http2", "HTTP/2 "),
        Protocol::KeepAlive | Protocol::Close => ("--http1.1", "HTTP/1.1 "),
    };
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--insecure", "--include", version, url]);
    curl.args(headers.iter().flat_map(|header| ["--header", header]));
    let Output { status, stdout, stderr } = curl.output().context("can't run curl")?;
    ensure!(status.success(), "{curl:?} failed: {}", String::from_utf8_lossy(&stderr).trim());
    ensure!(stdout.starts_with(start.as_bytes()), "{curl:?} had to use another protocol");
    Answer::parse(&stdout).with_context(|| format!("{curl:?} showed no answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_fields_and_content() {
        let answer = Answer::parse(b"HTTP/2 200 \r\nETag: \"a:b\"\r\n\r\nx\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.header("etag")), (200, Some("\"a:b\"")));
        assert_eq!(answer.content, b"x\r\n\r\n");
        assert_eq!(answer.header("vary"), None);
        assert_eq!(Answer::parse(b"HTTP/1.1 200 OK\r\n"), None);
    }
}
