//! A host with one plug-in, serving on a port of its own.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use holdall_endpoint::Endpoint;
use holdall_plugin::{BoxService, Host, LoadError, Plugin, ServiceOptions};
use holdall_service::{Binding, Ended, Server, Shutdown, Trigger};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// The lines that a plug-in logged.
#[derive(Clone, Default)]
pub struct Log(Arc<(Mutex<Vec<String>>, Condvar)>);

impl Log {
    fn push(&self, line: &str) {
        self.0.0.lock().expect("the log").push(line.to_owned());
        self.0.1.notify_all();
    }

    /// Waits for a line that contains `text`.
    pub fn wait_for(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut lines = self.0.0.lock().expect("the log");
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no line with {text:?} in {lines:?}");
            lines = self.0.1.wait_timeout(lines, left).expect("the log").0;
        }
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.0.lock().expect("the log").clone()
    }
}

/// Puts an object into a sealed memory file, and gives the path to it.
///
/// The descriptor stays open: the loader knows objects by path, and a number that is used again
/// would give the object that had it before.
pub fn sealed(object: &[u8]) -> PathBuf {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("plugin", flags).expect("a memory file"));
    file.write_all(object).expect("room in memory");
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&file, seals).expect("the seals");
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let _ = file.into_raw_fd();
    path
}

/// Loads a plug-in whose host has the resources `data/index.html` and `mode`, and a greeting.
pub fn load(object: &[u8], mode: &'static str) -> (Result<Plugin, LoadError>, Log) {
    let log = Log::default();
    let lines = log.clone();
    let resource = move |name: &str| match name {
        "data/index.html" => Ok(Bytes::from_static(b"<h1>hello</h1>")),
        "mode" => Ok(Bytes::from_static(mode.as_bytes())),
        "damaged" => Err(io::Error::other("expected CRC 1, found 2")),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let host = Host::new(move |level, line| lines.push(&format!("{}: {line}", level.0)), resource);
    let options = ServiceOptions::from_iter([("greeting", "Salve")]);
    (Plugin::load(&sealed(object), host.with_options(options)), log)
}

/// A server that runs in threads of its own.
pub struct Running {
    pub authority: String,
    pub log: Log,
    trigger: Trigger,
    thread: JoinHandle<Ended>,
}

impl Running {
    pub fn start(object: &[u8]) -> Self {
        let (plugin, log) = load(object, "");
        let service = BoxService::new(plugin.expect("a plug-in that loads"));
        let endpoint: Endpoint = "tcp:0:interface=127.0.0.1".parse().expect("an endpoint");
        let listener = endpoint.bind().expect("a free port");
        let (trigger, shutdown) = Shutdown::by_hand();
        Self {
            authority: listener.authority(),
            log,
            trigger,
            thread: std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                let bindings = vec![Binding::new(listener, service)];
                runtime.block_on(Server::default().serve(bindings, shutdown)).expect("it serves")
            }),
        }
    }

    /// Drains the server; the plug-in is stopped then.
    pub fn stop(self) -> Ended {
        self.trigger.drain();
        self.thread.join().expect("the server did not panic")
    }
}
