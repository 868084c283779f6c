//! `exec` entry points: the program is as it would be without the bundle around it.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use holdall_tests::{Run, Scratch, fixtures, tools};
use rustix::process::Signal;

#[test]
fn arguments_are_untouched() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let odd = ["arguments", "--verify", "", "a b", "--help", "-p", "--port=x", "\n", "größe"];
    let told = Run::new(&probe).args(odd).ok();
    let expected: String = odd.iter().map(|argument| format!("[{argument}]\n")).collect();
    assert_eq!(told.text(), format!("[{}]\n{expected}", probe.display()));
    for first in ["--help", "--version", "-h", "--port", "--verify-all", "--", "--list"] {
        let told = Run::new(&probe).args([first, "--verify"]).ok();
        assert_eq!(told.lines()[1..], [&*format!("[{first}]"), "[--verify]"]);
    }
    assert_eq!(Run::new(&probe).ok().lines().len(), 1);
}

#[test]
fn arguments_need_not_be_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    for arguments in [["\u{0}x", "--verify"], ["arguments", "\u{0}"]] {
        let bytes = arguments.map(|argument| argument.replace('\0', "?").into_bytes());
        let bytes = bytes.map(|b| b.iter().map(|c| if *c == b'?' { 0xff } else { *c }).collect());
        let arguments = bytes.each_ref().map(|b: &Vec<u8>| std::ffi::OsStr::from_bytes(b));
        let told = Run::new(&probe).args(arguments).ok();
        let expected: Vec<u8> =
            bytes.iter().flat_map(|b| [b"[", &b[..], b"]\n"].concat()).collect();
        assert!(told.stdout.ends_with(&expected), "{:?}", told.stdout);
    }
}

#[test]
fn the_exit_code_is_the_program_s() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    for code in [0, 1, 3, 64, 65, 127, 255] {
        let ended = Run::new(&probe).args(["exit", &code.to_string()]).end();
        assert_eq!((ended.code(), ended.stderr.as_str()), (code, ""));
    }
}

#[test]
fn a_signal_ends_the_program_itself() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    for signal in [Signal::TERM, Signal::KILL, Signal::ABORT, Signal::PIPE, Signal::USR1] {
        let raised = Run::new(&probe).args(["raise", &signal.as_raw().to_string()]).end();
        assert_eq!(raised.signal(), Some(signal.as_raw()));
        let mut child = Command::new(&probe)
            .arg("stay")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut up = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        let status = child.wait().unwrap();
        let signalled = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(signalled, Some(signal.as_raw()), "from outside: {status}");
    }
}

#[test]
fn signals_have_their_default_disposition() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    for number in 1..=31 {
        let told = Run::new(&probe).args(["disposition", &number.to_string()]).ok();
        assert_eq!(told.text(), "default\n", "signal {number}");
    }
    let told = Run::new(&probe).args(["status", "SigBlk:"]).ok();
    assert_eq!(told.text(), "SigBlk:\t0000000000000000\n");
}

#[test]
fn streams_are_passed_on() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let input = fixtures::noise();
    let copied = Run::new(&probe).arg("copy").input(input.clone()).ok();
    assert_eq!(copied.stdout, input);
}

#[test]
fn the_process_is_replaced() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let mut child = Command::new(&probe)
        .arg("stay")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut up = [0; 3];
    child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
    let pid = child.id().to_string();
    let shown = tools::tool("ps").args(["-o", "comm=", "-p", &pid]).ok();
    // The kernel takes it from the file that is executed (execve(2)): a file in memory has its name
    // behind a prefix, and before Linux 6.14 the number of the descriptor was all that there was.
    let name = shown.text().trim();
    assert!(name == "memfd:probe" || name.parse::<u32>().is_ok(), "ps shows {name}");
    let shown = tools::tool("ps").args(["-o", "args=", "-p", &pid]).ok();
    assert_eq!(shown.text(), format!("{} stay\n", probe.display()));
    let children = tools::tool("ps").args(["-o", "pid=", "--ppid", &pid]).end();
    assert_eq!(children.text(), "", "it has children");
    child.stdin.take().unwrap().write_all(b"end").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_name_of_the_caller_s_choice_is_the_first_argument() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let output = Command::new(&probe).arg0("another").arg("arguments").output().unwrap();
    assert_eq!(output.stdout, b"[another]\n[arguments]\n");
}

