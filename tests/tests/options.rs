//! Options: where their values come from, and what `--help` and `--check` say of them.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use holdall_tests::{Ended, FREE_PORT, Run, Scratch, Server, fixtures, http, programs};

/// The manifest's arguments: each of them is overridden by something.
const MANIFEST: &str = "arguments = [
    '--port', 'tcp:2', '--port', 'tcp:22',
    '--grace-period', '2', '--greeting', 'two', '--loud', '--allow-path', '/usr',
]\n";

const ENVIRONMENT: [(&str, &str); 6] = [
    ("PORT", "333"),
    ("HOLDALL_PORT", "tcp:3 unix:/three"),
    ("HOLDALL_GRACE_PERIOD", "3s"),
    ("HOLDALL_GREETING", "three"),
    ("HOLDALL_LOUD", "no"),
    ("HOLDALL_ALLOW_PATH", "/etc"),
];

const COMMAND_LINE: [&str; 5] =
    ["--port=tcp:4", "--grace-period=4s", "--greeting=four", "--loud", "--allow-path=/tmp"];

/// A bundle of the plug-in with these default arguments, in the file `greeter`.
fn greeter(scratch: &Scratch, manifest: &str) -> PathBuf {
    scratch.write("files/holdall.toml", manifest);
    scratch.write("files/index.html", "a page\n");
    let run = scratch.bundler("greeter").args(["files", "--name", "greeter", "--path"]);
    run.arg(programs::greeter()).ok();
    scratch.path("greeter")
}

/// A program with variables in its environment, and with none of those that the tests run with.
fn run(program: &PathBuf, variables: &[(&str, &str)]) -> Run {
    let run = Run::new(program).env_clear();
    variables.iter().fold(run, |run, (name, value)| run.env(name, value))
}

/// What `--check` says is given, and where it comes from.
fn given(check: &Ended) -> Vec<&str> {
    let (_, given) = check.text().split_once("\ngiven\n").unwrap_or_default();
    given.lines().map(str::trim).collect()
}

#[test]
fn the_command_line_wins_then_the_environment_then_the_manifest() {
    let scratch = Scratch::new();
    let with_defaults = greeter(&scratch, MANIFEST);
    let check = |variables: &[_], arguments: &[&str]| {
        run(&with_defaults, variables).args(arguments).arg("--check").ok()
    };
    let manifest = check(&[], &[]);
    assert!(manifest.text().contains("\n  tcp:2\n") && manifest.text().contains("\n  tcp:22\n"));
    assert_eq!(
        given(&manifest),
        [
            "--greeting=two  (default arguments of the bundle)",
            "--loud  (default arguments of the bundle)",
            "--port=tcp:2  (default arguments of the bundle)",
            "--port=tcp:22  (default arguments of the bundle)",
            "--grace-period=2  (default arguments of the bundle)",
            "--allow-path=/usr  (default arguments of the bundle)",
        ]
    );
    let environment = check(&ENVIRONMENT, &[]);
    assert_eq!(
        given(&environment),
        [
            "--greeting=three  (HOLDALL_GREETING in the environment)",
            "--port=tcp:3  (HOLDALL_PORT in the environment)",
            "--port=unix:/three  (HOLDALL_PORT in the environment)",
            "--grace-period=3s  (HOLDALL_GRACE_PERIOD in the environment)",
            "--allow-path=/usr  (default arguments of the bundle)",
            "--allow-path=/etc  (HOLDALL_ALLOW_PATH in the environment)",
        ]
    );
    let command_line = check(&ENVIRONMENT, &COMMAND_LINE);
    assert_eq!(
        given(&command_line),
        [
            "--greeting=four  (command line)",
            "--loud  (command line)",
            "--port=tcp:4  (command line)",
            "--grace-period=4s  (command line)",
            "--allow-path=/usr  (default arguments of the bundle)",
            "--allow-path=/etc  (HOLDALL_ALLOW_PATH in the environment)",
            "--allow-path=/tmp  (command line)",
        ]
    );
    for (check, ports, grace, paths) in [
        (&manifest, 2, "2s", "/usr"),
        (&environment, 2, "3s", "/usr, /etc"),
        (&command_line, 1, "4s", "/usr, /etc, /tmp"),
    ] {
        let text = check.text();
        assert_eq!(text.lines().filter(|line| line.contains("HTTP/1.1")).count(), ports, "{text}");
        assert!(text.contains(&format!("end      after {grace} at most")), "{text}");
        assert!(text.contains(&format!("may read {paths}\n")), "{text}");
    }
}

