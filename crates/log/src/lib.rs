//! The node's replicated log: group commit, recovery, trimming.
//!
//! One log per data directory holds the records of every partition of the node, in the order they were appended.
//!
//! ```text
//!   append ──▶ queue ──▶ [ the turn: one write, one fdatasync ] ──▶ done, done, done
//!                                    │
//!   0..1.log   0..2.log   0..3.log ◀─┘       0.spare      mark
//!   sealed     sealed     active             ready to     how far
//!   ╰─ gone when trimmed                     be next      is synced
//! ```
//!
//! What it promises:
//! - a record whose `done` heard `Ok` under [`options::Sync::Always`] is replayed by every later [`log::Log::open`], or that open fails
//!   with [`error::OpenError::Damaged`]; it is never left out silently;
//! - what a crash tore is cut off and never replayed, not even in part (`segment.rs` tells how the two are told apart);
//! - after one failed fdatasync nothing is ever acknowledged again ([`error::AppendError::Poisoned`]);
//! - queue, segments and total size are bounded.
//!
//! What it is not: it knows no ballots and no commit point (bodies are opaque), it has no index: reading back ([`scan`]) goes through
//! all of it, which a learner is worth and nothing else.

mod clock;
mod commit;
pub mod disk;
mod driven;
pub mod error;
mod format;
mod keeper;
mod ledger;
pub mod log;
mod mark;
pub mod options;
pub mod record;
mod recover;
pub mod scan;
mod segment;
mod shared;
mod writer;

#[cfg(test)]
mod tests;
