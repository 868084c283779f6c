//! `--print-unit`: a systemd unit for the bundle with these options.
//!
//! It is as closed as a server of one file allows; `systemd-analyze security` measures it. A
//! socket unit follows in comments, for those who want the service manager to hold the ports.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use holdall_bundle::ExitCode;
use holdall_endpoint::{Endpoint, Socket, Tcp, Tls, Unix, Which};

use crate::failure::Failure;
use crate::options::{LogFile, Options, Origin};
use crate::tending;

/// Writes the unit to standard output.
///
/// # Errors
/// Where the executable has no path.
pub(crate) fn print(name: &str, options: &Options) -> Result<ExitCode, Failure> {
    let failed = |source| Failure::Exec { name: name.to_owned(), source };
    let program = std::env::current_exe().map_err(failed)?;
    let directory = std::env::current_dir().map_err(failed)?;
    let unit = unit(name, &program, &directory, options);
    // A reader that went away has read enough.
    let _ = io::stdout().lock().write_all(unit.as_bytes());
    Ok(ExitCode::Success)
}

/// The part that is the same for every service. What is said of system calls and memory leaves
/// room for what a bundle does: it loads plug-ins from memory, and closes itself in by Landlock.
const HARDENING: &str = "\
# What it may: nothing but serve.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateMounts=yes
PrivateDevices=yes
PrivateUsers=@PRIVATE_USERS@
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
# A service that makes code while it runs (a JIT compiler) needs this to be no.
MemoryDenyWriteExecute=yes
RemoveIPC=yes
UMask=0077
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @keyring
SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallErrorNumber=EPERM
";

/// How long the service manager waits beyond the grace period, in seconds.
const STOP_MARGIN_S: u64 = 10;

fn unit(name: &str, program: &Path, directory: &Path, options: &Options) -> String {
    let unit = unit_name(name);
    let needs_port = all_endpoints(options).any(is_privileged);
    let capability = if needs_port { "CAP_NET_BIND_SERVICE" } else { "" };
    let ambient = if needs_port { "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" } else { "" };
    // In a user namespace of its own, a process has no capability over the host's ports.
    let private_users = if needs_port { "no" } else { "yes" };
    format!(
        "# /etc/systemd/system/{unit}.service
# Then: systemctl daemon-reload && systemctl enable --now {unit}
# Upgrade: replace the file, then systemctl kill -s USR2 --kill-whom=main {unit}

[Unit]
Description={description}
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
# An upgrade hands the service over to a new process, which then tells that it is the main one.
NotifyAccess=all
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
{directory}KillMode=mixed
TimeoutStopSec={stop_s}
Restart=on-failure
WatchdogSec=30
FileDescriptorStoreMax={descriptors}
LimitNOFILE=524288
{user}StateDirectory={unit}
{paths}CapabilityBoundingSet={capability}
{ambient}{hardening}
[Install]
WantedBy=multi-user.target

{socket}",
        description = escape_specifiers(name),
        command = command(program, options),
        directory = working_directory(directory, options),
        stop_s = options.lifecycle.grace_period.as_secs() + STOP_MARGIN_S,
        descriptors = 16.max(all_endpoints(options).count() * 2),
        user = user(options),
        paths = paths(options),
        hardening = HARDENING.replace("@PRIVATE_USERS@", private_users),
        socket = socket_unit(&unit, options),
    )
}

fn all_endpoints(options: &Options) -> impl Iterator<Item = &Endpoint> {
    options.endpoints.iter().chain(&options.admin)
}

/// Whether the endpoint is a port that is not for everybody (ip(7), `ip_unprivileged_port_start`).
fn is_privileged(endpoint: &Endpoint) -> bool {
    match &endpoint.socket {
        Socket::Tcp(tcp) => (1..1024).contains(&tcp.address.port()),
        _ => false,
    }
}

/// A name that a unit may have (systemd.unit(5)).
fn unit_name(name: &str) -> String {
    let allowed =
        |char: char| if char.is_ascii_alphanumeric() || "_.-".contains(char) { char } else { '-' };
    name.chars().map(allowed).collect()
}

