//! What operators type and see, with bundles as they run them.

use std::fs;
use std::path::{Path, PathBuf};

use holdall_acme_tests::{Endpoint, HTTP_PORT, Names, Settings, Shown, Site, TLS_PORT};
use holdall_tests::certificates::{Authority, Key};
use holdall_tests::fixtures::site_bundle;
use holdall_tests::generations::Generations;
use holdall_tests::http;
use holdall_tests::process::wait_until;
use holdall_tests::{Run, Server, programs, tools};

use crate::expect::{NAME, NEW_ORDER, event, try_again};

/// A bundle of a static site, which is closed in by default.
fn bundle(site: &Site, endpoint: &Endpoint) -> Run {
    let run = Run::new(site_bundle(&site.scratch)).current_dir(site.scratch.dir());
    run.args(["--log-format", "json", "--port", &endpoint.to_string()])
}

fn admin_page(server: &Server, path: &str) -> http::Response {
    holdall_tests::Client::connect(server.admin()).get(path)
}

#[test]
fn the_states_of_all_names_are_told_from_the_files_alone() {
    let site = Site::new();
    // Nothing is there before the first start.
    let rows = site.certificates(&site.endpoint().with("domains", NAME));
    assert_eq!((&rows[0]["name"], &rows[0]["state"]), (&NAME.into(), &"wanted".into()));
    assert!(!site.directory().exists());

    site.ask_for(NAME);
    let ask = |arguments: &[&str]| site.run(&site.endpoint()).args(arguments.iter()).end();
    let before = ask(&["--certificates"]);
    let row = format!("{NAME}  wanted  -");
    assert!(before.code() == 0 && before.text().contains(&row), "{}", before.text());
    assert_eq!(ask(&["--certificates", "--check"]).code(), 69);
    assert_eq!(site.proxy.count(NEW_ORDER), 0);

    let _server = site.start(&[]);
    let shown = site.wait_for(NAME);
    wait_until("a state on the disk", || site.state(NAME)["state"] == "live");
    let after = ask(&["--certificates", "--check"]);
    assert!(after.code() == 0 && after.text().contains("live"), "{}", after.text());
    let rows = site.certificates(&site.endpoint());
    assert_eq!(rows[0]["name"], NAME);
    assert_eq!(rows[0]["not_after"], shown.not_after.to_string());
    assert_eq!((&rows[0]["issued"], &rows[0]["well"]), (&1.into(), &true.into()));

    // What was tried and failed is told with the authority's own words.
    site.names.set_servfail("lost.example.com");
    site.ask_for("lost.example.com");
    wait_until("a failure on the disk", || site.state("lost.example.com")["state"] == "backoff");
    let failed = ask(&["--certificates", "--check"]);
    let text = failed.text();
    assert!(failed.code() == 69 && text.contains("backoff"), "{text}");
    assert!(text.contains("lost.example.com: malformed: Could not resolve"), "{text}");
}

#[test]
fn readiness_and_metrics_tell_why_there_is_no_certificate() {
    let mut site = Site::new();
    site.pebble.stop();
    let run = site.run(&site.endpoint()).args(["--admin", "tcp:0:interface=127.0.0.1"]);
    let server = Server::from_run(run.arg("--empty-file").arg(site.file(NAME)));
    let page = || admin_page(&server, "/readyz");
    let reason = format!("no certificate for {NAME} (backoff): ");
    wait_until("a reason", || page().text().starts_with(&reason));
    assert_eq!(page().status, 503);

    site.pebble.resume();
    try_again(&server);
    let shown = site.wait_for(NAME);
    wait_until("a server that is ready", || page().status == 200);
    let metrics = admin_page(&server, "/metrics").text().to_owned();
    let end = shown.not_after.as_second();
    for line in [
        format!("holdall_certificate_not_after_timestamp_seconds{{name=\"{NAME}\"}} {end}\n"),
        format!("holdall_acme_orders_total{{name=\"{NAME}\"}} 1\n"),
        format!("holdall_acme_certificates_total{{name=\"{NAME}\"}} 1\n"),
        format!("holdall_acme_failures_total{{name=\"{NAME}\"}} 1\n"),
        format!("holdall_acme_next_attempt_timestamp_seconds{{name=\"{NAME}\"}} "),
        format!("holdall_acme_limit_left{{name=\"{NAME}\"}} 4\n"),
    ] {
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }

    site.names.set_servfail("lost.example.com");
    site.ask_for("lost.example.com");
    wait_until("a note", || page().text().contains("note: no certificate for lost.example.com"));
    assert_eq!(page().status, 200);
}

