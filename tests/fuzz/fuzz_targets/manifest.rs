//! Any bytes as a manifest: refused, or taken and written back the same.
#![no_main]

use holdall_bundle::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::from_json(bytes) {
        let json = manifest.to_json();
        let again = Manifest::from_json(json.as_ref()).expect("what is written is read");
        assert_eq!(again, manifest);
    }
});
