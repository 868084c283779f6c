//! Clients that come all the while, and must always be served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use holdall_acme_tests::{Shown, Site, TLS_PORT};

/// A client that shakes hands again and again, for each name in turn.
pub struct Served {
    is_over: Arc<AtomicBool>,
    client: Option<JoinHandle<Vec<Shown>>>,
}

/// Between two handshakes: the machine has more to do.
const PAUSE: Duration = Duration::from_millis(5);

impl Served {
    /// Begins; all names have a certificate already.
    pub fn watch(site: &Site, names: &[&str]) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (stop, address) = (Arc::clone(&is_over), site.address.port(TLS_PORT));
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let client = thread::spawn(move || {
            let mut seen = Vec::new();
            for name in names.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let shown = Shown::at(address, name);
                let shown = shown.unwrap_or_else(|error| panic!("{name}: {error}"));
                if !seen.contains(&shown) {
                    seen.push(shown);
                }
                thread::sleep(PAUSE);
            }
            seen
        });
        Self { is_over, client: Some(client) }
    }

    /// Ends; gives the different certificates that were shown, in their order.
    ///
    /// # Panics
    /// If a handshake failed.
    pub fn end(mut self) -> Vec<Shown> {
        self.is_over.store(true, Ordering::Relaxed);
        let client = self.client.take().expect("a client that ends once");
        client.join().expect("a client that was always served")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
