//! Endpoint strings as users write them: what they mean, and what is said of bad ones.

use std::path::PathBuf;
use std::time::Duration;

use holdall_endpoint::{
    Endpoint, Family, ParseError, Problem, Proxy, Redirect, Socket, Systemd, Tls, Which, quote,
};
use proptest::prelude::*;

fn shown(text: &str) -> String {
    text.parse::<Endpoint>().expect("a good endpoint").to_string()
}

fn refused(text: &str) -> ParseError {
    text.parse::<Endpoint>().expect_err("a bad endpoint")
}

#[test]
fn strings_and_their_canonical_form() {
    let cases = [
        ("8080", "tcp:8080"),
        ("0", "tcp:0"),
        ("tcp:8080", "tcp:8080"),
        ("TCP:8080", "tcp:8080"),
        ("tcp:port=80", "tcp:80"),
        ("tcp:8080:interface=", "tcp:8080"),
        ("tcp:8080:127.0.0.1:5", "tcp:8080:interface=127.0.0.1:backlog=5"),
        ("8080:interface=127.0.0.1", "tcp:8080:interface=127.0.0.1"),
        ("tcp:interface=127.0.0.1:8080", "tcp:8080:interface=127.0.0.1"),
        (r"tcp:1:interface=\:\:1", "tcp6:1:interface=[::1]"),
        ("tcp:1:interface=[::1]:backlog=7", "tcp6:1:interface=[::1]:backlog=7"),
        ("tcp:1:backlog=4096:interface=0.0.0.0", "tcp:1"),
    ];
    for (given, canonical) in cases {
        assert_eq!(shown(given), canonical, "{given}");
        assert_eq!(shown(canonical), canonical);
    }
}

/// Server strings of Twisted's documentation and tests, and what they mean there.
#[test]
fn strings_of_twisted() {
    let cases = [
        ("tcp:80", "tcp:80"),
        ("tcp:80:interface=127.0.0.1", "tcp:80:interface=127.0.0.1"),
        ("tcp:8080:backlog=50:interface=127.0.0.1", "tcp:8080:interface=127.0.0.1:backlog=50"),
        (r"tcp:80:interface=\:\:1", "tcp6:80:interface=[::1]"),
        (
            r"tcp6:8080:interface=2001\:0DB8\:f00e\:eb00\:\:1",
            "tcp6:8080:interface=[2001:db8:f00e:eb00::1]",
        ),
        (
            "unix:/var/run/web.sock:mode=666:lockfile=0",
            "unix:/var/run/web.sock:mode=666:lockfile=0",
        ),
        ("unix:address=/var/run/finger", "unix:/var/run/finger"),
        (r"unix:foo\:bar\=baz\:qux\\", r"unix:foo\:bar\=baz\:qux\\"),
        (
            "ssl:443:privateKey=/etc/ssl/server.pem:extraCertChain=/etc/ssl/chain.pem",
            "tls:privateKey=/etc/ssl/server.pem:extraCertChain=/etc/ssl/chain.pem:tcp:443",
        ),
        (
            "ssl:port=8443:certKey=c.pem:privateKey=k.pem",
            "tls:privateKey=k.pem:certKey=c.pem:tcp:8443",
        ),
        ("systemd:domain=INET6:index=3", "systemd:index=3:domain=INET6"),
        ("systemd:INET:name=web", "systemd:name=web:domain=INET"),
        ("haproxy:tcp:8081", "haproxy:tcp:8081"),
        (r"haproxy:unix:address=/tmp/a\:b:mode=600", r"haproxy:unix:/tmp/a\:b:mode=600"),
        ("stdio:", "stdio:"),
        ("tls:/srv/certificates", "tls:path=/srv/certificates:tcp6:443"),
    ];
    for (given, canonical) in cases {
        assert_eq!(shown(given), canonical, "{given}");
        assert_eq!(shown(canonical), canonical);
    }
}