#[test]
fn our_variables_are_removed_but_for_two() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let run = Run::new(&probe).arg("environment").env_clear();
    let run = run.env("HOLDALL_RESOURCES", "/x").env("HOLDALL_BUNDLE", "/y");
    let run = run.env("HOLDALL_BUNDLE_FD", "0").env("HOLDALL_", "").env("HOLDALL", "kept");
    let told = run.env("PATH", "/bin").env("EMPTY", "").ok();
    let mut variables = told.lines();
    variables.sort();
    let descriptor = variables.iter().find_map(|v| v.strip_prefix("HOLDALL_BUNDLE_FD=")).unwrap();
    assert!(descriptor.parse::<u32>().unwrap() > 2, "{descriptor} is a standard stream");
    let (bundle, descriptor) =
        (format!("HOLDALL_BUNDLE={}", probe.display()), format!("HOLDALL_BUNDLE_FD={descriptor}"));
    assert_eq!(variables, ["EMPTY=", "HOLDALL=kept", &bundle, &descriptor, "PATH=/bin"]);
}

#[test]
fn the_bundle_is_the_only_descriptor_added() {
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let descriptors = |program: &Path| {
        let told = Run::new(program).arg("descriptors").ok();
        let lines = told.lines().into_iter().filter(|line| !line.contains("pipe:"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    // What this process hands on by accident is handed on to both.
    let (naked, mut bundled) = (descriptors(&scratch.path("build/probe")), descriptors(&probe));
    bundled.retain(|line| !naked.contains(line));
    assert_eq!(bundled.len(), 1, "{bundled:?}");
    assert!(bundled[0].ends_with(&*probe.to_string_lossy()), "{bundled:?}");
}

#[test]
fn a_deleted_bundle_is_still_readable_by_its_descriptor() {
    let scratch = Scratch::new();
    let script =
        "#!/bin/sh\necho up; read line; unzip -p /proc/self/fd/$HOLDALL_BUNDLE_FD data/hello.txt\n";
    let script = scratch.write_program("script.sh", script);
    let bundle = fixtures::exec_bundle(&scratch, &script, "script", &[]);
    for away in [remove, rename] {
        let copy = scratch.path("copy");
        std::fs::copy(&bundle, &copy).unwrap();
        let mut child =
            Command::new(&copy).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut up = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        away(&copy);
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.stdout, b"hello from the bundle\n");
    }
}

fn remove(path: &std::path::Path) {
    std::fs::remove_file(path).unwrap();
}

fn rename(path: &std::path::Path) {
    std::fs::rename(path, path.with_extension("away")).unwrap();
}

#[test]
fn a_policy_against_executable_memory_is_obeyed() {
    if !tools::root_for("may set vm.memfd_noexec in a pid namespace") {
        return;
    }
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    for policy in ["0", "1", "2"] {
        let script = "echo $1 >/proc/sys/vm/memfd_noexec; shift; exec \"$@\"";
        let run = tools::tool("unshare").args(["-pf", "--mount-proc", "sh", "-euc", script, "sh"]);
        let ended = run.arg(policy).arg(&probe).args(["exit", "3"]).end();
        assert_eq!(ended.code(), 3, "vm.memfd_noexec={policy}: {}", ended.stderr);
    }
}

#[test]
fn without_any_place_to_execute_from_the_reason_is_told() {
    if !tools::root_for("may set vm.memfd_noexec in a pid namespace") {
        return;
    }
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let script = "echo 2 >/proc/sys/vm/memfd_noexec; for at in /tmp /var/tmp /dev/shm; do \
                  [ -d $at ] && mount -t tmpfs -o noexec tmpfs $at; done; exec /proc/self/fd/9";
    let script = format!("exec 9<{}; {script}", probe.display());
    let run = tools::tool("unshare").args(["-mpf", "--mount-proc", "sh", "-euc", &script]);
    let line = run.fails(69);
    assert!(line.contains("memfd_noexec"), "{line}");
}

#[test]
fn capabilities_of_the_file_reach_the_program() {
    if !tools::root_for("may give capabilities to a file") {
        return;
    }
    let scratch = Scratch::new();
    let probe = fixtures::probe_bundle(&scratch);
    let capabilities = || {
        let told = tools::as_nobody(&probe).args(["status", "CapEff:"]).ok();
        u64::from_str_radix(told.text().trim().trim_start_matches("CapEff:").trim(), 16).unwrap()
    };
    assert_eq!(capabilities(), 0);
    tools::tool("setcap").arg("cap_net_bind_service=ep").arg(&probe).ok();
    assert_eq!(capabilities(), 1 << 10);
}

#[test]
fn a_program_for_another_machine_is_refused_by_the_bundler() {
    let scratch = Scratch::new();
    let program = fixtures::c_program(&scratch, "probe.c", "build/probe");
    let mut bytes = std::fs::read(&program).unwrap();
    // e_machine (elf(5)): IBM S/390, or x86-64 where this is one.
    bytes[18] = if bytes[18] == 22 { 62 } else { 22 };
    scratch.write_program("build/foreign", bytes);
    scratch.write("files/a.txt", "a");
    let line = scratch.bundler("out").args(["files", "--path", "build/foreign"]).fails(65);
    assert!(line.contains("build/foreign") && line.contains("--launcher"), "{line}");
}
