//! What can go wrong before a service serves: one line that says what to do, and the exit code.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use holdall_tests::{FREE_PORT, Run, Scratch, Server, fixtures, tools};

struct Site {
    scratch: Scratch,
    path: PathBuf,
}

impl Site {
    fn new() -> Self {
        let scratch = Scratch::new();
        let path = fixtures::site_bundle(&scratch);
        Self { scratch, path }
    }

    /// Runs it in its directory.
    fn run(&self, arguments: &[&str]) -> Run {
        Run::new(&self.path).current_dir(self.scratch.dir()).args(arguments)
    }

    /// Runs it on these endpoints; returns the line that says why it does not serve.
    fn fails_on(&self, ports: &[&str], code: i32) -> String {
        let ports = ports.iter().flat_map(|port| ["--port", port]).collect::<Vec<_>>();
        let line = self.run(&ports).fails(code);
        assert!(line.starts_with("site: "), "{line}");
        line
    }
}

fn has(line: &str, words: &[&str]) {
    let missing = words.iter().find(|word| !line.contains(**word));
    assert!(missing.is_none(), "no {missing:?} in: {line}");
}

#[test]
fn a_command_line_that_can_not_be_understood_is_a_usage_error() {
    let site = Site::new();
    let cases: [(&[&str], &[&str]); 14] = [
        (&["web"], &["unexpected argument 'web'"]),
        (&["--bogus"], &["unexpected argument '--bogus'"]),
        (&["--prot=80"], &["'--prot'", "'--port'"]),
        (&["--log-level=loud"], &["'loud'", "--log-level", "debug, info, warn, error, critical"]),
        (&["--log-format=xml"], &["'xml'", "--log-format", "text, json"]),
        (&["--access-log=x"], &["'x'", "--access-log", "off, auto, combined, json"]),
        (&["--port"], &["--port <ENDPOINT>", "value is required"]),
        (&["--grace-period=soon"], &["'soon'", "--grace-period"]),
        (&["--max-body-bytes=-1"], &["'-1'", "--max-body-bytes"]),
        (&["--max-connections=many"], &["'many'", "--max-connections"]),
        (&["--user"], &["--user <USER>", "value is required"]),
        (&["--log-level=info", "--log-level=warn"], &["--log-level", "multiple times"]),
        (&["--port=8080", "--port=tcp:8080"], &["tcp:8080 is given twice"]),
        (&["--port=unix:a", "--admin=unix:a"], &["unix:a is given twice"]),
    ];
    for (arguments, words) in cases {
        let line = site.run(arguments).fails(64);
        has(&line, words);
        assert!(line.starts_with("site: ") && line.contains("--help"), "{line}");
    }
}

#[test]
fn an_endpoint_error_has_its_column_and_the_word_that_was_meant() {
    let site = Site::new();
    let long = format!("unix:/{}", "x".repeat(107));
    for (endpoint, column, words) in [
        ("", 1, &["it is empty", "tcp:8080"][..]),
        (
            "http:80",
            1,
            &["unknown kind \"http\"", "known: tcp, tcp6, unix, tls, ssl, le, lets, acme, systemd"],
        ),
        ("haproxy:tpc:80", 9, &["unknown kind \"tpc\"", "did you mean \"tcp\"?"]),
        ("sytemd:0", 1, &["did you mean \"systemd\"?"]),
        ("tcp:http", 5, &["port is \"http\"", "0 to 65535"]),
        ("tcp:65536", 5, &["port is \"65536\""]),
        ("tcp", 4, &["port is missing"]),
        ("tcp:80:interfaces=::1", 8, &["\"interfaces\"", "did you mean \"interface\"?"]),
        ("tcp:80:interface=localhost", 8, &["\"localhost\"", "IP address"]),
        ("tcp:80:port=81", 8, &["port is given twice"]),
        ("tcp:80:a\\", 9, &["backslash with nothing after it"]),
        ("tls:443", 8, &["privateKey is missing", "path=DIRECTORY"]),
        ("redirect:tls:443:privateKey=k", 1, &["give the tls endpoint as a second one"]),
        ("haproxy:trust=10.0.0.0/99:80", 9, &["trust is \"10.0.0.0/99\""]),
        (&long, 6, &["the path has 108 bytes", "at most 107", "take a shorter one"]),
    ] {
        let line = site.fails_on(&[endpoint], 64);
        has(&line, words);
        has(&line, &[&format!("bad endpoint {endpoint:?}, column {column}: ")]);
    }
}

#[test]
fn nothing_is_opened_before_all_of_it_is_understood() {
    let site = Site::new();
    for wrong in [["--port", "unix:b.sock:mode=9"], ["--port", "tcp:x"], ["--admin", "tpc:1"]] {
        let run = site.run(&["--port", "unix:a.sock", "--log-file", "site.log"]).args(wrong);
        assert_eq!(run.end().code(), 64);
        for untouched in ["a.sock", "b.sock", "site.log"] {
            assert!(!site.scratch.path(untouched).exists(), "{wrong:?}: {untouched}");
        }
    }
}

