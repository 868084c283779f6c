//! Any string as a resource name: one that is valid stays below the directory it is joined to.
#![no_main]

use std::path::{Component, Path};

use holdall_archive::{NAME_MAX, Name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(name) = Name::new(text) else { return };
    let name = name.as_str();
    assert!(name == text && !name.is_empty() && name.len() <= NAME_MAX);
    assert!(!name.contains(['\0', '\\', '\n']) && !name.contains("//"));
    let base = Path::new("/base");
    let joined = base.join(name);
    assert!(joined.starts_with(base) && joined != base);
    let below = joined.strip_prefix(base).unwrap();
    assert!(below.components().all(|part| matches!(part, Component::Normal(_))));
    // There is one spelling: put together from its parts, it is the same again.
    let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_str().unwrap()).collect();
    assert_eq!(parts.join("/"), name);
    // Every parent of a name is a name.
    for (at, _) in name.match_indices('/') {
        assert!(Name::new(&name[..at]).is_ok());
    }
});
