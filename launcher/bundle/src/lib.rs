//! What a bundle is: its manifest, what it can tell of itself, exit codes