#[test]
fn a_bundle_that_is_closed_in_gets_wildcards_through_its_hook() {
    let site = Site::new();
    let management = Names::management_url(&site.address);
    let hook = format!(
        "#!/bin/sh\n\
         case $1 in present) what=set-txt;; cleanup) what=clear-txt;; *) exit 64;; esac\n\
         curl -sf -d \"{{\\\"host\\\":\\\"$2.\\\",\\\"value\\\":\\\"$3\\\"}}\" {management}/$what &&\n\
         echo \"$@\" >> hook.log\n"
    );
    let hook = site.scratch.write_program("hook", &hook);
    let endpoint = site.endpoint().with("dns", &hook.display().to_string());
    let endpoint = endpoint.with("domains", "*.example.com");
    let server = Server::from_run(bundle(&site, &endpoint));
    let shown = site.wait_for("any.example.com");
    assert_eq!(shown.names, ["*.example.com"]);
    event(&server, "certificate issued");
    let told = fs::read_to_string(site.scratch.path("hook.log")).expect("what the hook wrote");
    let words: Vec<Vec<_>> = told.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!([words[0][0], words[1][0]], ["present", "cleanup"], "{told}");
    assert!(words.iter().all(|line| line[1] == "_acme-challenge.example.com"), "{told}");
    assert_eq!(words[0][2], words[1][2]);
}

