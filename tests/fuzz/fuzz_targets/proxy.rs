//! Any bytes as a PROXY header: no answer changes when more bytes come.
#![no_main]

use holdall_endpoint::proxy::{LONGEST, Parsed, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let bytes = &bytes[..bytes.len().min(LONGEST + 64)];
    let last = parse(bytes);
    match last {
        Ok(Parsed::Header { length, source, destination }) => {
            assert!((15..=LONGEST).contains(&length) && length <= bytes.len());
            assert_eq!(source.is_some(), destination.is_some());
            // Both are of one family.
            assert_eq!(source.map(|a| a.is_ipv4()), destination.map(|a| a.is_ipv4()));
            assert_eq!(parse(&bytes[..length]), last);
            assert_eq!(parse(&bytes[..length - 1]), Ok(Parsed::Incomplete));
        }
        Ok(Parsed::Incomplete) => assert!(bytes.len() < LONGEST),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    for length in 0..bytes.len().min(300) {
        let earlier = parse(&bytes[..length]);
        assert!(earlier == Ok(Parsed::Incomplete) || earlier == last);
    }
});
