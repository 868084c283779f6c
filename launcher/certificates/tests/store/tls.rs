//! How TLS is spoken.

use std::sync::Arc;

use holdall_certificates::{Certificates, UNRECOGNIZED_NAME};
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::{
    AlertDescription, ClientConnection, Error, HandshakeKind, NamedGroup, ProtocolVersion, version,
};

use crate::authority::Site;
use crate::client::{config, config_with, connect};

fn site() -> (Site, Certificates) {
    let site = Site::new();
    site.add("a.pem", &["a.example.com"]);
    let certificates = site.load();
    (site, certificates)
}

#[test]
fn the_hybrid_key_exchange_comes_first() {
    let (site, certificates) = site();
    let group = |offered| {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = offered;
        let config = config_with(&site.authority, provider, &[&version::TLS13]);
        let session = connect(Arc::new(config), &certificates, "a.example.com").unwrap();
        session.client.negotiated_key_exchange_group().unwrap().name()
    };
    let (pq, x) = (kx_group::X25519MLKEM768, kx_group::X25519);
    let (p256, p384) = (kx_group::SECP256R1, kx_group::SECP384R1);
    assert_eq!(group(vec![pq, x, p256]), NamedGroup::X25519MLKEM768);
    assert_eq!(group(vec![x, p256]), NamedGroup::X25519);
    assert_eq!(group(vec![p256]), NamedGroup::secp256r1);
    assert_eq!(group(vec![p384]), NamedGroup::secp384r1);
}

#[test]
fn both_versions_are_spoken() {
    let (site, certificates) = site();
    for (version, expected) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = config_with(&site.authority, aws_lc_rs::default_provider(), &[version]);
        let mut session = connect(Arc::new(config), &certificates, "a.example.com").unwrap();
        assert_eq!(session.client.protocol_version(), Some(expected));
        session.converse().unwrap();
    }
}

#[test]
fn http_2_is_preferred_by_alpn() {
    let (site, certificates) = site();
    let protocol = |offered: &[&str]| {
        let mut config = config(&site.authority);
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let session = connect(Arc::new(config), &certificates, "a.example.com")?;
        Ok::<_, Error>(session.client.alpn_protocol().map(<[u8]>::to_vec))
    };
    assert_eq!(protocol(&["http/1.1", "h2"]).unwrap(), Some(b"h2".to_vec()));
    assert_eq!(protocol(&["http/1.1"]).unwrap(), Some(b"http/1.1".to_vec()));
    assert_eq!(protocol(&[]).unwrap(), None);
    assert_eq!(protocol(&["spdy/3"]), Err(Error::NoApplicationProtocol));
}

#[test]
fn sessions_are_resumed_also_after_a_reload() {
    let (site, certificates) = site();
    for version in rustls::ALL_VERSIONS {
        let provider = aws_lc_rs::default_provider();
        let config = Arc::new(config_with(&site.authority, provider, &[version]));
        let kind = || {
            let mut session = connect(config.clone(), &certificates, "a.example.com").unwrap();
            session.converse().unwrap();
            session.client.handshake_kind().unwrap()
        };
        assert_eq!(kind(), HandshakeKind::Full, "{version:?}");
        assert_eq!(kind(), HandshakeKind::Resumed, "{version:?}");
        site.add("a.pem", &["a.example.com"]);
        certificates.reload();
        assert_eq!(kind(), HandshakeKind::Resumed, "{version:?}");
    }
}

#[test]
fn no_early_data() {
    let (site, certificates) = site();
    let mut config = config(&site.authority);
    config.enable_early_data = true;
    let config = Arc::new(config);
    connect(config.clone(), &certificates, "a.example.com").unwrap();
    let mut again = ClientConnection::new(config, "a.example.com".try_into().unwrap()).unwrap();
    assert!(again.early_data().is_none());
    assert_eq!(certificates.server_config().max_early_data_size, 0);
}

#[test]
fn the_ready_made_alert_is_understood() {
    let (site, _) = site();
    let config = Arc::new(config(&site.authority));
    let mut client = ClientConnection::new(config, "a.example.com".try_into().unwrap()).unwrap();
    client.write_tls(&mut Vec::new()).unwrap();
    client.read_tls(&mut UNRECOGNIZED_NAME.as_slice()).unwrap();
    let alert = Error::AlertReceived(AlertDescription::UnrecognisedName);
    assert_eq!(client.process_new_packets().unwrap_err(), alert);
}
