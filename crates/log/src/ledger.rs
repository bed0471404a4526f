//! What holds each segment back: for every segment, the partitions with records in it that are not trimmed yet.

use std::collections::{HashMap, VecDeque};

use types::id::{Decree, PartitionId};

/// The segments of a log, oldest first; the last one is being written.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    segments: VecDeque<Held>,
    bytes: u64,
}

#[derive(Debug)]
struct Held {
    segment: u64,
    bytes: u64,
    partitions: HashMap<PartitionId, Share>,
}

/// A partition's part of a segment.
#[derive(Debug, Default)]
struct Share {
    highest: Decree,
    bytes: u64,
}

impl Ledger {
    /// A new last segment, whose header takes `bytes`.
    pub(crate) fn start(&mut self, segment: u64, bytes: u64) {
        self.segments.push_back(Held { segment, bytes, partitions: HashMap::new() });
        self.bytes += bytes;
    }

    /// A record of `bytes` went to the last segment.
    pub(crate) fn add(&mut self, partition: PartitionId, decree: Decree, bytes: u64) {
        let last = self.segments.back_mut().expect("a log has a segment before it has a record");
        let share = last.partitions.entry(partition).or_default();
        share.highest = share.highest.max(decree);
        share.bytes += bytes;
        last.bytes += bytes;
        self.bytes += bytes;
    }

    /// Nobody needs the records of `partition` through `upto` any more.
    pub(crate) fn trim(&mut self, partition: PartitionId, upto: Decree) {
        for held in &mut self.segments {
            if held.partitions.get(&partition).is_some_and(|share| share.highest <= upto) {
                held.partitions.remove(&partition);
            }
        }
    }

    /// Takes the oldest segments that nobody holds, as long as `retain` bytes stay behind them. Never the last segment.
    pub(crate) fn take_removable(&mut self, retain: u64) -> Vec<u64> {
        let mut taken = Vec::new();
        while self.is_removable(retain) {
            let held = self.segments.pop_front().expect("it is removable");
            self.bytes -= held.bytes;
            taken.push(held.segment);
        }
        taken
    }

    /// Whether the oldest segment can go.
    fn is_removable(&self, retain: u64) -> bool {
        self.segments.len() > 1 && self.segments[0].partitions.is_empty() && self.bytes - self.segments[0].bytes >= retain
    }

    /// Of the partitions that hold the oldest segment back, the one with most bytes in it. None while the oldest is the last one.
    pub(crate) fn blocking(&self) -> Option<(PartitionId, u64)> {
        if self.segments.len() < 2 {
            return None;
        }
        self.segments[0]
            .partitions
            .iter()
            .map(|(&partition, share)| (partition, share.bytes))
            .max_by_key(|&(partition, bytes)| (bytes, partition))
    }

    /// The segments, oldest first.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.segments.iter().map(|held| held.segment).collect()
    }

    /// Bytes of all records and headers.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many segments there are.
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }
}

#[cfg(test)]
mod tests {
    use types::id::TableId;

    use super::*;

    const A: PartitionId = PartitionId { table: TableId(1), index: 0 };
    const B: PartitionId = PartitionId { table: TableId(1), index: 1 };

    fn three_segments() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.start(1, 10);
        ledger.add(A, Decree(1), 100);
        ledger.add(B, Decree(9), 25);
        // A new primary logs what it found once more.
        ledger.add(B, Decree(8), 25);
        ledger.start(2, 10);
        ledger.add(A, Decree(1), 50);
        ledger.add(A, Decree(2), 50);
        ledger.start(3, 10);
        ledger.add(A, Decree(3), 100);
        ledger
    }

    #[test]
    fn a_segment_goes_when_the_last_of_its_partitions_lets_go() {
        let mut ledger = three_segments();
        assert_eq!(ledger.blocking(), Some((A, 100)));
        ledger.trim(A, Decree(1));
        assert_eq!(ledger.blocking(), Some((B, 50)));
        let mut other = three_segments();
        other.trim(A, Decree(1));
        other.trim(B, Decree(9));
        assert_eq!(other.take_removable(0), [1], "the second one holds 2 of A as well");
        ledger.trim(A, Decree(2));
        assert_eq!(ledger.blocking(), Some((B, 50)));
        ledger.trim(B, Decree(8));
        assert_eq!(ledger.take_removable(0), []);
        ledger.trim(B, Decree(9));
        assert_eq!(ledger.blocking(), None);
        assert_eq!(ledger.take_removable(0), [1, 2]);
        assert_eq!((ledger.bytes(), ledger.segments()), (110, 1));
    }

    #[test]
    fn the_last_segment_and_the_retained_bytes_stay() {
        let mut ledger = three_segments();
        ledger.trim(A, Decree(3));
        ledger.trim(B, Decree(u64::MAX));
        assert_eq!(ledger.take_removable(300), []);
        assert_eq!(ledger.take_removable(111), [1]);
        assert_eq!(ledger.take_removable(0), [2]);
        assert_eq!(ledger.take_removable(0), []);
    }
}