#[test]
fn what_wins_is_what_the_service_gets() {
    let scratch = Scratch::new();
    let port = format!("HOLDALL_PORT={FREE_PORT}");
    let (name, free) = port.split_once('=').unwrap();
    let greeter = greeter(&scratch, MANIFEST);
    let command_line: &[&str] = &["--greeting=four", "--loud"];
    for (variables, arguments, greeting, loud) in [
        (&[(name, free)][..], &[][..], "two", "true"),
        (&[(name, free), ENVIRONMENT[3], ENVIRONMENT[4]], &[], "three", "false"),
        (&[(name, free), ENVIRONMENT[3], ENVIRONMENT[4]], command_line, "four", "true"),
    ] {
        let server = Server::from_run(run(&greeter, variables).args(arguments));
        assert_eq!(server.get("/greeting").text(), greeting);
        assert_eq!(server.get("/loud").text(), loud);
    }
    let manifest = format!("arguments = ['--port={FREE_PORT}', '--port={FREE_PORT}']\n");
    let two_ports = self::greeter(&scratch, &manifest);
    let server = Server::from_run(run(&two_ports, &[]));
    assert_eq!(server.urls(2).len(), 2);
    assert_eq!(server.get("/greeting").text(), "Hello");
    assert_eq!(server.get("/loud").text(), "false");
}

