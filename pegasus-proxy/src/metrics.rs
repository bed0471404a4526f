//! What a proxy has counted, for `/metrics` and for people.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use commands::table::by_id;
use types::txn::CommandId;

use crate::server::Shared;
pub use crate::stats::{Counts, LATENCY_BUCKETS};

/// Everything since the start, or since `CONFIG RESETSTAT`.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Connections now.
    pub connections: u64,
    /// Connections so far, refused ones included.
    pub connections_accepted: u64,
    /// Connections refused because there were `maxclients`.
    pub connections_rejected: u64,
    /// By command (`get`, `config|get`), those that were called or turned away.
    pub commands: Vec<(&'static str, Counts)>,
    /// Error replies by their first word.
    pub errors: BTreeMap<String, u64>,
    /// Commands by the time from having read them to having their replies: bucket `i` counts less than `2^i` microseconds, and no less
    /// than half of that; the last one everything longer.
    pub latency: [u64; LATENCY_BUCKETS],
    /// Bytes read from clients.
    pub bytes_read: u64,
    /// Bytes written to clients.
    pub bytes_written: u64,
    /// Reads from sockets that brought something.
    pub reads: u64,
    /// Batches of replies written.
    pub writes: u64,
    /// Strings that were asked for and were there.
    pub hits: u64,
    /// Strings that were asked for and were not there.
    pub misses: u64,
    /// Attempts at partitions beyond the first.
    pub retries: u64,
    /// Commands per second in the last half second.
    pub rate: u64,
    /// Version of the routing table, 0 as long as none is known.
    pub routing_version: u64,
}

impl Metrics {
    pub(crate) fn of(shared: &Shared) -> Metrics {
        let sum = shared.stats.sum();
        let name = |id: usize| by_id(CommandId(id as u16)).map_or("", |command| command.name);
        let used = |counts: &Counts| *counts != Counts::default();
        Metrics {
            connections: shared.clients.len() as u64,
            connections_accepted: shared.counters.accepted.load(Ordering::Relaxed),
            connections_rejected: shared.counters.rejected.load(Ordering::Relaxed),
            commands: sum
                .commands
                .into_iter()
                .enumerate()
                .filter(|(_, counts)| used(counts))
                .map(|(id, counts)| (name(id), counts))
                .collect(),
            errors: sum.errors,
            latency: sum.latency,
            bytes_read: sum.bytes_read,
            bytes_written: sum.bytes_written,
            reads: sum.reads,
            writes: sum.writes,
            hits: sum.hits,
            misses: sum.misses,
            retries: shared.router.retries(),
            rate: shared.counters.rate.load(Ordering::Relaxed),
            routing_version: shared.router.routes().version(),
        }
    }

    /// Commands that ran.
    pub fn commands_processed(&self) -> u64 {
        self.commands.iter().map(|(_, counts)| counts.calls).sum()
    }

    /// Error replies.
    pub fn error_replies(&self) -> u64 {
        self.errors.values().sum()
    }
}
