//! `--print-unit`: what the service manager's own tools say of the unit.

use std::path::Path;

use holdall_tests::fixtures;
use holdall_tests::{Run, Scratch, tools};

/// Writes the unit that the bundle prints, and has it checked.
fn checked_unit(scratch: &Scratch, bundle: &Path, arguments: &[&str]) -> String {
    let printed = Run::new(bundle).args(arguments).arg("--print-unit").ok();
    let unit = printed.text().to_owned();
    let path = scratch.write("hold-test.service", &unit);
    let verified = tools::tool("systemd-analyze").args(["verify", "--man=no"]).arg(path).ok();
    assert!(!verified.stderr.contains("hold-test"), "{}: {unit}", verified.stderr);
    unit
}

/// How much of the system a service with this unit can reach: from 0 to 10.
fn exposure(scratch: &Scratch) -> f64 {
    let path = scratch.path("hold-test.service");
    let analyzed =
        tools::tool("systemd-analyze").args(["security", "--offline=true"]).arg(path).ok();
    let last = analyzed.lines().last().copied().unwrap_or_default().to_owned();
    let score = last.split_whitespace().find_map(|word| word.parse().ok());
    score.unwrap_or_else(|| panic!("no score in {last}"))
}

#[test]
fn a_unit_is_valid_and_closed() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let unit = checked_unit(&scratch, &site, &["--port", "8080", "--grace-period=5m"]);
    let program = site.canonicalize().unwrap();
    let command =
        format!("ExecStart={} \\\n    --port=8080 \\\n    --grace-period=5m\n", program.display());
    assert!(unit.contains(&command), "{unit}");
    for line in ["Type=notify", "DynamicUser=yes", "CapabilityBoundingSet=", "TimeoutStopSec=310"] {
        assert!(unit.lines().any(|each| each == line), "{line} is not in {unit}");
    }
    let score = exposure(&scratch);
    assert!(score < 2.0, "{score}: {unit}");
}

#[test]
fn a_low_port_gets_its_capability_and_no_other() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let unit = checked_unit(&scratch, &site, &["--port=80", "--user=daemon"]);
    for line in [
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "User=daemon",
    ] {
        assert!(unit.lines().any(|each| each == line), "{line} is not in {unit}");
    }
    assert!(!unit.contains("--user"), "{unit}");
    let score = exposure(&scratch);
    assert!(score < 2.5, "{score}: {unit}");
}

#[test]
fn odd_arguments_are_quoted() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let odd = "--allow-path=/a \"b\" $c %d \\e";
    let unit = checked_unit(&scratch, &site, &[odd]);
    assert!(unit.contains(r#" "--allow-path=/a \"b\" $$c %%d \\e""#), "{unit}");
}

#[test]
fn the_socket_unit_beside_it_is_valid() {
    let scratch = Scratch::new();
    let site = fixtures::site_bundle(&scratch);
    let ports = ["--port=8080", "--port=tcp6:8081", "--admin=unix:/run/hold-test/admin.sock"];
    let unit = checked_unit(&scratch, &site, &ports);
    assert!(unit.contains("RuntimeDirectory=hold-test\n"), "{unit}");
    let (_, socket) = unit.split_once("# [Socket]\n").expect("a socket unit");
    let socket: String =
        socket.lines().map(|line| format!("{}\n", line.trim_start_matches(['#', ' ']))).collect();
    let path = scratch.write("hold-test.socket", format!("[Socket]\n{socket}"));
    let verified = tools::tool("systemd-analyze").args(["verify", "--man=no"]).arg(path).ok();
    assert!(!verified.stderr.contains("hold-test"), "{}: {socket}", verified.stderr);
    for listen in ["0.0.0.0:8080", "8081", "/run/hold-test/admin.sock"] {
        assert!(socket.contains(&format!("ListenStream={listen}\n")), "{socket}");
    }
}
