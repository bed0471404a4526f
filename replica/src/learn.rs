//! How a learner gets what its primary's memory does not reach back to.
//!
//! ```text
//!   learner's node                                        primary's node
//!   fetch  ── LearnBegin {applied} ─────────────────────▶ serve   makes files: nothing, or the committed part of the log,
//!          ◀─ LearnPlan {source, decree, files} ─────────         or a checkpoint; and the table of requests answered
//!          ── LearnFetch {file, offset} ─── again and again ─▶
//!          ◀─ LearnChunk {bytes, crc} ───────────────────         limited to `learn_rate` bytes a second, as is what the learner's node takes in
//!   install: apply the mutations, or open the checkpoint as the next generation of the store
//! ```
//! The learner pulls: it goes on where it was when a connection broke, and nobody has to remember it. The partition serves meanwhile.
//!
//! Invariant: a store is opened only when all its files are there, and takes the place of the one before by one write to the node's state.

use std::sync::Arc;
use std::time::Duration;

use net::service::Service;
use parking_lot::Mutex;
use types::group::GroupConfig;
use types::id::{Decree, PartitionId, RequestId};
use types::time::Time;

use crate::frame::Replies;
use crate::partition::{Partition, View};

mod fetch;
mod files;
mod serve;

pub(crate) use serve::Sources;

/// The requests that a partition answered, with their replies.
pub(crate) type Remembered = Vec<(RequestId, Decree, Replies)>;

/// Keeps what passes below a rate.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// When what has passed is paid for.
    paid: Mutex<Time>,
}

impl Meter {
    /// How long to wait before so many bytes may pass, at `rate` bytes a second.
    fn pay(&self, now: Time, bytes: usize, rate: u64) -> Duration {
        let cost = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
        let mut paid = self.paid.lock();
        let wait = paid.since(now);
        *paid = (*paid).max(now) + cost;
        wait
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_lets_pass_what_was_not_used_lately_only_once() {
        let at = |ms| Time::at(Duration::from_millis(ms));
        let meter = Meter::default();
        assert_eq!(meter.pay(at(0), 500, 1000), Duration::ZERO);
        assert_eq!(meter.pay(at(100), 1000, 1000), Duration::from_millis(400));
        assert_eq!(meter.pay(at(100), 10, 1000), Duration::from_millis(1400), "it waits for those before it");
        assert_eq!(meter.pay(at(9000), 1000, 1000), Duration::ZERO);
        assert_eq!(meter.pay(at(9000), 1, 1000), Duration::from_secs(1), "a long rest is no credit");
    }
}
