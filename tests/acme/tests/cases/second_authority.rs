//! The same with another authority, whose authors are others: Caddy.

use std::fs;
use std::time::Duration;

use holdall_acme_tests::{Address, Caddy, Shown};
use holdall_tests::process::{wait_until, wait_within};
use holdall_tests::{Run, Scratch, Server, TlsSettings, programs, tools};
use serde_json::Value;

use crate::expect::{NAME, event};

/// A place with Caddy, and a server that asks it.
struct Place {
    scratch: Scratch,
    address: Address,
    caddy: Caddy,
}

impl Place {
    /// Nothing, where the tests have no right to make one: the ports are those of everybody.
    fn new() -> Option<Self> {
        if !tools::root_for("has ports 80 and 443, and another /etc/hosts for Caddy") {
            return None;
        }
        let (scratch, address) = (Scratch::new(), Address::new());
        let caddy = Caddy::start(&scratch, &address, &[NAME]);
        Some(Self { scratch, address, caddy })
    }

    fn start(&self, arguments: &str) -> Server {
        let escaped = |text: &str| text.replace(':', "\\:");
        let (url, root) = (self.caddy.directory_url(), self.caddy.root().display().to_string());
        let (url, root, address) = (escaped(url), escaped(&root), &self.address);
        let endpoint = format!(
            "acme:certificates:directory={url}:ca={root}:domains={NAME}{arguments}\
             :tcp:443:interface={address}"
        );
        let redirect = format!("redirect:tcp:80:interface={address}");
        let run = Run::new(programs::sayhello()).current_dir(self.scratch.dir());
        let run = run.env("HOLDALL_RESOURCES", programs::repository().join("app/resources"));
        let run = run.args(["--log-format", "json", "--port", &endpoint, "--port", &redirect]);
        Server::from_run(run)
    }

    fn shown(&self) -> Option<Shown> {
        Shown::at(self.address.port(443), NAME).ok()
    }

    fn browse(&self) {
        let root = fs::read_to_string(self.caddy.root()).expect("Caddy's root");
        let page = TlsSettings::new(&root).connect(self.address.port(443), NAME).get("/");
        assert_eq!(page.status, 200, "{}", page.head);
    }
}

#[test]
fn another_authority_issues_by_tls_and_renews() {
    let Some(place) = Place::new() else { return };
    let server = place.start("");
    event(&server, "certificate issued");
    place.browse();
    let old = place.shown().expect("a certificate");
    assert!(server.stop().success());

    // What an authority could have said: that it is to be renewed by now.
    let file = place.scratch.path(format!("certificates/{NAME}.state"));
    let text = fs::read_to_string(&file).expect("a state");
    let mut state: Value = serde_json::from_str(&text).expect("JSON");
    let now = old.not_before.to_string();
    state["renewal"] = serde_json::json!({
        "not_after": old.not_after, "start": now, "end": now, "selected": now, "explanation": null,
    });
    fs::write(&file, state.to_string()).expect("a file of the test");
    let server = place.start("");
    event(&server, "certificate issued");
    wait_until("the new certificate", || place.shown().is_some_and(|new| new != old));
    place.browse();
    assert!(server.log().events_of("certificate not issued").is_empty());
}

#[test]
fn another_authority_issues_by_http() {
    let Some(place) = Place::new() else { return };
    let server = place.start(":challenge=http-01");
    event(&server, "certificate issued");
    place.browse();
}

#[test]
fn a_certificate_of_five_minutes_is_renewed_at_half_of_its_life() {
    if std::env::var_os("HOLDALL_LONG").is_none() {
        return tools::not_run("takes 3 minutes; HOLDALL_LONG=1 runs it");
    }
    let Some(place) = Place::new() else { return };
    let _server = place.start("");
    wait_until("a certificate", || place.shown().is_some());
    let old = place.shown();
    assert!(wait_within(Duration::from_secs(240), || place.shown() != old));
    place.browse();
}