#[test]
fn kinds_and_their_canonical_form() {
    let cases = [
        ("tcp6:8080", "tcp6:8080"),
        ("Tcp6:8080:7:[::1]", "tcp6:8080:interface=[::1]:backlog=7"),
        ("tcp6:8080:v6only=1:reuseport=1", "tcp6:8080:reuseport=1:v6only=1"),
        ("tcp:8080:v6only=1", "tcp:8080"),
        ("unix:/run/x:0600:9:0", "unix:/run/x:mode=600:backlog=9:lockfile=0"),
        ("unix:@name", "unix:@name"),
        ("unix:@/", "unix:@/"),
        ("unix:x:mode=7", "unix:x:mode=007"),
        (
            "tls:443:k.pem:c.pem:chain.pem:[::1]:5",
            "tls:privateKey=k.pem:certKey=c.pem:extraCertChain=chain.pem:tcp6:443:interface=[::1]:backlog=5",
        ),
        ("tls:privateKey=k.pem:443:certKey=k.pem", "tls:privateKey=k.pem:tcp:443"),
        (
            "tls:/certificates:8443:interface=127.0.0.1",
            "tls:path=/certificates:tcp:8443:interface=127.0.0.1",
        ),
        ("tls:8443:path=/certificates", "tls:path=/certificates:tcp6:8443"),
        ("tls:path=/certificates:systemd:https", "tls:path=/certificates:systemd:https"),
        ("tls:path=/certificates:tcp:443", "tls:path=/certificates:tcp:443"),
        ("tls:privateKey=k:certKey=c:unix:@name", "tls:privateKey=k:certKey=c:unix:@name"),
        ("systemd:0", "systemd:0"),
        ("systemd:index=0", "systemd:0"),
        ("systemd:web", "systemd:web"),
        ("systemd:name=0", "systemd:name=0"),
        ("systemd:web:domain=UNIX", "systemd:name=web:domain=UNIX"),
        ("fd:3", "fd:3"),
        ("stdio", "stdio:"),
        ("haproxy:8080", "haproxy:tcp:8080"),
        (
            "haproxy:trust=10.1.2.3/8,192.0.2.1,[2001:db8::]/32,[::1]:8080",
            r"haproxy:trust=10.0.0.0/8,192.0.2.1/32,2001\:db8\:\:/32,\:\:1/128:tcp:8080",
        ),
        ("haproxy:timeout=5:tcp:1", "haproxy:tcp:1"),
        ("haproxy:timeout=0.25:tcp:1", "haproxy:timeout=0.25:tcp:1"),
        ("redirect:80", "redirect:tcp:80"),
        ("redirect:port=8443:tcp:8080", "redirect:port=8443:tcp:8080"),
        ("redirect:haproxy:80", "haproxy:redirect:tcp:80"),
        ("tls:path=d:haproxy:timeout=9:systemd:web", "haproxy:timeout=9:tls:path=d:systemd:web"),
        ("HAProxy:TLS:443:privateKey=k", "haproxy:tls:privateKey=k:tcp:443"),
        ("le:/srv/www/certs:tcp:443", "le:path=/srv/www/certs:tcp:443"),
        ("LE:certs:443", "le:path=certs:tcp:443"),
        ("lets:path=d:systemd:https", "lets:path=d:systemd:https"),
        ("le:d:haproxy:tcp:443", "haproxy:le:path=d:tcp:443"),
        ("haproxy:le:d:tcp:443", "haproxy:le:path=d:tcp:443"),
        (
            "le:d:challenge=HTTP-01,dns-01:timeout=300:unix:/x",
            "le:path=d:challenge=http-01,dns-01:unix:/x",
        ),
        (
            r"acme:d:directory=https\://localhost\:14000/dir:ca=ca.pem:profile=shortlived:tcp:5001",
            r"acme:path=d:directory=https\://localhost\:14000/dir:ca=ca.pem:profile=shortlived:tcp:5001",
        ),
        (
            r"le:d:timeout=9:dns=h:eab=e:chain=X:email=a@b:fallback=https\://b/,https\://c:domains=a,\:\:1:1",
            r"le:path=d:domains=a,\:\:1:email=a@b:fallback=https\://b/,https\://c:chain=X:eab=e:dns=h:timeout=9:tcp:1",
        ),
    ];
    for (given, canonical) in cases {
        assert_eq!(shown(given), canonical, "{given}");
        assert_eq!(shown(canonical), canonical);
    }
}

