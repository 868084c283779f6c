//! Where a bundle will listen, as far as its arguments tell: what an image or a manifest of Kubernetes
//! has to say before anything runs.
//!
//! Only the options of every bundle are looked at. A program of its own (`exec`) has its own options,
//! and tells nothing here.

use holdall_bundle::{EntryPointKind, ExitCode, Manifest};
use holdall_endpoint::{Endpoint, ParseError, Socket, Tcp, Tls};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where every bundle listens that is not told otherwise.
const DEFAULT: &str = "tcp:8080";

/// The endpoints of a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listening {
    /// Where it serves.
    pub ports: Vec<Endpoint>,
    /// Where it tells how it goes.
    pub admin: Option<Endpoint>,
}

/// An endpoint among the arguments that is none: the bundle would not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option} {value:?} is no endpoint")]
pub struct ListeningError {
    /// The option.
    pub option: &'static str,
    /// Its value.
    pub value: String,
    /// What is wrong with it.
    pub source: Box<ParseError>,
}

impl ListeningError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::Configuration
    }
}

impl Listening {
    /// Where the bundle listens when it is started with `arguments`, which come before its own.
    ///
    /// # Errors
    /// [`ListeningError`].
    pub fn of(manifest: &Manifest, arguments: &[String]) -> Result<Self, ListeningError> {
        if manifest.entry_point.kind == EntryPointKind::Exec {
            return Ok(Self::default());
        }
        let lists = [arguments, &manifest.arguments, &["--port".to_owned(), DEFAULT.to_owned()]];
        let ports = first_given(lists, "--port", Some("-p"))?;
        let admin = first_given(lists, "--admin", None)?.pop();
        Ok(Self { ports, admin })
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Endpoint> {
        self.ports.iter().chain(&self.admin)
    }

    /// The TCP ports that can be reached from other hosts, each once, in their order.
    pub fn open_ports(&self) -> Vec<u16> {
        let mut ports = Vec::new();
        for port in self.all().filter_map(open_port) {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        ports
    }

    /// The directories of the certificates that an authority is asked for: they have to last.
    pub fn certificate_directories(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for endpoint in self.all() {
            let Some(Tls::Acme(acme)) = &endpoint.tls else { continue };
            // The path is a part of an argument, which is text.
            found.extend(acme.path.to_str().filter(|path| !found.contains(path)));
        }
        found
    }

    /// A URL by which the host itself can ask in clear text whether all is well.
    pub fn health_url(&self) -> Option<String> {
        let admin = self.admin.iter().map(|endpoint| (endpoint, "/readyz"));
        let ports = self.ports.iter().map(|endpoint| (endpoint, "/"));
        admin.chain(ports).find_map(|(endpoint, path)| {
            let address = reached_at(plain_tcp(endpoint)?);
            (address.port() != 0).then(|| format!("http://{address}{path}"))
        })
    }
}

/// The TCP port of an endpoint that other hosts can reach and know of.
pub fn open_port(endpoint: &Endpoint) -> Option<u16> {
    match &endpoint.socket {
        Socket::Tcp(tcp) if tcp.address.ip().is_loopback() => None,
        Socket::Tcp(tcp) => Some(tcp.address.port()).filter(|port| *port != 0),
        _ => None,
    }
}

/// The TCP socket of an endpoint where a client may begin with HTTP, and is served.
pub fn plain_tcp(endpoint: &Endpoint) -> Option<&Tcp> {
    match endpoint {
        Endpoint { socket: Socket::Tcp(tcp), proxy: None, tls: None, redirect: None } => Some(tcp),
        _ => None,
    }
}

/// Where a client on the same host reaches a socket.
fn reached_at(tcp: &Tcp) -> SocketAddr {
    let ip = match tcp.address.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() && tcp.v6_only => Ipv6Addr::LOCALHOST.into(),
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, tcp.address.port())
}

/// The values of an option in the first list that has it.
fn first_given(
    lists: [&[String]; 3],
    option: &'static str,
    short: Option<&'static str>,
) -> Result<Vec<Endpoint>, ListeningError> {
    let given = lists.into_iter().map(|list| values(list, option, short));
    let given = given.map(Iterator::collect::<Vec<_>>).find(|given| !given.is_empty());
    let parse = |value: &str| {
        let wrong = |source| ListeningError { option, value: value.to_owned(), source };
        value.parse().map_err(|error| wrong(Box::new(error)))
    };
    given.unwrap_or_default().into_iter().map(parse).collect()
}

/// The values of an option, as clap finds them: `--port X`, `--port=X`, `-p X`, `-pX`, `-p=X`.
pub fn values<'a>(
    arguments: &'a [String],
    long: &'static str,
    short: Option<&'static str>,
) -> impl Iterator<Item = &'a str> {
    let mut rest = arguments.iter().map(String::as_str).take_while(|argument| *argument != "--");
    std::iter::from_fn(move || {
        loop {
            let argument = rest.next()?;
            if argument == long || Some(argument) == short {
                return rest.next();
            }
            let after_long = || argument.strip_prefix(long)?.strip_prefix('=');
            let after_short = || {
                let value = argument.strip_prefix(short?)?;
                Some(value.strip_prefix('=').unwrap_or(value))
            };
            if let Some(value) = after_long().or_else(after_short) {
                return Some(value);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(arguments: &[&str]) -> Vec<String> {
        arguments.iter().map(|argument| (*argument).to_owned()).collect()
    }

    fn listening(kind: &str, own: &[&str], given: &[&str]) -> Result<Listening, ListeningError> {
        let mut manifest = Manifest::from_json(
            br#"{ "format": 1, "name": "a", "version": "1", "entry_point": { "kind": "site" },
                "arguments": [], "built": { "by": "holdall", "target": "x" }, "prefix": { "size": 1,
                "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
                "content": { "files": 1, "size": 1, "digest":
                "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" } }"#,
        )
        .unwrap();
        if kind == "exec" {
            manifest.entry_point.kind = EntryPointKind::Exec;
        }
        manifest.arguments = list(own);
        Listening::of(&manifest, &list(given))
    }

    #[test]
    fn without_a_word_it_is_port_8080() {
        let found = listening("site", &[], &[]).unwrap();
        assert_eq!(found.open_ports(), [8080]);
        assert_eq!(found.health_url().unwrap(), "http://127.0.0.1:8080/");
        assert_eq!(listening("exec", &["--port", "1"], &[]).unwrap(), Listening::default());
    }

    #[test]
    fn arguments_replace_what_the_bundle_has_for_the_same_option() {
        let found = listening("site", &["--port=80", "--admin", "9090"], &["-p", "81", "-p82"]);
        let found = found.unwrap();
        assert_eq!(found.open_ports(), [81, 82, 9090]);
        assert_eq!(found.health_url().unwrap(), "http://127.0.0.1:9090/readyz");
    }

    #[test]
    fn what_only_this_host_can_reach_is_not_open() {
        let own = ["--port", "tcp:0", "--port", "unix:/s", "--admin", "tcp:1:interface=127.0.0.2"];
        let found = listening("site", &own, &[]).unwrap();
        assert!(found.open_ports().is_empty());
        assert_eq!(found.health_url().unwrap(), "http://127.0.0.2:1/readyz");
    }

    #[test]
    fn who_speaks_tls_or_wants_a_proxy_is_not_asked_for_its_health() {
        let own =
            ["--port", "le:/certs:tcp:443", "--port", "redirect:tcp:80", "--port=haproxy:tcp:1"];
        let found = listening("site", &own, &[]).unwrap();
        assert_eq!(found.certificate_directories(), ["/certs"]);
        assert_eq!(found.open_ports(), [443, 80, 1]);
        assert_eq!(found.health_url(), None);
    }

    #[test]
    fn version_six_alone_has_its_own_loopback() {
        let url = |port| listening("site", &["--port", port], &[]).unwrap().health_url().unwrap();
        assert_eq!(url("tcp6:80:v6only=1"), "http://[::1]:80/");
        assert_eq!(url("tcp6:80"), "http://127.0.0.1:80/");
    }

    #[test]
    fn a_wrong_endpoint_is_told() {
        let error = listening("site", &["--port", "tcp:x"], &[]).unwrap_err();
        assert_eq!(error.to_string(), "--port \"tcp:x\" is no endpoint");
    }

    #[test]
    fn options_end_where_clap_ends_them() {
        let arguments = list(&["--ports=1", "--port", "2", "--", "--port", "3", "-p4"]);
        assert_eq!(values(&arguments, "--port", Some("-p")).collect::<Vec<_>>(), ["2"]);
    }
}
