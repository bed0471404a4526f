//! What a replica node counts.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Counters of one node, all growing since its start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Calls answered at once on the caller's thread.
    pub reads_hot: AtomicU64,
    /// Calls that had to wait for the disk.
    pub reads_cold: AtomicU64,
    /// Calls evaluated by their partition's owner.
    pub evaluated: AtomicU64,
    /// Retried requests answered with the first reply.
    pub retries: AtomicU64,
    /// Mutations made as primary.
    pub mutations: AtomicU64,
    /// Mutations applied.
    pub applied: AtomicU64,
    /// Messages of groups sent.
    pub messages: AtomicU64,
    /// Messages of groups dropped because a queue was full.
    pub messages_dropped: AtomicU64,
    /// Sweeps that removed what has expired.
    pub sweeps: AtomicU64,
}

impl Metrics {
    pub(crate) fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Relaxed);
    }

    /// Each counter with its name and what it counts.
    pub fn list(&self) -> [(&'static str, &'static str, u64); 9] {
        [
            ("reads_hot", "Calls answered at once on the caller's thread", self.reads_hot.load(Relaxed)),
            ("reads_cold", "Calls that had to wait for the disk", self.reads_cold.load(Relaxed)),
            ("evaluated", "Calls evaluated by their partition's owner", self.evaluated.load(Relaxed)),
            ("retries", "Retried requests answered with the first reply", self.retries.load(Relaxed)),
            ("mutations", "Mutations made as primary", self.mutations.load(Relaxed)),
            ("applied", "Mutations applied", self.applied.load(Relaxed)),
            ("messages", "Messages of groups sent", self.messages.load(Relaxed)),
            ("messages_dropped", "Messages of groups dropped because a queue was full", self.messages_dropped.load(Relaxed)),
            ("sweeps", "Sweeps that removed what has expired", self.sweeps.load(Relaxed)),
        ]
    }
}