#[test]
fn layers_are_the_same_in_any_order() {
    let endpoint: Endpoint =
        "tls:path=/certificates:haproxy:trust=10.0.0.0/8:timeout=0.5:systemd:web".parse().unwrap();
    let trust = vec!["10.0.0.0/8".parse().unwrap()];
    assert_eq!(endpoint.proxy, Some(Proxy { trust, timeout: Duration::from_millis(500) }));
    assert_eq!(endpoint.tls, Some(Tls::Directory(PathBuf::from("/certificates"))));
    assert_eq!(endpoint.redirect, None);
    let systemd = Systemd { which: Which::Name("web".into()), domain: None };
    assert_eq!(endpoint.socket, Socket::Systemd(systemd));
    let other = "haproxy:timeout=.5:trust=10.0.0.0/8:tls:path=/certificates:systemd:name=web";
    assert_eq!(other.parse(), Ok(endpoint));

    let endpoint: Endpoint = "redirect:systemd:INET6:0".parse().unwrap();
    assert_eq!(endpoint.redirect, Some(Redirect::default()));
    let systemd = Systemd { which: Which::Index(0), domain: Some(Family::Inet6) };
    assert_eq!(endpoint.socket, Socket::Systemd(systemd));
}

#[test]
fn a_word_that_is_nearly_right_is_suggested() {
    let cases = [
        ("ttcp:80", 1, "tcp"),
        ("sytemd:web", 1, "systemd"),
        ("haproxi:tcp:80", 1, "haproxy"),
        ("haproxy:tls:path=d:uinx:/run/x", 20, "unix"),
        ("127.0.0.1:8080", 1, "tcp:PORT:interface=127.0.0.1"),
        ("/run/x.sock", 1, "unix:/run/x.sock"),
        ("tls:443:privatekey=k", 9, "privateKey"),
        ("unix:/run/x:mod=660", 13, "mode"),
        ("haproxy:trusted=10.0.0.0/8:80", 9, "trust"),
    ];
    for (given, column, word) in cases {
        let error = refused(given);
        assert_eq!(error.column, column, "{error}");
        let message = error.to_string();
        assert!(message.contains(&format!("did you mean {word:?}?")), "{message}");
    }
    assert!(!refused("quic:443").to_string().contains("mean"));
}

