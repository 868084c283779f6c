//! `stdio:`, the one connection on standard input and output.

use crate::endpoint::Socket;
use crate::kind::Form;
use crate::listener::{OpenSocket, Opened};
use crate::syntax::Segment;

pub(crate) fn form(segments: &[Segment]) -> Form {
    // The colon of `stdio:` parts the kind from one empty segment, which is no argument.
    let segments = if segments.iter().all(Segment::is_empty) { &[] } else { segments };
    Form::socket(segments, &[], |_| Ok(Socket::Stdio.into()))
}

pub(crate) fn open() -> Opened {
    Opened { name: "stdio".to_owned(), socket: OpenSocket::Stdio }
}
