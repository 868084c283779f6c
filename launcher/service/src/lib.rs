//! The service trait, and HTTP on connections
