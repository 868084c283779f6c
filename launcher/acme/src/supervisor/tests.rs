//! An engine that dies or hangs, on real threads and a real directory.

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::{Clock, Manager, Settings};

/// Nothing takes so long unless it is wrong.
const LIMIT: Duration = Duration::from_secs(60);

struct Watched {
    directory: TempDir,
    shared: Arc<Shared>,
    sender: Sender<Event>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watched {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let mut settings = Settings::new(directory.path().join("certs"), Vec::new());
        settings.clock = Clock::manual(jiff::Timestamp::now());
        let engine = Manager::prepare(settings).unwrap().into_engine();
        let (sender, events) = channel();
        let patience = Patience {
            look: Duration::from_millis(20),
            silence: Duration::from_secs(2),
            restart: Duration::ZERO,
        };
        let shared = Arc::clone(&engine.shared);
        let supervisor = Supervisor {
            engine,
            shared: Arc::clone(&shared),
            events,
            sender: sender.clone(),
            patience,
        };
        let thread = Some(thread::spawn(move || supervisor.run()));
        Self { directory, shared, sender, thread }
    }

    fn tell(&self, command: Command) {
        self.sender.send(Event::Command(command)).unwrap();
    }

    /// Asks for a certificate, and waits until somebody has seen it.
    fn takes_up(&self, name: &str) {
        let path = self.directory.path().join("certs").join(format!("{name}.pem"));
        write_private(&path);
        self.wait_until(name, || self.shared.statuses().iter().any(|one| one.name == name));
    }

    fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < LIMIT, "{what}: {:?}", self.shared);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tell(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap();
}

#[test]
fn case_44_an_engine_that_panics_is_started_again_and_works() {
    let watched = Watched::start();
    watched.takes_up("before.example");
    watched.tell(Command::Call(|| panic!("on purpose")));
    watched.wait_until("a restart", || watched.shared.restarts() == 1);
    watched.takes_up("after.example");
    assert_eq!(watched.shared.restarts(), 1);
}

#[test]
fn case_44_an_engine_that_hangs_is_replaced_and_works() {
    let watched = Watched::start();
    watched.takes_up("before.example");
    watched.tell(Command::Call(|| thread::sleep(Duration::from_secs(4))));
    watched.wait_until("a restart", || watched.shared.restarts() == 1);
    watched.takes_up("after.example");
}

#[test]
fn it_ends_when_it_is_told_to() {
    let watched = Watched::start();
    let start = Instant::now();
    drop(watched);
    assert!(start.elapsed() < STOP, "{:?}", start.elapsed());
}
