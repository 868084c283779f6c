//! `--check`: what would happen, told on standard output; nothing is opened but certificates.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use holdall_bundle::ExitCode;
use holdall_certificates::{CertificateInfo, Certificates, Source};
use holdall_endpoint::{Acme, Endpoint, Proxy, Redirect, Socket, Systemd, Tcp, Tls, Unix, Which};

use crate::certificates::tended;
use crate::failure::Failure;
use crate::options::{AccessLog, Given, Limits, LogFile, LogFormat, Logs, Options};

/// Tells what the options mean.
///
/// # Errors
/// Certificates that can't be used; all the rest was found out before.
pub(crate) fn print(name: &str, options: &Options) -> Result<ExitCode, Failure> {
    let mut report = format!("{name} would serve on\n");
    for endpoint in &options.endpoints {
        report += &endpoint_lines(endpoint)?;
    }
    if let Some(admin) = &options.admin {
        report += &format!("and tell how it goes on\n{}", endpoint_lines(admin)?);
    }
    report += &format!("\nuser     {}\n", user(options));
    report += &format!("sandbox  {}\n", sandbox(options));
    report += &format!("limits   {}\n", limits(&options.limits));
    report += &format!("logs     {}\n", logs(&options.logs));
    let lifecycle = &options.lifecycle;
    report += &format!(
        "end      after {:?} at most; an upgrade may take {:?} to get ready\n",
        lifecycle.grace_period, lifecycle.upgrade_timeout
    );
    report += &given(&options.given);
    // A reader that went away has read enough.
    let _ = io::stdout().lock().write_all(report.as_bytes());
    Ok(ExitCode::Success)
}

/// The endpoint as it is understood, what it means, and its certificates.
fn endpoint_lines(endpoint: &Endpoint) -> Result<String, Failure> {
    let mut lines = format!("  {endpoint}\n      {}\n", Meaning(endpoint));
    match &endpoint.tls {
        Some(Tls::Acme(acme)) => lines += &tended_lines(acme)?,
        Some(tls) => {
            for certificate in Certificates::load(source(tls))?.list() {
                lines += &format!("      {}\n", describe(&certificate));
            }
        }
        None => {}
    }
    Ok(lines)
}

/// The names that an authority is asked for, by the files of the directory and by the endpoint.
fn tended_lines(acme: &Acme) -> Result<String, Failure> {
    let mut lines = format!("      certificates from {}\n", acme.directory);
    for status in tended(acme)? {
        let end = status.not_after.map(|end| format!(", expires {end}")).unwrap_or_default();
        lines += &format!("      certificate for {}: {}{end}\n", status.name, status.state);
    }
    Ok(lines)
}

/// Where the certificates of an endpoint are.
pub(crate) fn source(tls: &Tls) -> Source {
    match tls.clone() {
        Tls::Files { private_key, certificate, chain } => {
            Source::Files { private_key, certificate, chain }
        }
        Tls::Directory(path) => Source::Directory(path),
        Tls::Acme(acme) => Source::Directory(acme.path),
    }
}

fn describe(certificate: &CertificateInfo) -> String {
    const DAY: u64 = 24 * 3600;
    let now = SystemTime::now();
    let days = |time: Duration| time.as_secs() / DAY;
    let validity = match certificate.not_after.duration_since(now) {
        Ok(left) => format!("expires in {} days", days(left)),
        Err(over) => format!("expired {} days ago", days(over.duration())),
    };
    let names = certificate.names.join(", ");
    format!("certificate {} for {names}: {validity}", certificate.path.display())
}

/// An endpoint in words.
struct Meaning<'a>(&'a Endpoint);

impl fmt::Display for Meaning<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endpoint { socket, proxy, tls, redirect } = self.0;
        socket_words(socket, formatter)?;
        if let Some(Proxy { trust, timeout }) = proxy {
            formatter.write_str("; a PROXY header comes first, within ")?;
            write!(formatter, "{timeout:?}, ")?;
            match trust.as_slice() {
                [] => formatter.write_str("and everybody is trusted with it")?,
                _ => write!(formatter, "from {}", list(trust))?,
            }
        }
        if tls.is_some() {
            formatter.write_str("; TLS with")?;
        }
        match redirect {
            Some(Redirect { port }) => write!(formatter, "; redirects to https, port {port}"),
            None if tls.is_some() => formatter.write_str(" HTTP/1.1 and HTTP/2"),
            None => formatter.write_str("; HTTP/1.1 and HTTP/2 in clear text"),
        }
    }
}

