//! Which files of the directory change (inotify(7)).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

/// Tells of files that come, go or change in one directory.
pub(crate) struct Watch(AsyncFd<OwnedFd>);

/// What may make, replace, remove or mend a file.
const CHANGES: WatchFlags = WatchFlags::CLOSE_WRITE
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::ATTRIB);

impl Watch {
    /// Must be called on the runtime that waits for changes.
    #[expect(deprecated, reason = "its successor is unsafe, for owners that close; this is none")]
    pub fn new(directory: &Path) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        inotify::add_watch(&inotify, directory, CHANGES | WatchFlags::ONLYDIR)?;
        AsyncFd::new(inotify).map(Self)
    }

    /// Waits for changes; gives the files, or nothing where some were not told of.
    pub async fn changed(&self) -> io::Result<Option<BTreeSet<OsString>>> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|inotify| events(inotify.get_ref())) {
                Ok(files) => return files,
                Err(_not_ready) => {}
            }
        }
    }
}

fn events(inotify: &OwnedFd) -> io::Result<Option<BTreeSet<OsString>>> {
    let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
    let mut reader = inotify::Reader::new(inotify, &mut buffer);
    let mut files = BTreeSet::new();
    loop {
        match reader.next() {
            Ok(event) => match event.file_name() {
                Some(name) => drop(files.insert(OsStr::from_bytes(name.to_bytes()).to_owned())),
                // The queue was full, or the directory itself has gone.
                None => return Ok(None),
            },
            Err(rustix::io::Errno::WOULDBLOCK) if !files.is_empty() => return Ok(Some(files)),
            Err(error) => return Err(error.into()),
        }
    }
}
