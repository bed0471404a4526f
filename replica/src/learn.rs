//! How a learner gets what its primary's memory does not reach back to.
//!
//! ```text
//!   learner's node                                        primary's node
//!   fetch  ── LearnBegin {applied} ─────────────────────▶ serve   makes files: nothing, or the committed part of the log,
//!          ◀─ LearnPlan {source, decree, files} ─────────         or a checkpoint; and the table of requests answered
//!          ── LearnFetch {file, offset} ─── again and again ─▶
//!          ◀─ LearnChunk {bytes, crc} ───────────────────         limited to `learn_rate` bytes a second
//!   install: apply the mutations, or open the checkpoint as the next generation of the store
//! ```
//! The learner pulls: it goes on where it was when a connection broke, and nobody has to remember it. The partition serves meanwhile.
//!
//! Invariant: a store is opened only when all its files are there, and takes the place of the one before by one write to the node's state.

use std::sync::Arc;

use net::service::Service;
use types::group::GroupConfig;
use types::id::{Decree, PartitionId, RequestId};

use crate::frame::Replies;
use crate::partition::{Partition, View};

mod fetch;
mod files;
mod serve;

pub(crate) use serve::Sources;

/// The requests that a partition answered, with their replies.
pub(crate) type Remembered = Vec<(RequestId, Decree, Replies)>;

/// What is to be fetched.
pub(crate) struct Sought {
    pub(crate) partition: PartitionId,
    /// The configuration under which to learn.
    pub(crate) config: GroupConfig,
    /// What is here.
    pub(crate) view: Arc<View>,
    /// The primary's node.
    pub(crate) primary: Arc<dyn Service>,
}

/// What came of it.
pub(crate) enum Fetched {
    /// Nothing: it is to be tried again when the meta server says so.
    Nothing,
    /// The store is as it was: the primary's memory reaches back far enough.
    Same { config: GroupConfig, remembered: Remembered },
    /// The store holds more, or is another one: the replica begins anew with it.
    Anew { config: GroupConfig, partition: Box<Partition> },
}
