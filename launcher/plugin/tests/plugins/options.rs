//! Options that plug-ins declare, and what requests say of their client.

use std::sync::Arc;

use holdall_plugin::{Host, Library, Peer, Plugin, Request, Scheme, ServiceOption, ServiceOptions};
use holdall_service::Body;
use http_body_util::BodyExt;
use tower_service::Service;

use crate::{build, host};

const DECLARED: [ServiceOption; 2] = [
    ServiceOption {
        name: "greeting",
        value: Some("TEXT"),
        default: Some("Hello"),
        help: "The word before the name",
    },
    ServiceOption { name: "loud", value: None, default: None, help: "Greet in capitals" },
];

fn host_with(options: ServiceOptions) -> Host {
    let none = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    Host::new(|_, _| {}, none).with_options(options)
}

/// What the plug-in answers to a request of `peer`, if it is known.
fn ask(plugin: &Plugin, target: &str, peer: Option<Peer>) -> String {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = target.parse().unwrap();
    if let Some(peer) = peer {
        request.extensions_mut().insert(Arc::new(peer));
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let response = plugin.clone().call(request).await.unwrap();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    })
}

#[test]
fn options_are_known_before_the_start_and_their_values_after_it() {
    let given = [("greeting", "Grüß Gott"), ("loud", "")];
    for (object, loud, quiet) in
        [(build::misbehave(&[]), "", "status 4"), (build::greeter(), "true", "false")]
    {
        let library = Library::open(&host::sealed(&object)).unwrap();
        assert_eq!(library.options(), DECLARED);
        let plugin = library.start(host_with(given.into_iter().collect())).unwrap();
        assert_eq!(ask(&plugin, "/greeting", None), "Grüß Gott");
        assert_eq!(ask(&plugin, "/loud", None), loud);

        let library = Library::open(&host::sealed(&object)).unwrap();
        let plugin = library.start(host_with(ServiceOptions::from(&DECLARED[..]))).unwrap();
        assert_eq!(ask(&plugin, "/greeting", None), "Hello");
        assert_eq!(ask(&plugin, "/loud", None), quiet);
    }
}

#[test]
fn requests_tell_who_asks() {
    let long = "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535";
    let c = host::load(&build::misbehave(&[]), "").0.unwrap();
    let rust = host::load(&build::greeter(), "").0.unwrap();
    for client in ["192.0.2.1:4711", "[2001:db8::1]:1", long] {
        let client = Some(client.parse().unwrap());
        let peer = Peer { client, scheme: Scheme::Https, server_name: None };
        for plugin in [&c, &rust] {
            let told = ask(plugin, "/client", Some(peer.clone()));
            assert_eq!(Some(told.parse().unwrap()), client);
            assert_eq!(ask(plugin, "/scheme", Some(peer.clone())), "https");
        }
    }
    assert_eq!(ask(&c, "/client", None), "");
    assert_eq!(ask(&rust, "/client", None), "-");
    assert_eq!(ask(&rust, "/scheme", None), "http");
}
