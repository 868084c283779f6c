//! What manifests may say, and what they may not.

use super::*;

fn manifest() -> Manifest {
    Manifest {
        format: MANIFEST_FORMAT,
        name: "sayhello".into(),
        version: "0.1.0".into(),
        entry_point: EntryPoint {
            kind: EntryPointKind::Exec,
            payload: Some(".holdall/bin/sayhello".into()),
        },
        about: About::default(),
        arguments: vec!["--port".into(), "8080".into()],
        environment: BTreeMap::new(),
        serving: None,
        built: Built { by: "holdall 0.1.0".into(), target: "x86_64-unknown-linux-gnu".into() },
        prefix: Prefix { size: 4096, sha256: Digest([1; 32]) },
        content: Content { files: 3, size: 12, digest: Digest([2; 32]) },
    }
}

fn changed(change: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest, ManifestError> {
    let mut value = serde_json::to_value(manifest()).unwrap();
    change(&mut value);
    Manifest::from_json(value.to_string().as_bytes())
}

#[test]
fn json_round_trip_is_stable() {
    let json = manifest().to_json();
    let again = Manifest::from_json(&json).unwrap();
    assert_eq!(again, manifest());
    assert_eq!(again.to_json(), json);
}

#[test]
fn unknown_keys_are_refused_at_every_level() {
    assert!(matches!(changed(|v| v["color"] = 1.into()), Err(ManifestError::Json(_))));
    for key in ["entry_point", "built", "prefix", "content"] {
        let result = changed(|v| v[key]["color"] = 1.into());
        assert!(matches!(result, Err(ManifestError::Json(_))), "{key}");
    }
}

#[test]
fn a_newer_format_is_named_whatever_else_it_holds() {
    let error = Manifest::from_json(br#"{"novelty": [], "format": 7}"#).unwrap_err();
    assert!(matches!(error, ManifestError::NewerFormat { found: 7, supported: 1 }));
    assert!(error.to_string().contains("format 7"), "{error}");
}

#[test]
fn format_zero_does_not_exist() {
    let result = changed(|v| v["format"] = 0.into());
    assert!(matches!(result, Err(ManifestError::UnknownFormat { found: 0 })));
}

#[test]
fn entry_points_must_fit_their_payload() {
    for (kind, payload) in [
        ("site", Some(".holdall/bin/x")),
        ("linked", Some(".holdall/bin/x")),
        ("exec", None),
        ("exec", Some(".holdall/lib/x")),
        ("plugin", Some(".holdall/lib/")),
        ("plugin", Some(".holdall/lib/a/b")),
        ("plugin", Some("lib/x.so")),
    ] {
        let result = changed(|v| {
            v["entry_point"] = serde_json::json!({ "kind": kind, "payload": payload });
        });
        assert!(matches!(result, Err(ManifestError::Payload { .. })), "{kind} {payload:?}");
    }
}

#[test]
fn variables_have_names_that_a_system_takes() {
    let set = |name: &str, value: &str| {
        changed(|v| v["environment"] = serde_json::json!({ name: value }))
    };
    assert_eq!(set("RUST_LOG", "info").unwrap().environment["RUST_LOG"], "info");
    for (name, value) in [("", "x"), ("A=B", "x"), ("HOLDALL_PORT", "1"), ("A", "\0")] {
        let result = set(name, value);
        assert!(matches!(result, Err(ManifestError::Value { .. })), "{name:?} {value:?}");
    }
}

#[test]
fn what_it_is_about_may_be_left_out() {
    let json = String::from_utf8(manifest().to_json()).unwrap();
    assert!(!json.contains("about") && !json.contains("environment"), "{json}");
    let about = |text: &str| changed(|v| v["about"] = serde_json::json!({ "license": text }));
    assert_eq!(about("MIT").unwrap().about.license.as_deref(), Some("MIT"));
    assert!(matches!(about("M\nT"), Err(ManifestError::Value { key: "about.license", .. })));
}

#[test]
fn a_site_serves_all_unless_it_says_otherwise() {
    let mut manifest = manifest();
    assert_eq!(manifest.served(), None);
    manifest.entry_point = EntryPoint { kind: EntryPointKind::Site, payload: None };
    assert_eq!(manifest.served().unwrap().to_string(), "all resources at /");
    let mounts = [("/a".into(), "b/c".into()), ("/x/y".into(), String::new())].into();
    manifest.serving = Some(Serving { mounts, ..Serving::default() });
    assert_eq!(manifest.served().unwrap().to_string(), "b/c/ at /a, all resources at /x/y");
}

#[test]
fn an_unknown_kind_is_named() {
    let error = changed(|v| v["entry_point"]["kind"] = "wasm".into()).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("wasm"), "{cause}");
}

#[test]
fn unusable_texts_are_refused() {
    for (key, value) in
        [("name", ""), ("name", "a/b"), ("name", ".."), ("name", "a\nb"), ("version", "")]
    {
        let result = changed(|v| v[key] = value.into());
        assert!(matches!(result, Err(ManifestError::Value { .. })), "{key} {value:?}");
    }
    let nul = changed(|v| v["arguments"] = serde_json::json!(["a\0"]));
    assert!(matches!(nul, Err(ManifestError::Value { key: "arguments", .. })));
}

#[test]
fn length_is_bounded() {
    let json = vec![b' '; MANIFEST_LIMIT_BYTES + 1];
    assert!(matches!(Manifest::from_json(&json), Err(ManifestError::TooLong { .. })));
}

#[test]
fn damaged_json_is_an_error_at_every_length() {
    let json = manifest().to_json();
    for length in 0..json.len() - 2 {
        assert!(Manifest::from_json(&json[..length]).is_err(), "{length}");
    }
}
