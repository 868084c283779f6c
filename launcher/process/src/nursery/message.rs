//! What a server and its nursery say to each other: packets of text, with descriptors.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::cmsg_space;
use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::process::Pid;

use super::call::Call;

/// The most descriptors in one packet; the kernel allows 253 (`SCM_MAX_FD`).
pub(super) const MAX_DESCRIPTORS: usize = 64;

/// Room for a packet with [`MAX_DESCRIPTORS`] names of 255 bytes.
const MAX_TEXT: usize = 32 * 1024;

/// More than the longest text of an [`Ending`].
pub(super) const MAX_ENDING: u64 = 64;

/// From a server to its nursery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The names of the descriptors that come with it; there can be several before a `Spawn`.
    Offer(Vec<String>),
    /// Start a successor with all that was offered.
    Spawn,
    /// Kill a successor that was started.
    Kill(Pid),
    /// The sender serves.
    Up,
    /// Run a hook.
    Hook(Call),
}

/// The answer to [`Request::Spawn`] or [`Request::Hook`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// The process that was started; the reading end of its pipe comes with it.
    Spawned(Pid),
    /// The hook runs; the reading end of the pipe for its [`Ending`] comes with it.
    Running,
    /// The hook is not one of those that may be run.
    Unknown,
    /// The file can't be executed: the number of the error.
    NotExecuted(i32),
    /// There is no process or no descriptor for it: the number of the error.
    Refused(i32),
}

/// What comes on the pipe of a hook when it has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// By itself, or by another's signal: the status of wait(2).
    Ended(i32),
    /// It was killed when its time was over.
    Late,
}

impl Request {
    pub(super) fn to_text(&self) -> String {
        match self {
            Request::Offer(names) => format!("offer {}", names.join(":")),
            Request::Spawn => "spawn".to_owned(),
            Request::Kill(pid) => format!("kill {pid}"),
            Request::Up => "up".to_owned(),
            Request::Hook(call) => format!("hook {}", call.to_text()),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(' ').unwrap_or((text, "")) {
            ("offer", names) => Request::Offer(names.split(':').map(str::to_owned).collect()),
            ("spawn", "") => Request::Spawn,
            ("kill", pid) => Request::Kill(Pid::from_raw(pid.parse().ok()?)?),
            ("up", "") => Request::Up,
            ("hook", call) => Request::Hook(Call::parse(call)?),
            _ => return None,
        })
    }
}

impl Reply {
    pub(super) fn to_text(&self) -> String {
        match self {
            Reply::Spawned(pid) => format!("spawned {pid}"),
            Reply::Running => "running".to_owned(),
            Reply::Unknown => "unknown".to_owned(),
            Reply::NotExecuted(errno) => format!("not-executed {errno}"),
            Reply::Refused(errno) => format!("refused {errno}"),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(' ').unwrap_or((text, "")) {
            ("spawned", pid) => Reply::Spawned(Pid::from_raw(pid.parse().ok()?)?),
            ("running", "") => Reply::Running,
            ("unknown", "") => Reply::Unknown,
            ("not-executed", number) => Reply::NotExecuted(number.parse().ok()?),
            ("refused", number) => Reply::Refused(number.parse().ok()?),
            _ => return None,
        })
    }
}

impl Ending {
    pub(super) fn to_text(&self) -> String {
        match self {
            Ending::Ended(status) => format!("ended {status}"),
            Ending::Late => "late".to_owned(),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(' ').unwrap_or((text, "")) {
            ("ended", status) => Ending::Ended(status.parse().ok()?),
            ("late", "") => Ending::Late,
            _ => return None,
        })
    }
}

/// Sends one packet: SCM_RIGHTS of unix(7) carries the descriptors.
pub(super) fn send(
    socket: impl AsFd,
    text: &str,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let text = [IoSlice::new(text.as_bytes())];
    retry_on_intr(|| sendmsg(&socket, &text, &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one packet; `None` if the other end is closed.
pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<(String, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; MAX_TEXT];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = retry_on_intr(|| {
        let buffers = &mut [IoSliceMut::new(&mut bytes)];
        recvmsg(&socket, buffers, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    // The kernel drops descriptors for which this process has no number left.
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    bytes.truncate(received.bytes);
    let text = String::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Some((text, descriptors)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn all_that_is_said_comes_back() {
        let pid = Pid::from_raw(17).unwrap();
        let offer = Request::Offer(vec!["tcp.80".into(), "a b".into()]);
        let call = Call::new("hook".as_ref(), &["a b", ""], Duration::from_secs(1)).unwrap();
        let requests = [offer, Request::Spawn, Request::Kill(pid), Request::Up];
        for request in requests.into_iter().chain([Request::Hook(call)]) {
            assert_eq!(Request::parse(&request.to_text()), Some(request));
        }
        let replies = [Reply::Spawned(pid), Reply::NotExecuted(2), Reply::Refused(24)];
        for reply in replies.into_iter().chain([Reply::Running, Reply::Unknown]) {
            assert_eq!(Reply::parse(&reply.to_text()), Some(reply));
        }
        for ending in [Ending::Ended(256), Ending::Late] {
            assert!(ending.to_text().len() as u64 <= MAX_ENDING);
            assert_eq!(Ending::parse(&ending.to_text()), Some(ending));
        }
        assert_eq!(Request::parse("kill 0"), None);
        assert_eq!(Request::parse("spawn more"), None);
        assert_eq!(Request::parse("hook"), None);
        assert_eq!(Reply::parse("spawned -"), None);
        assert_eq!(Reply::parse("running 1"), None);
        assert_eq!(Ending::parse("ended"), None);
    }
}
