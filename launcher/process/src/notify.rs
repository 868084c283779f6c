//! What systemd is told: sd_notify(3).

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;
use std::{env, ffi::OsStr};

use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType,
};
use rustix::time::ClockId;

/// How long a manager that does not read can hold the service up.
const PATIENCE: Duration = Duration::from_secs(1);

/// The connection to the service manager; without one, nothing is told and nothing fails.
///
/// It is made once, so that it works on where no path can be opened any more.
///
/// ```
/// use holdall_process::notify::Notify;
///
/// let notify = Notify::from_environment();
/// notify.ready();
/// notify.status("serving");
/// ```
#[derive(Debug, Default)]
pub struct Notify {
    socket: Option<OwnedFd>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// Connects to `NOTIFY_SOCKET`, where that is set; a path or, after `@`, an abstract name.
    pub fn from_environment() -> Self {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|value| !value.is_empty()) else {
            return Self::default();
        };
        match connect(&address) {
            Ok(socket) => Self { socket: Some(socket), watchdog: watchdog() },
            Err(error) => {
                tracing::warn!(address = %address.to_string_lossy(), %error,
                    "can't connect to the service manager (NOTIFY_SOCKET)");
                Self::default()
            }
        }
    }

    /// The service is up.
    pub fn ready(&self) {
        self.tell("READY=1", &[]);
    }

    /// The service reads its configuration again; [`ready`](Self::ready) ends that.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"), &[]);
    }

    /// The service is about to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1", &[]);
    }

    /// One line that `systemctl status` shows.
    pub fn status(&self, status: &str) {
        self.tell(&format!("STATUS={}", status.replace('\n', " ")), &[]);
    }

    /// Another process is the service from now on.
    pub fn main_pid(&self, pid: u32) {
        self.tell(&format!("MAINPID={pid}"), &[]);
    }

    /// The service is alive, for another [`watchdog_interval`](Self::watchdog_interval) twice.
    pub fn watchdog(&self) {
        self.tell("WATCHDOG=1", &[]);
    }

    /// How often [`watchdog`](Self::watchdog) is to be called: twice in the time that
    /// `WATCHDOG_USEC` gives, where it is meant for this process.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Gives a descriptor to keep, for the next start under this name (`FDSTORE=1`).
    pub fn store(&self, name: &str, descriptor: BorrowedFd<'_>) {
        self.tell(&format!("FDSTORE=1\nFDPOLL=0\nFDNAME={name}"), &[descriptor]);
    }

    /// Takes back what was stored under this name.
    pub fn remove(&self, name: &str) {
        self.tell(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[]);
    }

    /// Best effort, as sd_notify(3) is: a manager that does not listen is no reason to stop.
    fn tell(&self, message: &str, descriptors: &[BorrowedFd<'_>]) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket.as_fd(), message, descriptors) {
            tracing::warn!(%error, message, "the service manager was not told");
        }
    }
}

fn connect(address: &OsStr) -> io::Result<OwnedFd> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddrUnix::new_abstract_name(name)?,
        path => SocketAddrUnix::new(path)?,
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
    rustix::net::connect(&socket, &address)?;
    Ok(socket)
}

fn send(socket: BorrowedFd<'_>, message: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let message = [IoSlice::new(message.as_bytes())];
    rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(socket, &message, &mut ancillary, SendFlags::NOSIGNAL)
    })?;
    Ok(())
}

/// Half of `WATCHDOG_USEC`, unless `WATCHDOG_PID` is another process (sd_watchdog_enabled(3)).
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let is_other = number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id()));
    let time = Duration::from_micros(number("WATCHDOG_USEC").filter(|time| *time > 0)?);
    (!is_other).then_some(time / 2)
}
