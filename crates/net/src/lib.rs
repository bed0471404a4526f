//! Connections and remote calls between nodes.
//!
//! ```text
//!                       ┌─ local::Local ───────────────────────────────▶ the other node's Service, in this process
//!   Service (caller) ───┤
//!                       └─ tcp::pool::Pool ─ peer ─┬ lane data ────────▶ tcp::server ─▶ the other node's Service
//!                                                  ├ lane replication ─▶
//!                                                  └ lane control ─────▶
//! ```
//! [`service`] says what nodes can ask of each other; whoever asks does not see how the question travels. This crate knows frames
//! ([`wire::frame`]) but not what is in them, moves them in order, and bounds everything: bytes queued, requests under way, time.
//!
//! **Invariant:** no call here blocks. What does not fit is refused ([`service::CallError::Overloaded`]) or, if it may be lost, dropped.

mod door;
pub mod local;
pub mod service;
pub mod tcp;