#[test]
fn what_can_not_be_is_refused_where_it_stands() {
    let long = format!("unix:mode=600:/{}", "é".repeat(54));
    let cases = [
        ("tcp6:80:interface=127.0.0.1", 9, r#"wanted an IPv6 address, such as [::1]"#),
        ("tcp:80:interface=[127.0.0.1]", 8, "wanted an IP address"),
        ("tcp:80:reuseport=yes", 8, "reuseport is \"yes\", wanted 0 or 1"),
        ("unix:", 6, "address is missing, wanted a path"),
        ("unix:@", 7, "address is missing"),
        ("unix:a\0b", 6, "no path has a NUL in it"),
        ("unix:/x:mode=888", 9, "wanted three octal digits"),
        ("unix:/x:mode=+7", 9, "wanted three octal digits"),
        ("unix:/x:mode=1777", 9, "wanted three octal digits"),
        (&long, 15, "the path has 109 bytes, a Unix socket's at most 107"),
        ("tls:443", 8, "privateKey is missing, wanted a PEM file; or give path=DIRECTORY"),
        ("tls:443:certKey=c", 18, "privateKey is missing"),
        ("tls:privateKey=k", 17, "port is missing"),
        ("tls:443:privateKey=k:path=d", 9, "privateKey and path can't both be given"),
        ("tls:path=d:tls:path=e:443", 1, "tls is given twice"),
        ("systemd:", 9, "socket is missing, wanted the index or name of a descriptor"),
        ("systemd:99999999999999999999", 9, "wanted the index or name"),
        ("systemd:index=0:name=web", 17, "name and index can't both be given"),
        ("systemd:INET4:index=0", 9, "wanted INET, INET6 or UNIX"),
        ("systemd:INET:index=0:domain=INET", 22, "domain and socket can't both be given"),
        ("fd:-1", 4, "wanted a descriptor number from 0"),
        ("fd:stdin", 4, "wanted a descriptor number from 0"),
        ("stdio:x", 7, "stdio takes no arguments"),
        ("haproxy:", 9, "unknown kind"),
        ("haproxy:timeout=5", 18, "endpoint is missing, wanted what it wraps"),
        ("haproxy:trust=10.0.0.0/33:80", 9, "wanted networks"),
        ("haproxy:trust=10.0.0.0/8,:80", 9, "wanted networks"),
        ("haproxy:timeout=0:80", 9, "wanted seconds from 0.001 to 3600"),
        ("haproxy:timeout=nan:80", 9, "wanted seconds from 0.001 to 3600"),
        ("haproxy:haproxy:80", 1, "haproxy is given twice"),
        ("redirect:port=0:80", 10, "wanted a number from 1 to 65535"),
        (
            "le:d",
            5,
            "endpoint is missing, wanted what comes after the directory, such as le:DIR:tcp:443",
        ),
        ("acme:path=d:ca=x", 17, "such as le:DIR:tcp:443"),
        ("le:d:haproxy:timeout=5", 23, "wanted what it wraps, such as tcp:8080"),
        ("le:443", 7, "endpoint is missing"),
        ("le::tcp:443", 12, "path is missing, wanted the directory"),
        ("le:d:ca=x:tls:443:privateKey=k", 1, "le is given twice"),
        ("le:d:lets:e:443", 1, "le is given twice"),
        ("le:d:redirect:443", 1, "one without tls"),
        ("le:d:directory=https\\://a/:443", 6, "has no argument \"directory\""),
        ("acme:d:directory=https://a/:443", 24, "in a URL it is written as \\:"),
        ("acme:d:tcp:443", 15, "directory is missing, wanted a URL that begins with https://"),
        ("acme:d:directory=http\\://a/d:443", 8, "begins with https://"),
        ("le:d:domain=a:443", 6, "did you mean \"domains\"?"),
        ("le:d:domains=a,,b:443", 6, "with commas between them"),
        ("le:d:challenge=dns01:443", 6, "did you mean \"dns-01\"?"),
        ("le:d:timeout=0:443", 6, "from 1 to 3600"),
        ("redirect:tls:443:privateKey=k", 1, "one without tls"),
        ("tls:path=d:redirect:443", 1, "one without tls"),
    ];
    for (given, column, message) in cases {
        let error = refused(given);
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.column, column, "{error}");
    }
}

#[test]
fn depth_is_no_danger() {
    let deep = "haproxy:".repeat(200_000) + "80";
    assert_eq!(refused(&deep).problem, Problem::Twice { kind: "haproxy" });
}

