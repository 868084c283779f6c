//! Packs a server, its resources and its entry point into one executable
