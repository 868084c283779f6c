//! What can go wrong on the way to a certificate, case by case, and what has to happen then.

mod crashes;
mod expect;
mod files;
mod harness;
mod mounted;
mod served;
