//! TCP endpoints on real sockets.

use std::io::{Read, Write};
use std::net::TcpStream;

use holdall_endpoint::{Address, Endpoint, OpenError, OpenErrorKind, OpenSocket};

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

#[test]
fn ipv6_takes_ipv4_clients_unless_told_not_to() {
    let open = |text: &str| text.parse::<Endpoint>().unwrap().bind().unwrap();
    let both = open("tcp6:0");
    let Address::Ip(address) = *both.address() else { panic!("an IP address") };
    assert_eq!(both.url(), format!("http://[::1]:{}", address.port()));
    TcpStream::connect(("127.0.0.1", address.port())).unwrap();
    TcpStream::connect(("::1", address.port())).unwrap();
    let v6_only = open("tcp6:0:v6only=1");
    let Address::Ip(address) = *v6_only.address() else { panic!("an IP address") };
    TcpStream::connect(("::1", address.port())).unwrap();
    // Its IPv4 side is free for another socket.
    open(&format!("tcp:{}", address.port()));
}

#[test]
fn a_port_is_shared_only_if_all_agree() {
    let open = |text: &str| text.parse::<Endpoint>().unwrap().bind();
    let first = open("tcp:0:interface=127.0.0.1:reuseport=1").unwrap();
    let Address::Ip(address) = *first.address() else { panic!("an IP address") };
    let again = format!("tcp:{}:interface=127.0.0.1", address.port());
    assert_eq!(open(&again).unwrap_err().kind(), OpenErrorKind::InUse);
    open(&format!("{again}:reuseport=1")).unwrap();
}

#[test]
fn names_come_from_the_socket_and_differ() {
    let cases = [
        ("tcp:0", "tcp.0"),
        ("tls:0:privateKey=k", "tcp.0"),
        ("haproxy:tcp:0:backlog=9", "tcp.0"),
        ("tcp:0:interface=127.0.0.1", "tcp.0.127.0.0.1"),
        ("tcp6:0", "tcp6.0"),
        ("tcp6:0:interface=[::1]", "tcp6.0.--1"),
    ];
    for (text, name) in cases {
        assert_eq!(text.parse::<Endpoint>().unwrap().bind().unwrap().name(), name);
    }
}

#[test]
fn urls_say_what_is_spoken() {
    let url = |text: &str| text.parse::<Endpoint>().unwrap().bind().unwrap().url();
    assert!(url("tcp:0").starts_with("http://127.0.0.1:"));
    assert!(url("redirect:tcp:0").starts_with("http://127.0.0.1:"));
    assert!(url("haproxy:tls:0:privateKey=k").starts_with("https://127.0.0.1:"));
    assert_eq!(url("stdio:"), "stdio:");
}

/// Refusals that only a user without rights, or a machine without IPv6, meets.
#[test]
fn refusals_have_a_kind_and_a_hint() {
    let cases = [
        (rustix::io::Errno::ACCESS, OpenErrorKind::NotPermitted, "CAP_NET_BIND_SERVICE"),
        (rustix::io::Errno::AFNOSUPPORT, OpenErrorKind::NoSuchAddress, "interface=0.0.0.0"),
        (rustix::io::Errno::MFILE, OpenErrorKind::Other, "[::]:80"),
    ];
    for (errno, kind, hint) in cases {
        let error = OpenError::Tcp { address: "[::]:80".parse().unwrap(), source: errno.into() };
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(hint), "{error}");
    }
}
