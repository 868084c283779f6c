//! The server that is upgraded: does on its listening socket what a line of text says.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{self, Command};
use std::time::Duration;
use std::{env, fs, iter, thread};

use holdall_process::identity::Identity;
use holdall_process::sandbox::Sandbox;
use holdall_process::{Nursery, Outcome, Predecessor, SpawnError, Successor};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// Before the version at the end of the executable.
pub const MARK: &[u8] = b"\nversion=";

/// Serves until it is told to end. `options`: `confined` to give up all rights, `threads` to be wrong,
/// `hook=PATH` for each hook.
pub fn serve(options: &[String]) -> ! {
    let predecessor = Predecessor::from_environment();
    let version = version();
    match (version.as_str(), predecessor) {
        ("broken", Some(predecessor)) => {
            predecessor.failed("no certificates\nin /srv").unwrap();
            process::exit(78)
        }
        ("silent", Some(_)) => process::exit(3),
        ("hang", Some(_predecessor)) => loop {
            thread::park();
        },
        (_, predecessor) => serve_version(&version, predecessor, options),
    }
}

fn serve_version(version: &str, predecessor: Option<Predecessor>, options: &[String]) -> ! {
    let listener = match predecessor {
        None => TcpListener::bind("127.0.0.1:0").unwrap(),
        Some(_) => passed_listener(),
    };
    let has = |option: &str| options.iter().any(|given| given == option);
    if has("threads") {
        thread::spawn(thread::park);
    }
    let hooks = options.iter().filter_map(|option| option.strip_prefix("hook="));
    let nursery = match Nursery::start(hooks.map(Into::into).collect()) {
        Ok(nursery) => nursery,
        Err(error) => {
            println!("{}", chain(&error));
            process::exit(1);
        }
    };
    if has("confined") {
        give_up_rights();
    }
    match predecessor {
        None => println!("port {}", listener.local_addr().unwrap().port()),
        Some(predecessor) => predecessor.ready(&nursery).unwrap(),
    }
    let (listener, nursery) = (&listener, &nursery);
    thread::scope(|scope| {
        loop {
            let (stream, _) = listener.accept().unwrap();
            let line = line_of(&stream);
            match line.strip_prefix("hook ").map(str::to_owned) {
                None => answer(stream, &line, version, listener, nursery),
                Some(call) => drop(scope.spawn(move || say(stream, &run_hook(nursery, &call)))),
            }
        }
    })
}

fn line_of(stream: &TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn say(mut stream: TcpStream, text: &str) {
    writeln!(stream, "{text}").unwrap();
}

fn answer(stream: TcpStream, line: &str, version: &str, listener: &TcpListener, nursery: &Nursery) {
    let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
    let (text, exit) = match command {
        "who" => (format!("{} {version}", process::id()), None),
        "describe" => (describe(), None),
        "orphan" => (orphan(), None),
        "exit" => (String::new(), argument.parse().ok()),
        "upgrade" => upgrade(nursery, listener, argument),
        other => panic!("{other}"),
    };
    say(stream, &text);
    if let Some(code) = exit {
        process::exit(code);
    }
}

/// `call` is the limit in milliseconds, the hook and its arguments, with tabs between.
fn run_hook(nursery: &Nursery, call: &str) -> String {
    let words: Vec<_> = call.split('\t').collect();
    let (limit, hook) = (Duration::from_millis(words[0].parse().unwrap()), Path::new(words[1]));
    match nursery.run_hook(hook, &words[2..], limit) {
        Ok(()) => "done".to_owned(),
        Err(error) => format!("error: {}", chain(&error)),
    }
}

/// Starts a successor with `count` sockets, or with one of the name `count`.
fn upgrade(nursery: &Nursery, listener: &TcpListener, count: &str) -> (String, Option<i32>) {
    let names: Vec<_> = match count.parse::<usize>() {
        Ok(count) => (0..count).map(|number| format!("tcp.{number}")).collect(),
        Err(_) => vec![count.to_owned()],
    };
    let listeners: Vec<_> =
        names.iter().map(String::as_str).zip(iter::repeat(listener.as_fd())).collect();
    match nursery.spawn(&listeners) {
        Ok(successor) => started(nursery, &successor),
        Err(error @ SpawnError::Gone { .. }) => (format!("gone: {}", chain(&error)), None),
        Err(error) => (format!("error: {}", chain(&error)), None),
    }
}

fn started(nursery: &Nursery, successor: &Successor) -> (String, Option<i32>) {
    // The hanging one must be given up; the others get all the time that they need.
    let patience = if fs::exists("hang").unwrap() { 300 } else { 60_000 };
    match successor.wait_ready(Duration::from_millis(patience)).unwrap() {
        Some(Outcome::Ready) => (format!("ready {}", successor.pid()), Some(0)),
        Some(Outcome::Failed { reason }) => (format!("failed: {reason}"), None),
        Some(Outcome::Ended) => ("ended".to_owned(), None),
        None => {
            nursery.kill(successor).unwrap();
            (format!("late {}", successor.pid()), None)
        }
    }
}

/// What this process was given, in lines that end with an empty one.
fn describe() -> String {
    let variable = |name| format!("{name}={}", env::var(name).unwrap_or_default());
    let arguments: Vec<_> = env::args().collect();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let status = status.lines().filter(|line| line.starts_with("Sig"));
    let open = fs::read_dir("/proc/self/fd").unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let target = fs::read_link(&path).unwrap_or_default();
        format!("fd {} {}", path.file_name().unwrap().display(), target.display())
    });
    let mut lines = vec![
        format!("arguments {}", arguments.join(" ")),
        format!("directory {}", env::current_dir().unwrap().display()),
        format!("pid {}", process::id()),
    ];
    let names = ["COLOUR", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];
    lines.extend(names.map(variable));
    lines.extend(status.map(|line| line.replace('\t', " ")));
    lines.extend(open);
    lines.join("\n")
}

/// Leaves a process without a parent behind.
fn orphan() -> String {
    let status = Command::new("sh").args(["-c", "sh -c true & exit 0"]).status().unwrap();
    status.to_string()
}

/// Another descriptor of what was passed first.
fn passed_listener() -> TcpListener {
    let own = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    pidfd_getfd(own, 3, PidfdGetfdFlags::empty()).unwrap().into()
}

/// As far as it goes: what the server still reads is in its directory.
fn give_up_rights() {
    if rustix::process::geteuid().is_root() {
        Identity::find(Some("65534"), None).unwrap().assume().unwrap();
    }
    let read = vec![env::current_dir().unwrap()];
    Sandbox { read, ..Sandbox::default() }.close().unwrap();
}

fn version() -> String {
    let executable = fs::read("/proc/self/exe").unwrap();
    let at = executable.windows(MARK.len()).rposition(|bytes| bytes == MARK);
    let version = &executable[at.unwrap() + MARK.len()..];
    String::from_utf8(version.to_vec()).unwrap()
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}
