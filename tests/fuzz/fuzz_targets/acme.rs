//! Anything as the answer of an authority, as a header of it, and as a file of the directory.
#![no_main]

use holdall_acme::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|content: &[u8]| {
    for status in [200, 400, 403, 404, 409, 429, 500] {
        let words = fuzzing::words(status, content);
        // It goes into one line of a log, which it must neither end nor fill.
        assert!(!words.contains(char::is_control), "{words:?}");
        assert!(words.chars().count() <= 6000, "{} letters", words.chars().count());
    }
    fuzzing::headers(content);
    fuzzing::file(content);
});
