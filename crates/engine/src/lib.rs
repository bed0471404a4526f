//! RocksDB under one partition: physical keys, root records, write sets, and the transaction a command runs in.
//!
//! ```text
//!   command ──▶ txn::Txn ── reads ──▶ Overlay (evaluated, not applied yet) ──▶ Store (applied)
//!                  │ writes                 ▲                                    ▲
//!                  ▼                        │ retire                             │ apply: one WriteBatch, no WAL
//!              WriteSet ── finish ──▶ body of a mutation ── log, peers, commit ──╯
//! ```
//! One RocksDB per partition; its own write-ahead log is off, because the node's replicated log is one already. What RocksDB has
//! flushed is a state between two decrees, all column families at the same one (atomic flush), and names its decree: after a
//! crash the mutations after it are applied again.
//!
//! The crate knows neither commands nor peers, and takes time and randomness from its caller.

mod apply;
mod databases;
mod directory;
pub mod error;
mod filter;
mod garbage;
mod keys;
mod ordered;
pub mod overlay;
mod published;
mod reader;
mod root;
mod rows;
mod scan;
pub mod shared;
pub mod state;
pub mod store;
pub mod txn;
mod versions;
mod view;
pub mod walk;
pub mod write_set;