#[test]
fn what_was_opened_is_closed_when_the_next_one_fails() {
    let site = Site::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp:{}:interface=127.0.0.1", other.local_addr().unwrap().port());
    let _taken =
        TcpListener::bind(taken.replace("tcp:", "127.0.0.1:").replace(":interface=127.0.0.1", ""));
    site.fails_on(&["unix:a.sock", &taken], 69);
    assert!(!site.scratch.path("a.sock").exists());
}

#[test]
fn a_port_that_another_program_has_is_named_with_what_to_try() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let endpoint = format!("tcp:{port}:interface=127.0.0.1");
    let words = [
        &*format!("can't listen on 127.0.0.1:{port} (another program has port {port}: "),
        "stop it or take another port; tcp:0 takes a free one",
        "Address already in use",
    ];
    has(&site.fails_on(&[&endpoint], 69), &words);
    has(&site.fails_on(&[FREE_PORT, &endpoint], 69), &words);
    let _taken = UnixListener::bind(site.scratch.path("a.sock")).unwrap();
    has(&site.fails_on(&["unix:a.sock"], 69), &["a.sock: another program does", "another path"]);
    let elsewhere = site.fails_on(&["tcp:0:interface=192.0.2.1"], 69);
    has(&elsewhere, &["192.0.2.1:0", "no interface of this machine has that address"]);
}

#[test]
fn a_path_that_no_socket_can_have_is_told() {
    let site = Site::new();
    has(
        &site.fails_on(&["unix:gone/a.sock"], 69),
        &["there is no directory gone", "make it first"],
    );
    let content = fs::read(&site.path).unwrap();
    for taken in ["unix:site", "unix:www"] {
        has(&site.fails_on(&[taken], 73), &["it is there and not a socket", "take another path"]);
    }
    assert!(fs::read(&site.path).unwrap() == content, "a file was touched");
}

/// A command in a network of its own, where low ports need their capability, as user 12345 with
/// these options of setpriv(1).
fn without_rights(options: &[&str], program: &Path) -> Run {
    let script = "echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start; exec \"$@\"";
    let run = tools::tool("unshare").args(["--net", "sh", "-euc", script, "sh"]);
    run.args(["setpriv", "--reuid=12345", "--clear-groups"]).args(options).arg(program)
}

#[test]
fn a_low_port_needs_its_capability() {
    if !tools::root_for("may be somebody else") {
        return;
    }
    let site = Site::new();
    let line = without_rights(&[], &site.path).args(["--port", "80"]).fails(77);
    has(&line, &["can't listen on 0.0.0.0:80", "port 80 needs root or CAP_NET_BIND_SERVICE"]);
    has(&line, &["ports from 1024 on do not"]);
    let capability = ["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"];
    let run = without_rights(&capability, &site.path).args(["--port", "80"]);
    let server = Server::from_run(run);
    assert_eq!(server.address.port(), 80);
    assert!(server.stop().success());
}

#[test]
fn rights_that_are_missing_are_told() {
    if !tools::root_for("may be somebody else") {
        return;
    }
    let site = Site::new();
    let nobody = |arguments: &[&str]| {
        tools::as_nobody(&site.path).current_dir(site.scratch.dir()).args(arguments).fails(77)
    };
    has(&nobody(&["--port", "unix:a.sock"]), &["a.sock", "may not make files in"]);
    has(
        &nobody(&["--port", FREE_PORT, "--user", "daemon"]),
        &["only root can become user 1", "start it as root, or as that user"],
    );
}

#[test]
fn a_log_that_can_not_be_written_is_told() {
    let site = Site::new();
    for (file, words) in [
        ("gone/site.log", "No such file or directory"),
        ("www", "Is a directory"),
        ("site", "Text file busy"),
    ] {
        let line = site.run(&["--port", FREE_PORT, "--log-file", file]).fails(74);
        has(&line, &["can't open the log file", file, words]);
    }
}

#[test]
fn a_user_that_is_not_there_is_told() {
    if !tools::root_for("may become somebody else") {
        return;
    }
    let site = Site::new();
    for option in ["--user", "--group"] {
        let line = site.run(&["--port", FREE_PORT, option, "no-such-name"]).fails(78);
        has(&line, &["no-such-name", "/etc/"]);
    }
}

