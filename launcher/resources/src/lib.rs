//! Read-only named files: in the bundle, in a directory, or compiled in
