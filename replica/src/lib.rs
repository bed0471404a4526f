//! The replica server: a node's partitions, driven around the PacificA core, over the node's log and RocksDB.
//!
//! ```text
//!   Execute ──▶ node ──reads──▶ reader (calling thread, memory only) ──cold──▶ pool
//!                 │ writes
//!                 ▼
//!   Replicate ─▶ shard (one task, owns some partitions) ──▶ log ──▶ Logged ─┐
//!                 ▲  evaluate · seal · step · apply · reply                 │
//!                 └────────────────────────────────────────────────────────┘
//! ```
//! It does not know Redis: commands run through the [`types::txn::Coprocessor`] that the program hands in.
//! Invariant: a partition's writes are evaluated, logged and applied by one owner, its shard; everything else only reads.

pub mod clock;
pub mod machine;
pub mod metrics;
pub mod node;

mod body;
mod frame;
mod home;
mod learn;
mod partition;
mod pool;
mod queue;
mod reads;
mod record;
mod recovery;
mod rehearsal;
mod report;
mod sessions;
mod shard;
mod spool;