#[test]
fn errors_name_column_and_value() {
    let cases = [
        ("", r#"bad endpoint "", column 1: it is empty; try tcp:8080"#),
        (
            "tpc:80",
            concat!(
                r#"bad endpoint "tpc:80", column 1: unknown kind "tpc", did you mean "tcp"?; "#,
                "known: tcp, tcp6, unix, tls, ssl, le, lets, acme, systemd, fd, stdio, haproxy, redirect"
            ),
        ),
        (
            ":80",
            concat!(
                r#"bad endpoint ":80", column 1: unknown kind ""; "#,
                "known: tcp, tcp6, unix, tls, ssl, le, lets, acme, systemd, fd, stdio, haproxy, redirect"
            ),
        ),
        (
            "tcp",
            r#"bad endpoint "tcp", column 4: port is missing, wanted a number from 0 to 65535"#,
        ),
        (
            "tcp:",
            r#"bad endpoint "tcp:", column 5: port is missing, wanted a number from 0 to 65535"#,
        ),
        (
            "tcp:http",
            r#"bad endpoint "tcp:http", column 5: port is "http", wanted a number from 0 to 65535"#,
        ),
        (
            "99999",
            r#"bad endpoint "99999", column 1: port is "99999", wanted a number from 0 to 65535"#,
        ),
        (
            "tcp: 80",
            r#"bad endpoint "tcp: 80", column 5: port is " 80", wanted a number from 0 to 65535"#,
        ),
        (
            "tcp:80:interfaces=::1",
            concat!(
                r#"bad endpoint "tcp:80:interfaces=::1", column 8: "#,
                r#"tcp has no argument "interfaces", did you mean "interface"?; "#,
                "known: port, interface, backlog, reuseport, v6only"
            ),
        ),
        ("tcp:80:port=81", r#"bad endpoint "tcp:80:port=81", column 8: port is given twice"#),
        (
            "tcp:80:backlog=0",
            r#"bad endpoint "tcp:80:backlog=0", column 8: backlog is "0", wanted a number from 1 to 65535"#,
        ),
        (
            "tcp:80:localhost",
            concat!(
                r#"bad endpoint "tcp:80:localhost", column 8: interface is "localhost", "#,
                r#"wanted an IP address, such as 127.0.0.1 or [::1]"#
            ),
        ),
        (
            "tcp:1:0.0.0.0:5:0:0:6",
            concat!(
                r#"bad endpoint "tcp:1:0.0.0.0:5:0:0:6", column 21: "#,
                r#"tcp takes at most 5 arguments; escape a literal colon as \:"#
            ),
        ),
        (r"tcp:80\", r#"bad endpoint "tcp:80\\", column 7: backslash with nothing after it"#),
    ];
    for (given, message) in cases {
        assert_eq!(refused(given).to_string(), message);
    }
    assert_eq!(refused("tcp:80:=1").problem, Problem::EmptyName);
}

proptest! {
    #[test]
    fn no_string_makes_the_parser_panic(text in ".{0,60}") {
        let _ = text.parse::<Endpoint>();
    }

    #[test]
    fn a_quoted_value_comes_back_in_the_error(value in "[^0-9].{0,20}") {
        let error = refused(&format!("tcp:80:backlog={}", quote(&value)));
        let Problem::BadValue { found, .. } = error.problem else {
            panic!("{error}");
        };
        prop_assert_eq!(found, value);
    }

    #[test]
    fn what_is_shown_parses_to_the_same(text in endpoints()) {
        let endpoint: Endpoint = text.parse().unwrap();
        prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }

    #[test]
    fn any_text_survives_in_any_argument(text in argument()) {
        let quoted = quote(&text);
        let parsed = |input: String| -> Result<Endpoint, TestCaseError> {
            let endpoint: Endpoint = input.parse()?;
            prop_assert_eq!(endpoint.to_string().parse::<Endpoint>()?, endpoint.clone());
            Ok(endpoint)
        };
        let Socket::Unix(unix) = parsed(format!("unix:{quoted}"))?.socket else { unreachable!() };
        prop_assert_eq!(unix.path, PathBuf::from(&text));
        let path = Some(Tls::Directory(PathBuf::from(&text)));
        prop_assert_eq!(&parsed(format!("tls:path={quoted}:fd:3"))?.tls, &path);
        prop_assert_eq!(&parsed(format!("haproxy:tls:port=4:path={quoted}"))?.tls, &path);
        let files = parsed(format!("tls:1:k:{quoted}:extraCertChain={quoted}"))?.tls;
        let certificate = PathBuf::from(&text);
        let chain = Some(certificate.clone());
        prop_assert_eq!(files, Some(Tls::Files { private_key: "k".into(), certificate, chain }));
        let acme = parsed(format!("acme:{quoted}:directory=https\\://a:ca={quoted}:dns={quoted}:1"))?.tls;
        let Some(Tls::Acme(acme)) = acme else { unreachable!() };
        let all = [Some(acme.path), acme.ca, acme.dns];
        prop_assert!(all.iter().all(|path| path.as_deref() == Some(text.as_ref())), "{all:?}");
        let systemd = Systemd { which: Which::Name(text), domain: None };
        prop_assert_eq!(parsed(format!("systemd:name={quoted}"))?.socket, Socket::Systemd(systemd));
    }

    #[test]
    fn no_nearly_good_string_makes_the_parser_panic(words in nearly_good()) {
        if let Ok(endpoint) = words.concat().parse::<Endpoint>() {
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }
}

/// Any text that can be an argument: neither empty nor too long for a Unix socket, no NUL.
fn argument() -> impl Strategy<Value = String> {
    prop_oneof!["[^\0]{1,26}", r"[\\:=\[\],@0-9a/]{1,26}"]
        .prop_filter("no name", |text| text != "@")
}

fn nearly_good() -> impl Strategy<Value = Vec<&'static str>> {
    let words = vec![
        "tcp",
        "tcp6",
        "unix",
        "tls",
        "ssl",
        "systemd",
        "fd",
        "stdio",
        "haproxy",
        "redirect",
        "le",
        "acme",
        "directory=https\\://a/",
        "domains=a,b",
        "challenge=dns-01",
        ":",
        ":",
        ":",
        ":",
        "=",
        "\\",
        "[",
        "]",
        ",",
        "0",
        "443",
        "port=",
        "path=",
        "privateKey=",
        "trust=",
        "timeout=",
        "index=",
        "name=",
        "domain=INET",
        "mode=",
        "@",
        "10.0.0.0/8",
        "::1",
        "interface=",
        "backlog=",
        "-",
        ".",
        "é",
    ];
    prop::collection::vec(prop::sample::select(words), 0..14)
}

fn endpoints() -> impl Strategy<Value = String> {
    let tcp = (any::<u16>(), any::<std::net::IpAddr>(), 1..=u16::MAX, 0..2, 0..2).prop_map(
        |(port, ip, backlog, reuse_port, v6_only)| {
            let ip = quote(&ip.to_string());
            format!(
                "tcp:{port}:interface={ip}:backlog={backlog}:reuseport={reuse_port}:v6only={v6_only}"
            )
        },
    );
    let unix = (argument(), 0..=0o777, 0..2).prop_map(|(path, mode, lock)| {
        format!("unix:{}:mode={mode:o}:lockfile={lock}", quote(&path))
    });
    let socket = prop_oneof![tcp, unix, (0..9).prop_map(|number| format!("fd:{number}"))];
    let network = (any::<std::net::IpAddr>(), 0..=32)
        .prop_map(|(ip, length)| quote(&format!("{ip}/{length}")));
    let haproxy =
        (prop::collection::vec(network, 1..4), 1..3_600_000).prop_map(|(trust, timeout)| {
            format!("haproxy:trust={}:timeout={}:", trust.join(","), f64::from(timeout) / 1000.0)
        });
    let tls = argument().prop_map(|path| format!("tls:path={}:", quote(&path)));
    let acme = (argument(), argument(), 1..=3600).prop_map(|(path, eab, timeout)| {
        let (path, eab) = (quote(&path), quote(&eab));
        format!("le:{path}:eab={eab}:domains=a,b:challenge=dns-01,http-01:timeout={timeout}:")
    });
    let redirect = (1..=u16::MAX).prop_map(|port| format!("redirect:port={port}:"));
    let outer = prop_oneof![Just(String::new()), haproxy];
    let inner = prop_oneof![Just(String::new()), tls, acme, redirect];
    (outer, inner, socket, any::<bool>()).prop_map(
        |(outer, inner, socket, swapped)| match swapped {
            true => format!("{inner}{outer}{socket}"),
            false => format!("{outer}{inner}{socket}"),
        },
    )
}
