//! The directory of certificates, and what is kept beside them.
