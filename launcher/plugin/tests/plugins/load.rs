//! What can go wrong while a plug-in is loaded: each has its own error.

use std::path::Path;

use holdall_plugin::{Host, LoadError, Plugin};
use holdall_service::chain;

use crate::{build, host};

fn refused(object: &[u8], mode: &'static str) -> LoadError {
    host::load(object, mode).0.expect_err("a plug-in that is refused")
}

#[test]
fn a_missing_file_is_named_by_the_loader() {
    let host = Host::new(|_, _| {}, |_| Err(std::io::ErrorKind::NotFound.into()));
    let error = Plugin::load(Path::new("/nowhere/plugin.so"), host).expect_err("no such file");
    assert!(matches!(error, LoadError::Open { .. }));
    let text = chain(&error);
    assert!(text.starts_with("can't load the shared object: "), "{text}");
    assert!(text.contains("/nowhere/plugin.so"), "{text}");
}

#[test]
fn a_file_that_is_no_shared_object_is_refused() {
    let error =
        refused(&b"this is no ELF file, though it is long enough to look at ".repeat(4), "");
    assert!(chain(&error).contains("invalid ELF header"), "{}", chain(&error));
}

#[test]
fn an_object_for_another_machine_is_recognised() {
    const MACHINE_OFFSET: usize = 18;
    const AARCH64: u16 = 183;
    const S390: u16 = 22;
    let mut object = build::misbehave(&[]);
    let here = u16::from_le_bytes([object[MACHINE_OFFSET], object[MACHINE_OFFSET + 1]]);
    let other = if here == AARCH64 { S390 } else { AARCH64 };
    object[MACHINE_OFFSET..MACHINE_OFFSET + 2].copy_from_slice(&other.to_le_bytes());
    match refused(&object, "") {
        LoadError::OtherMachine { expected, found } => assert_eq!((expected, found), (here, other)),
        error => panic!("{error:?}"),
    }
}

#[test]
fn an_object_without_the_symbol_is_no_plugin() {
    let error = refused(&build::misbehave(&["-DNO_SYMBOL"]), "");
    assert!(matches!(error, LoadError::NoSymbol { symbol: "holdall_plugin_v1", .. }), "{error:?}");
    assert!(chain(&error).contains("undefined symbol: holdall_plugin_v1"), "{}", chain(&error));
}

#[test]
fn another_version_is_refused_with_both_numbers() {
    let error = refused(&build::misbehave(&["-DSTATED_ABI=7"]), "");
    assert!(matches!(error, LoadError::OtherVersion { expected: 1, found: 7 }), "{error:?}");
}

#[test]
fn a_plugin_may_refuse_the_host() {
    let error = refused(&build::misbehave(&["-DREFUSE"]), "");
    assert!(matches!(error, LoadError::Refused { offered: 1 }), "{error:?}");
}

#[test]
fn a_short_table_is_incomplete() {
    let error = refused(&build::misbehave(&["-DSTATED_SIZE=24"]), "");
    assert!(matches!(error, LoadError::Incomplete { size: 24, .. }), "{error:?}");
}

#[test]
fn an_option_that_is_not_text_is_named_by_its_place() {
    let error = refused(&build::misbehave(&["-DOPTION_HELP=\"\\xff\""]), "");
    assert_eq!(error.to_string(), "option 2 in the plug-in's table can't be read");
}

#[test]
fn a_longer_table_of_a_later_header_is_welcome() {
    let (plugin, _) =
        host::load(&build::misbehave(&["-DSTATED_SIZE=(sizeof(holdall_plugin)+64)"]), "");
    assert_eq!(plugin.expect("a plug-in").name(), "misbehave");
}

#[test]
fn a_failed_start_gives_its_reason() {
    let error = refused(&build::misbehave(&["-DFAIL_IN_START"]), "");
    assert_eq!(error.to_string(), "the plug-in did not start: the moon is not full");
    let error = refused(&build::greeter(), "fail in start");
    assert_eq!(error.to_string(), "the plug-in did not start: no greeting was set");
}

#[test]
fn a_panic_in_start_is_an_error_with_its_place() {
    match refused(&build::greeter(), "panic in start") {
        LoadError::StartPanic { message } => {
            assert!(message.starts_with("panic: no luck today ("), "{message}");
            assert!(message.contains("greeter.rs:"), "{message}");
        }
        error => panic!("{error:?}"),
    }
}
