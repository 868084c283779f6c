//! A server in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use holdall_certificates::Certificates;
use holdall_endpoint::{Address, Endpoint, Inherited};
use holdall_service::{
    Binding, BoxService, BuildInfo, Extra, Metrics, Role, Server, Shutdown, Trigger,
};

/// It ends when this is dropped.
pub struct Running {
    pub address: SocketAddr,
    metrics: Arc<Metrics>,
    trigger: Trigger,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(
        endpoint: &str,
        certificates: Option<Certificates>,
        service: impl FnOnce(Arc<Metrics>) -> BoxService,
    ) -> Self {
        let endpoint: Endpoint = endpoint.parse().unwrap();
        let listener = endpoint.open(&mut Inherited::none()).unwrap();
        let Address::Ip(address) = *listener.address() else { panic!("no IP address") };
        let server = Server::default();
        let metrics = Arc::clone(&server.metrics);
        let service = service(Arc::clone(&metrics));
        let binding = Binding { listener, certificates, service, role: Role::Public };
        let (trigger, shutdown) = Shutdown::by_hand();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(server.serve(vec![binding], shutdown)).unwrap();
        });
        Self { address, metrics, trigger, thread: Some(thread) }
    }

    /// How many challenges of a kind ended like this.
    pub fn challenges(&self, kind: &str, outcome: &str) -> u64 {
        let build = BuildInfo { name: "test".into(), version: "1".into() };
        let page = self.metrics.render(&Extra { build: &build, certificates: &[], tended: None });
        let labels = format!("{{type={kind:?},outcome={outcome:?}}} ");
        let (_, rest) = page.split_once(&format!("holdall_acme_challenges_total{labels}")).unwrap();
        rest.lines().next().unwrap().parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.trigger.end();
        if let Some(thread) = self.thread.take() {
            // A failure there is a failure of the test, which may be failing already.
            assert!(thread.join().is_ok() || std::thread::panicking());
        }
    }
}