/// The program and what was given to it, except for what the unit says itself.
fn command(program: &Path, options: &Options) -> String {
    const IN_UNIT: [&str; 2] = ["user", "group"];
    let given = options.given.iter().filter(|given| given.origin != Origin::Manifest);
    let given = given.filter(|given| !IN_UNIT.contains(&given.name.as_str()));
    let mut command = quote(&escape_specifiers(&program.to_string_lossy()));
    for argument in given.flat_map(|given| given.arguments()) {
        // A dollar is a variable there, but not in the path of the program (systemd.service(5)).
        let argument = escape_specifiers(&argument).replace('$', "$$");
        command += &format!(" \\\n    {}", quote(&argument));
    }
    command
}

fn escape_specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

/// A word as systemd.syntax(7) quotes it.
fn quote(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-=:+@%$,[]{}~^".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut quoted = String::from('"');
    for char in word.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            char if char.is_ascii_control() => quoted += &format!("\\x{:02x}", u32::from(char)),
            char => quoted.push(char),
        }
    }
    quoted + "\""
}

/// A directory, where relative paths were given: they are meant from here.
fn working_directory(directory: &Path, options: &Options) -> String {
    let in_endpoints = all_endpoints(options).flat_map(endpoint_paths);
    let in_sandbox = options
        .sandbox
        .iter()
        .flat_map(|sandbox| sandbox.readable.iter().chain(&sandbox.writable).map(PathBuf::as_path));
    let in_logs = match &options.logs.file {
        LogFile::Path(path) => Some(path.as_path()),
        LogFile::Stdout | LogFile::Stderr => None,
    };
    let mut all = in_endpoints.chain(in_sandbox).chain(in_logs);
    match all.any(Path::is_relative) {
        true => format!("WorkingDirectory={}\n", escape_specifiers(&directory.to_string_lossy())),
        false => String::new(),
    }
}

fn endpoint_paths(endpoint: &Endpoint) -> Vec<&Path> {
    let mut paths = Vec::new();
    match &endpoint.tls {
        Some(Tls::Files { private_key, certificate, chain }) => {
            paths.extend([private_key.as_path(), certificate.as_path()]);
            paths.extend(chain.as_deref());
        }
        Some(Tls::Directory(directory)) => paths.push(directory.as_path()),
        Some(Tls::Acme(acme)) => {
            paths.push(acme.path.as_path());
            paths.extend(
                [&acme.ca, &acme.eab, &acme.dns].into_iter().flatten().map(PathBuf::as_path),
            );
        }
        None => {}
    }
    paths.extend(socket_path(endpoint));
    paths
}

/// The path of a Unix socket that has one.
fn socket_path(endpoint: &Endpoint) -> Option<&Path> {
    match &endpoint.socket {
        Socket::Unix(Unix { path, .. })
            if !path.as_os_str().as_encoded_bytes().starts_with(b"@") =>
        {
            Some(path)
        }
        _ => None,
    }
}

fn user(options: &Options) -> String {
    let lifecycle = &options.lifecycle;
    let has_keys = all_endpoints(options).any(|endpoint| endpoint.tls.is_some());
    let mut lines = match &lifecycle.user {
        Some(user) => format!("User={}\n", escape_specifiers(user)),
        None if has_keys => {
            "# The private keys must be readable for this user: give --user with one to whom \
             they belong.\nDynamicUser=yes\n"
                .to_owned()
        }
        None => "DynamicUser=yes\n".to_owned(),
    };
    if let Some(group) = &lifecycle.group {
        lines += &format!("Group={}\n", escape_specifiers(group));
    }
    lines
}

