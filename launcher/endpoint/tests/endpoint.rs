//! Endpoint strings as users write them, and real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;

use holdall_endpoint::{Address, Endpoint, OpenErrorKind, OpenSocket, ParseError, Problem, quote};
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
        ("tcp:1:backlog=128:interface=0.0.0.0", "tcp:1"),
    ];
    for (given, canonical) in cases {
        assert_eq!(shown(given), canonical, "{given}");
        assert_eq!(shown(canonical), canonical);
    }
}

#[test]
fn errors_name_column_and_value() {
    let cases = [
        ("", r#"bad endpoint "", column 1: it is empty; try tcp:8080"#),
        (
            "tpc:80",
            concat!(
                r#"bad endpoint "tpc:80", column 1: unknown kind "tpc", did you mean "tcp"?; "#,
                "known: tcp, tcp6, unix, tls, ssl, systemd, fd, stdio, haproxy, redirect"
            ),
        ),
        (
            ":80",
            concat!(
                r#"bad endpoint ":80", column 1: unknown kind ""; "#,
                "known: tcp, tcp6, unix, tls, ssl, systemd, fd, stdio, haproxy, redirect"
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

#[test]
fn a_bound_endpoint_accepts_connections() {
    let listener = "tcp:0".parse::<Endpoint>().unwrap().bind().unwrap();
    assert!(matches!(listener.address(), Address::Ip(address) if address.ip().is_unspecified()));
    let mut client = TcpStream::connect(listener.authority()).unwrap();
    let OpenSocket::Tcp(socket) = listener.into_socket() else { panic!("a TCP socket") };
    let (mut server, _) = socket.accept().unwrap();
    client.write_all(b"hello").unwrap();
    drop(client);
    let mut received = String::new();
    server.read_to_string(&mut received).unwrap();
    assert_eq!(received, "hello");
}

#[test]
fn a_port_in_use_is_named_with_a_hint() {
    let first = "tcp:0:interface=127.0.0.1".parse::<Endpoint>().unwrap().bind().unwrap();
    let Address::Ip(address) = first.address() else { panic!("an IP address") };
    let port = address.port();
    let again = format!("tcp:{port}:interface=127.0.0.1").parse::<Endpoint>().unwrap();
    let error = again.bind().unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::InUse);
    assert_eq!(
        error.to_string(),
        format!(
            "can't listen on 127.0.0.1:{port} (another program has port {port}: stop it or take another port; \
             tcp:0 takes a free one)"
        )
    );
}

#[test]
fn an_address_of_another_machine_is_told_apart() {
    // 192.0.2.0/24 is set aside for documentation (RFC 5737): no machine has it.
    let error = "tcp:0:interface=192.0.2.1".parse::<Endpoint>().unwrap().bind().unwrap_err();
    assert_eq!(error.kind(), OpenErrorKind::NoSuchAddress);
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
    fn what_is_shown_parses_to_the_same(port: u16, ip: std::net::IpAddr, backlog in 1..=u16::MAX) {
        let text = format!("tcp:{port}:interface={}:backlog={backlog}", quote(&ip.to_string()));
        let endpoint: Endpoint = text.parse().unwrap();
        prop_assert_eq!(endpoint.to_string().parse::<Endpoint>().unwrap(), endpoint);
    }
}
