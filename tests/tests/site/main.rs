//! What `docs/serving.md` says, sentence by sentence: built bundles, asked over real sockets.

mod answer;
mod conditions;
mod encodings;
mod every_answer;
mod fixture;
mod methods;
mod paths;
