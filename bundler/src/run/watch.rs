//! Directories in which something may change (inotify(7)).

use super::RunError;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Directories, each with the names that matter in it; none: all of them.
pub type Watched = BTreeMap<PathBuf, Vec<OsString>>;

/// What may change a file: written, replaced, linked, removed, or its permissions.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// What is watched.
#[derive(Debug)]
pub struct Watch {
    inotify: OwnedFd,
    names: BTreeMap<i32, Vec<OsString>>,
}

impl Watch {
    /// Nothing yet.
    pub fn new() -> Result<Self, RunError> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let inotify = inotify.map_err(|errno| RunError::system("watch files")(errno.into()))?;
        Ok(Self { inotify, names: BTreeMap::new() })
    }

    /// Watches these directories, and no others. One that is gone by now is left out: what holds it
    /// tells when it is back.
    pub fn renew(&mut self, watched: &Watched) -> Result<(), RunError> {
        const WHAT: &str = "watch so many directories (see fs.inotify.max_user_watches)";
        let mut names = BTreeMap::new();
        for (directory, only) in watched {
            match inotify::add_watch(&self.inotify, directory, CHANGES) {
                Ok(watch) => drop(names.insert(watch, only.clone())),
                Err(errno @ Errno::NOSPC) => return Err(RunError::system(WHAT)(errno.into())),
                Err(_) => {}
            }
        }
        for gone in self.names.keys().filter(|watch| !names.contains_key(watch)) {
            // The kernel has removed it already if the directory was deleted.
            let _ = inotify::remove_watch(&self.inotify, *gone);
        }
        self.names = names;
        Ok(())
    }

    /// Takes all events; gives whether one of them matters.
    pub fn drain(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut is_change = false;
        while let Ok(event) = events.next() {
            is_change |= self.matters(&event);
        }
        is_change
    }

    /// What can be read when something has changed.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    fn matters(&self, event: &inotify::Event) -> bool {
        if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
            return true;
        }
        // Without a name it is the directory itself; one that is not watched any more says so.
        let Some(only) = self.names.get(&event.wd()) else { return false };
        let is =
            |name: &OsString| event.file_name().is_some_and(|it| it.to_bytes() == name.as_bytes());
        !event.events().contains(ReadFlags::IGNORED) && (only.is_empty() || only.iter().any(is))
    }
}
