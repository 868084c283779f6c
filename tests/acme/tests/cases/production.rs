//! The commands of the manual as they stand: authorities at their own addresses, ports 443 and 80;
//! and the proxy through which some have to go.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::resume_unwind;
use std::thread;

use holdall_acme_tests::{Answer, Fault, Settings, Site, Tunnel, has_new_pebble};
use holdall_tests::process::wait_until;
use holdall_tests::{Server, TlsSettings, http, programs, tools};
use rustix::thread::UnshareFlags;

use crate::bare_image::bundle;
use crate::expect::{NAME, failure, text};

/// `/srv` is empty.
const SERVER: &str = r#"
    mount -t tmpfs tmpfs /srv
    mkdir /srv/www
    exec ./sayhello "$@"
"#;

/// Runs a test in a network of its own, in which each port is free.
fn alone(test: impl FnOnce() + Send) {
    // What has to be built may need the other one.
    programs::holdall();
    programs::sayhello();
    let run = || {
        #[expect(deprecated, reason = "its successor is unsafe, for other flags than this one")]
        rustix::thread::unshare(UnshareFlags::NEWNET).expect("a network");
        tools::tool("busybox").args(["ip", "link", "set", "lo", "up"]).ok();
        test();
    };
    // The thread is not used for anything else: it can't come back.
    let ended = thread::scope(|scope| scope.spawn(run).join());
    ended.unwrap_or_else(|panic| resume_unwind(panic));
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The command as it stands, with nothing but the way to the authority in its environment.
fn as_it_stands(kind: &str, host: &str) {
    let site = Site::with(&Settings { ports: (443, 80), ..Settings::default() });
    site.proxy.show(&site.api.0.issue(&[host]));
    site.proxy.add(Fault::always("/directory", Answer::Elsewhere("/dir")));
    let tunnel = Tunnel::to(site.proxy.address());
    bundle(&site.scratch);
    let run = tools::in_mount_namespace(SERVER, [""; 0]).current_dir(site.scratch.dir());
    let run = run.env("HTTPS_PROXY", format!("http://user:p%40ss@{}", tunnel.address()));
    let run = run.env("NO_PROXY", "").env("SSL_CERT_FILE", site.scratch.path("ca.pem"));
    let run = run.args(["--port", &format!("{kind}:/srv/www/certs:tcp:443")]);
    let run = run.args(["--port", "redirect:tcp:80"]);
    let file = format!("/srv/www/certs/{NAME}.pem");
    let server = Server::from_run(run.args(["--empty-file", &file]));
    let browser = TlsSettings::new(&site.pebble.root(0));
    wait_until("a certificate", || browser.try_connect(local(443), NAME).is_ok());
    assert_eq!(browser.connect(local(443), NAME).get("/").status, 200);
    let redirect = http::get(local(80), "/hello");
    assert_eq!(redirect.status, 308, "{}", redirect.head);
    assert!(redirect.header("location").is_some_and(|place| place.starts_with("https://")));
    assert!(server.stop().success());

    let (orders, issued) = (site.pebble.orders(), site.pebble.issued());
    assert_eq!((orders, issued), (1, 1));
    let heads = tunnel.heads();
    let (start, user) = (format!("CONNECT {host}:443 HTTP/1.1\r\n"), "dXNlcjpwQHNz\r\n");
    let is_right = |head: &String| {
        head.starts_with(&start) && head.contains(&format!("Proxy-Authorization: Basic {user}"))
    };
    assert!(!heads.is_empty() && heads.iter().all(is_right), "{heads:#?}");
    let agent = format!("holdall/{}", env!("CARGO_PKG_VERSION"));
    let seen = site.proxy.seen();
    assert!(seen.iter().all(|seen| seen.user_agent == agent), "{seen:#?}");
}

#[test]
fn the_command_of_the_manual_works_as_it_stands() {
    if tools::root_for("can have a network of its own") {
        alone(|| as_it_stands("le", "acme-v02.api.letsencrypt.org"));
    }
}

#[test]
fn the_command_for_tries_works_as_it_stands() {
    if tools::root_for("can have a network of its own") {
        alone(|| as_it_stands("lets", "acme-staging-v02.api.letsencrypt.org"));
    }
}

#[test]
fn a_directory_of_any_other_authority_may_be_given_with_a_profile() {
    if !has_new_pebble() {
        return;
    }
    let profiles = vec![("default", 90 * 86_400), ("shortlived", 6 * 86_400)];
    let site = Site::with(&Settings { profiles, ..Settings::default() });
    let tunnel = Tunnel::to(site.proxy.address());
    site.ask_for(NAME);
    let endpoint = site.endpoint_of("https://localhost:14000/dir").with("profile", "shortlived");
    let run = site.run(&endpoint).env("HTTPS_PROXY", "");
    let _server = Server::from_run(run.env("ALL_PROXY", tunnel.address().to_string()));
    let shown = site.wait_for(NAME);
    let life = shown.not_before.duration_until(shown.not_after).as_hours();
    assert!((143..=144).contains(&life), "{life} h");
    assert!(tunnel.heads().iter().all(|head| head.starts_with("CONNECT localhost:14000 ")));
}

#[test]
fn a_proxy_that_lets_nobody_through_is_told() {
    let (site, tunnel) = (Site::new(), Tunnel::closed());
    site.ask_for(NAME);
    let run = site.run(&site.endpoint()).env("NO_PROXY", "elsewhere.example");
    let proxy = tunnel.address().to_string();
    let server = Server::from_run(run.env("HTTPS_PROXY", format!("http://{proxy}/")));
    let told = failure(&server, 1);
    let words = format!("the proxy {proxy} says HTTP/1.1 407 Who are you");
    assert!(text(&told, "cause").contains(&words), "{told}");
    assert_eq!(site.proxy.seen().len(), 0);
}

#[test]
fn a_proxy_is_not_used_for_hosts_that_need_none() {
    let (site, tunnel) = (Site::new(), Tunnel::closed());
    site.ask_for(NAME);
    let run = site.run(&site.endpoint()).env("NO_PROXY", "localhost");
    let _server = Server::from_run(run.env("HTTPS_PROXY", tunnel.address().to_string()));
    site.wait_for(NAME);
    assert_eq!(tunnel.heads(), [""; 0]);
}

#[test]
fn the_roots_of_the_system_are_those_of_its_variable_too() {
    let site = Site::new();
    site.ask_for(NAME);
    let endpoint = site.endpoint().without("ca");
    // Who is trusted is read once, at the start.
    let roots = site.scratch.path("system.pem");
    fs::rename(site.scratch.path("ca.pem"), &roots).expect("a file of ours");
    let server = Server::from_run(site.run(&endpoint).env("SSL_CERT_FILE", &roots));
    site.wait_for(NAME);
    assert!(server.stop().success());
}