#[test]
fn descriptors_that_are_not_passed_are_told() {
    let site = Site::new();
    let run = |endpoint: &str, variables: &[(&str, &str)]| {
        let run = site.run(&["--port", endpoint]);
        variables.iter().fold(run, |run, (name, value)| run.env(name, value)).fails(69)
    };
    has(&run("fd:77", &[]), &["descriptor 77", "it is not open"]);
    has(&run("fd:0", &[]), &["descriptor 0", "it is not a socket"]);
    for endpoint in ["systemd:0", "systemd:web"] {
        has(&run(endpoint, &[]), &[endpoint, "LISTEN_FDS is not set", "systemd-socket-activate"]);
        let wrong = run(endpoint, &[("LISTEN_PID", "1"), ("LISTEN_FDS", "1")]);
        has(&wrong, &["are for process 1 (LISTEN_PID), and this is "]);
    }
    has(&run("8080", &[("LISTEN_PID", "x"), ("LISTEN_FDS", "1")]), &["LISTEN_PID is \"x\""]);
}

/// Passes what this Python expression makes as descriptors from 3 on, as a service manager does.
fn passing(sockets: &str, names: &str, site: &Site) -> Run {
    let manager = format!(
        "import os, socket, sys\n\
        keep = [{sockets}]\n\
        for index, one in enumerate(keep): os.dup2(one.fileno(), 50 + index)\n\
        for index, one in enumerate(keep): os.dup2(50 + index, 3 + index)\n\
        for index, one in enumerate(keep): os.close(50 + index)\n\
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(keep)))\n\
        os.environ['LISTEN_FDNAMES'] = '{names}'\n\
        os.execv(sys.argv[1], sys.argv[1:])"
    );
    tools::tool("python3").args(["-c", &manager]).arg(&site.path)
}

#[test]
fn descriptors_that_do_not_fit_are_told() {
    const TCP: &str = "socket.create_server(('127.0.0.1', 0))";
    let site = Site::new();
    let run = |sockets: &str, names, port| passing(sockets, names, &site).args(["--port", port]);
    let two = format!("{TCP}, {TCP}");
    let missing = run(&two, "web:admin", "systemd:wbe").fails(69);
    has(&missing, &["systemd:wbe", "2 descriptors were passed: web, admin"]);
    has(&run(TCP, "web", "systemd:1").fails(69), &["systemd:1", "1 descriptor was passed: web"]);
    has(&run(TCP, "web:admin", "systemd:0").fails(69), &["LISTEN_FDNAMES has 2 names for the 1"]);
    let accepted = run("socket.socket()", "web", "systemd:web").fails(69);
    has(&accepted, &["descriptor 3 (web)", "it does not listen", "Accept=no"]);
    let datagram = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)";
    let datagram = run(datagram, "web", "systemd:web").fails(69);
    has(&datagram, &["it is not a stream socket", "ListenStream="]);
    let family = run(TCP, "web", "systemd:web:domain=UNIX").fails(69);
    has(&family, &["descriptor 3 (web)", "UNIX"]);
    let file = run("open('/dev/null')", "web", "systemd:web").fails(69);
    has(&file, &["descriptor 3 (web)", "it is not a socket"]);
    let server = Server::from_run(run(&two, "web:admin", "systemd:web"));
    assert_eq!(server.get("/").status, 200);
}

#[test]
fn a_value_in_the_environment_or_the_bundle_is_blamed_where_it_stands() {
    let site = Site::new();
    for (name, value, words) in [
        ("HOLDALL_PORT", "8080 tcp:http", "column 5: port is \"http\""),
        ("HOLDALL_GRACE_PERIOD", "soon", "'soon'"),
        ("HOLDALL_NO_SANDBOX", "perhaps", "neither 1 nor 0"),
        ("PORT", "http", "no port"),
    ] {
        let line = site.run(&[]).env(name, value).fails(64);
        has(&line, &["site: ", &format!("{name} in the environment: "), words]);
    }
    let manifest = "arguments = ['--port', 'tcp:http']\n";
    site.scratch.write("www/holdall.toml", manifest);
    site.scratch.bundle("www", "site", &["--name", "site"]);
    let line = site.run(&[]).fails(64);
    has(&line, &["site: default arguments of the bundle: ", "port is \"http\""]);
}

#[test]
fn a_program_without_its_bundle_says_so() {
    let site = Site::new();
    let info = site.run(&["--bundle-info=json"]).ok().json();
    let size = usize::try_from(info["prefix"]["size"].as_u64().unwrap()).unwrap();
    let bytes = fs::read(&site.path).unwrap();
    let stripped = site.scratch.write_program("stripped", &bytes[..size]);
    let line = Run::new(stripped).args(["--port", FREE_PORT]).fails(65);
    has(&line, &["stripped has lost its archive", "strip first, then bundle"]);
    let program = Run::new(env!("CARGO_BIN_EXE_linked")).current_dir(site.scratch.dir());
    let line = program.args(["--port", FREE_PORT]).fails(69);
    has(&line, &["linked: the service did not start: ", "HOLDALL_RESOURCES"]);
}
