//! What can go wrong on the way to a certificate, case by case, and what has to happen then.

mod accounts;
mod bare_image;
mod clients;
mod crashes;
mod disk;
mod expect;
mod files;
mod fleet;
mod harness;
mod load;
mod mounted;
mod nonces_and_limits;
mod operator;
mod orders;
mod outages;
mod production;
mod remains;
mod renewal;
mod second_authority;
mod served;
mod validation;
