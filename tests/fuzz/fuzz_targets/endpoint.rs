//! Any string as an endpoint: one that is good is shown so that it is the same again.
#![no_main]

use holdall_endpoint::{Endpoint, quote};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => {
            let shown = endpoint.to_string();
            let again: Endpoint = shown.parse().expect("what is shown is good");
            assert_eq!(again, endpoint, "{shown}");
            assert_eq!(again.to_string(), shown);
        }
        Err(error) => {
            // The column is that of a character, or of the end.
            assert!((1..=text.chars().count() + 1).contains(&error.column));
            assert!(!error.to_string().is_empty());
        }
    }
    // Quoted, it is one value.
    if !text.is_empty() {
        let endpoint: Result<Endpoint, _> = format!("systemd:name={}", quote(text)).parse();
        let shown = endpoint.expect("any name will do").to_string();
        assert!(shown.ends_with(&quote(text)), "{shown}");
    }
});