fn socket_words(socket: &Socket, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match socket {
        Socket::Tcp(tcp) => tcp_words(tcp, formatter),
        Socket::Unix(Unix { path, mode, .. }) => {
            let path = path.display();
            write!(formatter, "Unix socket {path}, for those whom mode {mode:03o} lets write")
        }
        Socket::Systemd(Systemd { which: Which::Index(index), .. }) => {
            write!(formatter, "socket number {index} of those that the service manager passes")
        }
        Socket::Systemd(Systemd { which: Which::Name(name), .. }) => {
            write!(formatter, "the socket that the service manager passes as {name:?}")
        }
        Socket::Stdio => formatter.write_str("the one connection on standard input and output"),
        other => write!(formatter, "{other}"),
    }
}

fn tcp_words(tcp: &Tcp, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ip = tcp.address.ip();
    match tcp.address.port() {
        0 => formatter.write_str("a free TCP port")?,
        port => write!(formatter, "TCP port {port}")?,
    }
    match ip {
        ip if !ip.is_unspecified() => write!(formatter, " of {ip}"),
        ip if ip.is_ipv4() => formatter.write_str(" of all IPv4 interfaces"),
        _ if tcp.v6_only => formatter.write_str(" of all IPv6 interfaces"),
        _ => formatter.write_str(" of all interfaces, IPv6 and IPv4"),
    }
}

fn user(options: &Options) -> String {
    let lifecycle = &options.lifecycle;
    match (&lifecycle.user, &lifecycle.group) {
        (None, None) => "as it is started".to_owned(),
        (Some(user), None) => format!("{user}, once the endpoints are open"),
        (None, Some(group)) => format!("as it is started, but group {group}"),
        (Some(user), Some(group)) => format!("{user}, group {group}, once the endpoints are open"),
    }
}

fn sandbox(options: &Options) -> String {
    let Some(sandbox) = &options.sandbox else {
        return "none: the service may open and execute whatever its user may".to_owned();
    };
    let paths = |paths: &[std::path::PathBuf]| list(paths.iter().map(|path| path.display()));
    let mut words =
        "no files but the bundle and its certificates; nothing can be executed".to_owned();
    if !sandbox.readable.is_empty() {
        words += &format!("; may read {}", paths(&sandbox.readable));
    }
    if !sandbox.writable.is_empty() {
        words += &format!("; may read and write {}", paths(&sandbox.writable));
    }
    words
}

fn limits(limits: &Limits) -> String {
    let count = |count: u64, none: &str| match count {
        0 => none.to_owned(),
        count => count.to_string(),
    };
    format!(
        "first byte {:?}, head {:?} and {} bytes, body {:?} between bytes and {} bytes,\n         \
         response {:?} without progress, idle {:?}, TLS handshake {:?};\n         \
         connections {}, for each address {}, handshakes {}",
        limits.first_byte_timeout,
        limits.header_timeout,
        limits.max_header_bytes,
        limits.body_timeout,
        count(limits.max_body_bytes, "any number of"),
        limits.send_timeout,
        limits.idle_timeout,
        limits.handshake_timeout,
        count(limits.max_connections, "as many as files may be open"),
        count(limits.max_connections_per_address, "any number"),
        limits.max_handshakes,
    )
}

fn logs(logs: &Logs) -> String {
    let format = match logs.format {
        Some(LogFormat::Text) => "text",
        Some(LogFormat::Json) => "JSON",
        None => "text on a terminal, JSON otherwise,",
    };
    let file = match &logs.file {
        LogFile::Stdout => "standard output".to_owned(),
        LogFile::Stderr => "standard error".to_owned(),
        LogFile::Path(path) => path.display().to_string(),
    };
    let access = match logs.access {
        AccessLog::Off => "no line for a request",
        AccessLog::Auto => "a line for each request, in the format of the log",
        AccessLog::Combined => "a line for each request, in the combined format",
        AccessLog::Json => "a line for each request, in JSON",
    };
    format!("{format} to {file}, from level {} on; {access}", logs.level)
}

/// Where each value comes from that is not built in.
fn given(given: &[Given]) -> String {
    let mut lines = String::new();
    for option in given {
        for argument in option.arguments() {
            lines += &format!("  {argument}  ({})\n", option.origin);
        }
    }
    if lines.is_empty() { lines } else { format!("\ngiven\n{lines}") }
}

fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