#[test]
fn a_hook_that_fails_is_told_by_its_exit_code() {
    let site = Site::new();
    let hook = site.scratch.write_program("hook", "#!/bin/sh\nexit 3\n");
    let endpoint = site.endpoint().with("dns", &hook.display().to_string());
    let server = Server::from_run(bundle(&site, &endpoint.with("domains", "*.example.com")));
    let failed = event(&server, "certificate not issued");
    let cause = failed["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("_acme-challenge.example.com") && cause.contains('3'), "{cause}");
}

#[test]
fn an_address_gets_a_certificate_that_clients_see_who_ask_for_no_name() {
    let site = Site::with(&Settings::default());
    let address = site.address.to_string();
    let _server = Server::from_run(bundle(&site, &site.endpoint().with("domains", &address)));
    let shown = site.wait_for(&address);
    assert_eq!(shown.names, [&*address]);
    let root = site.scratch.path("root.pem");
    fs::write(&root, site.pebble.root(0)).expect("a file of ours");
    let url = format!("https://{address}:{TLS_PORT}/");
    tools::tool("curl").args(["-sS", "--fail", "--cacert"]).arg(root).arg(url).ok();
}

#[test]
fn a_new_version_takes_over_and_serves_the_same_certificate() {
    let site = Site::with(&Settings::living(20));
    let run = bundle(&site, &site.endpoint().with("domains", NAME));
    let mut generations = Generations::start(&site.scratch, run);
    let old = site.wait_for(NAME);
    generations.upgrade();
    site.shown(NAME).expect("the certificate of the directory");
    // The new process renews.
    let new = site.wait_for_another(NAME, Some(&old));
    assert!(new.not_after > old.not_after);
}

#[test]
fn a_directory_of_txacme_goes_on_as_it_is() {
    let site = Site::new();
    let issuer = Authority::new();
    let held = issuer.order(&["old.example.com"]).key(Key::Rsa2048).issue();
    fs::create_dir_all(site.directory()).expect("a directory of ours");
    let write = |name: &str, text: &str| {
        fs::write(site.directory().join(name), text).expect("a file of ours");
    };
    write("old.example.com.pem", &held.pem());
    let key =
        tools::tool("openssl").args(["genrsa", "-traditional", "2048"]).ok().text().to_owned();
    assert!(key.contains("BEGIN RSA PRIVATE KEY"));
    write("client.key", &key);
    write(&format!("{NAME}.pem"), "");

    let server = site.start(&[]);
    let old = site.wait_for("old.example.com");
    site.wait_for(NAME);
    event(&server, "certificate issued");
    assert_eq!(old.names, ["old.example.com"]);
    assert_eq!(fs::read_to_string(site.directory().join("client.key")).unwrap(), key);
    assert_eq!(site.pebble.issued(), 1);
}

#[test]
fn a_unit_lets_the_service_write_its_certificates() {
    let site = Site::new();
    let unit = bundle(&site, &site.endpoint()).arg("--print-unit").ok();
    let line = format!("ReadWritePaths=-{}\n", site.directory().display());
    assert!(unit.text().contains(&line), "{}", unit.text());
}

#[test]
fn what_can_not_be_is_said_before_anything_is_asked_for() {
    let site = Site::new();
    let mut cases: Vec<(Endpoint, i32, &str)> = vec![
        (site.endpoint().with("domains", "a..b"), 64, "\"a..b\" is no host name"),
        (site.endpoint().with("eab", "none"), 66, "external account in none"),
    ];
    let accounts = site.scratch.write("accounts", "only-one-word\n");
    let with_accounts = site.endpoint().with("eab", &accounts.display().to_string());
    cases.push((with_accounts, 78, "wanted: KEY-ID HMAC-KEY"));
    let hook = site.scratch.write("hook", "#!/bin/sh\n").display().to_string();
    for (hook, code, words) in [("none", 66, "none for DNS records"), (&hook, 77, "permission")] {
        cases.push((site.endpoint().with("dns", hook), code, words));
    }
    let open = site.scratch.path("open");
    make_open(&open);
    cases.push((site.endpoint().in_directory(&open), 77, "chmod 700"));
    for (endpoint, code, words) in cases {
        let said = site.run(&endpoint).fails(code);
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(site.proxy.count("/"), 0);
}

/// A directory that others may write to.
fn make_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir(path).expect("a directory of ours");
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("a directory of ours");
}

#[test]
fn a_directory_in_which_nothing_is_asked_for_is_told() {
    let site = Site::new();
    let server = site.start(&[]);
    let told = event(&server, "no certificate is asked for yet: an empty NAME.pem asks");
    assert_eq!(told["directory"], site.directory().display().to_string());
    site.ask_for(NAME);
    site.wait_for(NAME);
}

#[test]
fn http_comes_to_any_endpoint_in_clear_text() {
    let site = Site::new();
    let clear = format!("redirect:port={TLS_PORT}:tcp:{HTTP_PORT}:interface={}", site.address);
    let endpoint = site.endpoint().with("challenge", "http-01").with("domains", NAME);
    let server = Server::from_run(bundle(&site, &endpoint).args(["--port", &clear]));
    let shown: Shown = site.wait_for(NAME);
    assert_eq!(shown.names, [NAME]);
    event(&server, "certificate issued");
    let mut client = holdall_tests::Client::connect(site.address.port(HTTP_PORT));
    let elsewhere = client.get("/.well-known/acme-challenge/unknown");
    assert_eq!(elsewhere.status, 308, "{}", elsewhere.head);
}

#[test]
fn the_demonstration_shows_a_page_over_https() {
    let site = Site::new();
    let bundle: PathBuf = site_bundle(&site.scratch);
    let script = programs::repository().join("tests/demo-https");
    let shown = Run::new(script).arg(bundle).current_dir(site.scratch.dir()).ok();
    let text = shown.text();
    assert!(text.contains("It works") && text.contains("DNS:hello.example.com"), "{text}");
}
