//! What can go wrong on the way to a certificate, case by case, and what has to happen then.

mod accounts;
mod expect;
mod harness;
mod nonces_and_limits;
mod operator;
mod orders;
mod outages;
mod renewal;
mod validation;