#[test]
fn a_linked_program_has_its_options_in_all_the_same_places() {
    let scratch = Scratch::new();
    let data = programs::repository().join("app/resources");
    let pack = |arguments: &[&str]| {
        let run = scratch.bundler("sayhello").arg(&data).arg("--path").arg(programs::sayhello());
        run.args(["--entry-point", "linked"]).args(arguments).ok();
        scratch.path("sayhello")
    };
    let bundle = pack(&[]);
    let help = run(&bundle, &[]).arg("--help").ok();
    assert!(help.text().contains("--greeting <TEXT>  The word before the name [default: Hello]"));
    let greets = |variables: &[_], arguments: &[&str]| {
        let run = run(&bundle, variables).args(["--port", FREE_PORT]).args(arguments);
        Server::from_run(run).get("/hello/Ada").text().to_owned()
    };
    let variable = [("HOLDALL_GREETING", "Salut")];
    for (page, greeting) in [
        (greets(&[], &[]), "Hello"),
        (greets(&variable, &[]), "Salut"),
        (greets(&variable, &["--greeting", "Ciao"]), "Ciao"),
    ] {
        assert!(page.contains(&format!("{greeting}, Ada")), "{page}");
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_port_alone_in_the_environment_is_served() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let port = free_port();
    let variable = port.to_string();
    let server = Server::from_run(run(&site, &[("PORT", &variable)]));
    assert_eq!(http::get((Ipv4Addr::LOCALHOST, port).into(), "/").status, 200);
    drop(server);
    let check = |variables: &[_], arguments: &[&str]| {
        let check = run(&site, variables).args(arguments).arg("--check").ok();
        given(&check).join("\n")
    };
    let lone = ("PORT", "5000");
    assert_eq!(check(&[lone], &[]), "--port=tcp:5000  (PORT in the environment)");
    let both = [lone, ("HOLDALL_PORT", "6000")];
    assert_eq!(check(&both, &[]), "--port=6000  (HOLDALL_PORT in the environment)");
    assert_eq!(check(&both, &["-p7000"]), "--port=7000  (command line)");
    assert_eq!(check(&[("PORT", ""), ("HOLDALL_PORT", "")], &[]), "");
}

#[test]
fn a_check_opens_nothing() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("tcp:{}:interface=127.0.0.1", taken.local_addr().unwrap().port());
    let before = scratch.names("");
    let check = |arguments: &[&str]| {
        run(&site, &[]).current_dir(scratch.dir()).args(arguments).arg("--check").ok()
    };
    let told = check(&[
        &*format!("--port={port}"),
        "--port=unix:web.sock:mode=600",
        "--port=haproxy:trust=10.0.0.0/8:tcp6:443",
        "--port=redirect:port=8443:tcp:1:interface=192.0.2.1",
        "--port=systemd:web",
        "--port=fd:99",
        "--admin=unix:gone/admin.sock",
        "--log-file=site.log",
        "--user=no-such-user",
        "--allow-write=/var/lib/site",
    ]);
    assert_eq!((told.stderr.as_str(), scratch.names("")), ("", before));
    for line in [
        "site would serve on",
        "of 127.0.0.1; HTTP/1.1 and HTTP/2 in clear text",
        "Unix socket web.sock, for those whom mode 600 lets write;",
        "TCP port 443 of all interfaces, IPv6 and IPv4; a PROXY header comes first, ",
        "within 5s, from 10.0.0.0/8",
        "TCP port 1 of 192.0.2.1; redirects to https, port 8443",
        "the socket that the service manager passes as \"web\"",
        "fd:99",
        "and tell how it goes on",
        "user     no-such-user, once the endpoints are open",
        "may read and write /var/lib/site",
        "logs     text on a terminal, JSON otherwise, to site.log, from level info on",
    ] {
        assert!(told.text().contains(line), "no {line:?} in\n{}", told.text());
    }
    assert_eq!(given(&told).len(), 10, "{}", told.text());
    assert!(given(&told).iter().all(|line| line.ends_with("  (command line)")));
    assert_eq!(given(&check(&[])), [""; 0]);
    assert!(check(&["--no-sandbox"]).text().contains("\nsandbox  none: "));
}

#[test]
fn the_help_fits_any_terminal_and_shows_what_holds() {
    let scratch = Scratch::new();
    let greeter = greeter(&scratch, MANIFEST);
    let help = |columns: &str| run(&greeter, &[("COLUMNS", columns)]).arg("--help").ok();
    for (columns, widest) in [("80", 80), ("100", 100), ("250", 100)] {
        let help = help(columns);
        let too_long = help.text().lines().find(|line| line.chars().count() > widest);
        assert_eq!(too_long, None, "at {columns} columns");
    }
    let help = help("80");
    let words = help.text().split_whitespace().collect::<Vec<_>>().join(" ");
    let groups = [
        "Endpoints:",
        "Options of greeter:",
        "Lifecycle:",
        "Sandbox:",
        "Limits:",
        "Logs:",
        "Questions, answered instead of serving:",
        "Examples:",
    ];
    for group in groups {
        assert_eq!(help.lines().iter().filter(|line| **line == group).count(), 1, "{group}");
    }
    for part in [
        "Usage: greeter [OPTIONS]",
        "--greeting <TEXT> The word before the name [default: two]",
        "--loud Greet in capitals",
        "-p, --port <ENDPOINT> Where to serve",
        "may be repeated [default: tcp:2 tcp:22]",
        "when the server ends [default: 2]",
        "Head of a request [default: 64k]",
        "[possible values: debug, info, warn, error, critical]",
        "greeter --port tls:443",
        "HOLDALL_GRACE_PERIOD=30",
        "PORT=8080 alone means --port tcp:8080",
        "69 unavailable",
    ] {
        assert!(words.contains(part), "no {part:?} in\n{}", help.text());
    }
    let version = run(&greeter, &[]).arg("--version").ok();
    assert_eq!(version.text(), "greeter 0.0.0\n");
}
