//! What `docs/serving.md` says, sentence by sentence: built bundles, asked over real sockets.

mod answer;
mod beside_service;
mod caching;
mod clean_urls;
mod conditions;
mod cors;
mod damaged;
mod encodings;
mod every_answer;
mod fixture;
mod if_range;
mod listing;
mod many;
mod media_types;
mod methods;
mod mounts;
mod parts;
mod paths;
mod ranges;
mod redirects;
mod rules;
mod serve_dir;
mod single_page;
mod transports;
mod variants;
