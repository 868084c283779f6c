//! Services in shared objects: the C ABI, its host, and its Rust side
