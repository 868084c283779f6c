//! A thread that reloads when files change (inotify(7)), and sleeps otherwise.

use std::collections::BTreeSet;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use crate::certificates::Certificates;
use crate::directories;
use crate::report::Report;

/// Reloads [`Certificates`] when their files change, until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    /// Closing it ends the thread.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
struct Watch {
    certificates: Certificates,
    stopped: UnixStream,
    /// Nothing where the system gives none: the slow look has to do.
    inotify: Option<OwnedFd>,
    watches: BTreeSet<i32>,
}

/// Why the thread woke up.
#[derive(PartialEq, Eq)]
enum Wake {
    Stop,
    Change,
    Time,
}

/// Quiet for so long, a change is over: a renewal writes several files, an editor renames.
const SETTLE: Duration = Duration::from_millis(100);

/// A change that does not end is looked at all the same.
const SETTLE_LIMIT: Duration = Duration::from_millis(500);

/// Network and FUSE file systems report no change that another machine made.
const SLOW_LOOK: Duration = Duration::from_secs(60);

/// What may change a file: written, replaced, linked, removed, or its permissions mended.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

impl Watcher {
    pub(crate) fn start(certificates: Certificates) -> io::Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        let mut watch =
            Watch { certificates, stopped, inotify: inotify(), watches: BTreeSet::new() };
        // Before this returns, so that no later change is missed.
        watch.renew();
        if watch.watches.is_empty() {
            let seconds = SLOW_LOOK.as_secs();
            tracing::warn!(seconds, "no directory can be watched, changes are noticed later");
        }
        let thread = thread::Builder::new().name("certificates".to_owned());
        let thread = thread.spawn(move || watch.run())?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of it has been reported already.
            let _ = thread.join();
        }
    }
}

impl Watch {
    fn run(mut self) {
        // What changed since the certificates were loaded.
        self.certificates.reload_and(Report::News);
        let mut looked = Instant::now();
        loop {
            match self.wait(SLOW_LOOK) {
                Wake::Stop => return,
                Wake::Change if !self.settle() && looked.elapsed() < SLOW_LOOK => continue,
                Wake::Change | Wake::Time => {}
            }
            looked = Instant::now();
            // First the watches, so that what changes after the reload is seen.
            self.renew();
            self.certificates.reload_and(Report::News);
        }
    }

    /// Watches the directories that the files are in by now, and no others.
    fn renew(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        let directories = directories::watched(self.certificates.source());
        let add = |directory| inotify::add_watch(inotify, directory, CHANGES);
        let watches: BTreeSet<i32> = directories.iter().filter_map(|one| add(one).ok()).collect();
        for gone in self.watches.difference(&watches) {
            // The kernel has removed it already if the directory was deleted.
            let _ = inotify::remove_watch(inotify, *gone);
        }
        self.watches = watches;
        // Removing a watch is an event too.
        self.drain();
    }

    /// Waits until no change comes any more; gives whether one may be of a certificate.
    fn settle(&self) -> bool {
        let end = Instant::now() + SETTLE_LIMIT;
        let mut is_news = false;
        loop {
            is_news |= self.drain();
            if Instant::now() >= end || self.wait(SETTLE) != Wake::Change {
                return is_news;
            }
        }
    }

    fn wait(&self, time: Duration) -> Wake {
        let mut descriptors = vec![PollFd::new(&self.stopped, PollFlags::IN)];
        descriptors.extend(self.inotify.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let time =
            Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
        // A signal is no reason to stop: it counts as a look at the files.
        let _ = poll(&mut descriptors, Some(&time));
        match descriptors.iter().position(|descriptor| !descriptor.revents().is_empty()) {
            Some(0) => Wake::Stop,
            Some(_) => Wake::Change,
            None => Wake::Time,
        }
    }

    /// Takes the events off the queue; gives whether one may be of a certificate.
    fn drain(&self) -> bool {
        let Some(inotify) = &self.inotify else { return true };
        let care = self.certificates.care();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(inotify, &mut buffer);
        let mut is_news = false;
        while let Ok(event) = events.next() {
            // Without a name: the directory itself, or a queue that was full.
            is_news |= event.file_name().is_none_or(|name| !care.ignores(name.to_bytes()));
        }
        is_news
    }
}

fn inotify() -> Option<OwnedFd> {
    match inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK) {
        Ok(inotify) => Some(inotify),
        Err(error) => {
            tracing::warn!(%error, "the system gives no inotify");
            None
        }
    }
}