/// What must be writable, and directories that the service manager makes.
fn paths(options: &Options) -> String {
    let mut lines = String::new();
    for path in options.sandbox.iter().flat_map(|sandbox| &sandbox.writable) {
        lines += &read_write(path);
    }
    for acme in tending::all(options) {
        lines += &read_write(&acme.path);
    }
    for socket in all_endpoints(options).filter_map(socket_path) {
        lines += &made_or_writable("RuntimeDirectory", Path::new("/run"), socket);
    }
    if let LogFile::Path(file) = &options.logs.file {
        lines += &made_or_writable("LogsDirectory", Path::new("/var/log"), file);
    }
    lines
}

fn read_write(path: &Path) -> String {
    let quoted = quote(&escape_specifiers(&path.to_string_lossy()));
    // The minus: it need not be there yet.
    match path.is_absolute() {
        true => format!("ReadWritePaths=-{quoted}\n"),
        false => format!("# {quoted} is a relative path: ReadWritePaths= needs an absolute one\n"),
    }
}

/// The directory that `file` is in: made by the service manager if it is right below `base`.
fn made_or_writable(setting: &str, base: &Path, file: &Path) -> String {
    let Some(directory) = file.parent() else { return String::new() };
    match directory.strip_prefix(base) {
        Ok(below) if below.components().count() == 1 => {
            let name = quote(&escape_specifiers(&below.to_string_lossy()));
            format!("{setting}={name}\n")
        }
        _ => read_write(directory),
    }
}

/// The socket unit with the same ports, commented out.
fn socket_unit(unit: &str, options: &Options) -> String {
    let mut lines: Vec<String> = vec![
        format!("/etc/systemd/system/{unit}.socket"),
        "The service manager can hold the ports. For that, put the lines below into this file,"
            .into(),
        "without the #, and enable it. Give the service --port systemd:0, --port systemd:1 and so"
            .into(),
        "on, in this order, instead of the ports.".into(),
        String::new(),
        "[Socket]".into(),
    ];
    lines.extend(all_endpoints(options).map(listen));
    lines.extend([String::new(), "[Install]".into(), "WantedBy=sockets.target".into()]);
    let comment =
        |line: &String| if line.is_empty() { "#\n".to_owned() } else { format!("# {line}\n") };
    lines.iter().map(comment).collect()
}

/// What systemd.socket(5) calls the endpoint.
fn listen(endpoint: &Endpoint) -> String {
    match &endpoint.socket {
        Socket::Tcp(Tcp { address, .. }) if address.ip().is_unspecified() && address.is_ipv6() => {
            format!("ListenStream={}", address.port())
        }
        Socket::Tcp(Tcp { address, .. }) => format!("ListenStream={address}"),
        Socket::Unix(Unix { path, mode, .. }) => {
            format!(
                "ListenStream={}\n# SocketMode={mode:04o}",
                escape_specifiers(&path.to_string_lossy())
            )
        }
        Socket::Systemd(systemd) => match &systemd.which {
            Which::Index(_) => "ListenStream=8080".to_owned(),
            Which::Name(name) => {
                format!("ListenStream=8080\n# FileDescriptorName={}", escape_specifiers(name))
            }
        },
        other => format!("({other} has no place here)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_units_want_it() {
        for (word, quoted) in [
            ("--port=tcp:8080", "--port=tcp:8080"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("say \"hi\"", "\"say \\\"hi\\\"\""),
            ("it's;", "\"it's;\""),
            ("back\\slash", "\"back\\\\slash\""),
            ("two\nlines\u{7}", "\"two\\nlines\\x07\""),
        ] {
            assert_eq!(quote(word), quoted, "{word}");
        }
    }

    #[test]
    fn names_of_units_are_plain() {
        assert_eq!(unit_name("say hello/größe@1.service"), "say-hello-gr--e-1.service");
    }

    #[test]
    fn only_low_ports_need_the_capability() {
        for (endpoint, expected) in [
            ("80", true),
            ("tls:1023:privateKey=k", true),
            ("1024", false),
            ("0", false),
            ("unix:/a", false),
        ] {
            assert_eq!(is_privileged(&endpoint.parse().unwrap()), expected, "{endpoint}");
        }
    }
}
