//! The stateless RESP proxy: sessions, routing, merging of replies.
//!
//! ```text
//!   socket ──▶ input ──▶ Scanner::drain ──▶ session: each request becomes a step of the batch
//!                                             │ local command: its reply            (local/)
//!                                             │ command for partitions: calls       (route)
//!                                             ▼
//!                          client::Router ◀── batch ──▶ outcomes put in order, merged (merge) ──▶ output ──▶ socket
//! ```
//! One read, one batch, one frame to each node, one write: nothing is allocated, spawned or locked per command, sessions share no lock
//! on this way. Counters belong to threads and are added up by whoever asks ([`metrics`]).
//!
//! Invariant: replies leave in the order of the requests, and a session's next batch starts when the last one has all its outcomes,
//! so that commands of one connection take effect in order.

mod batch;
mod clients;
mod clock;
mod errors;
mod gather;
mod info;
mod input;
mod link;
mod local;
mod merge;
pub mod metrics;
mod output;
mod parameters;
mod route;
mod scan;
pub mod server;
mod session;
pub mod settings;
mod stats;

/// The version of Redis that clients are told: the one whose commands and replies are followed.
pub const REDIS_VERSION: &str = "7.4.0";
