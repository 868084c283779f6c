//! The executable that a bundle begins with: opens its own archive and runs the entry point
