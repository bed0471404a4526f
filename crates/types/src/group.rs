//! A partition's replica group as the meta server recorded it, and the routing table made of such records.

use crate::id::{Ballot, NodeId, PartitionId, TableId};
use crate::slot::{SLOTS, Slot};

/// Members and primary of one partition. Changes only with a new ballot, by compare-and-swap at the meta server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    /// Version of this record.
    pub ballot: Ballot,
    /// The member that orders writes and answers clients; `None` while the group waits for its members.
    pub primary: Option<NodeId>,
    /// The other members. Never contains the primary.
    pub secondaries: Vec<NodeId>,
}

impl GroupConfig {
    /// Primary first, then the secondaries.
    pub fn members(&self) -> impl Iterator<Item = &NodeId> {
        self.primary.iter().chain(&self.secondaries)
    }
}

/// Where the partitions of one table are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRouting {
    /// The table's id.
    pub table: TableId,
    /// The table's name.
    pub name: String,
    /// Grows with every change of any partition of the table; a cache replaces its copy only with a higher one.
    pub version: u64,
    /// By partition index.
    pub partitions: Vec<GroupConfig>,
    /// Where to reach each node that appears in `partitions`: `host:port` of its RPC port.
    pub addresses: Vec<(NodeId, String)>,
}

impl TableRouting {
    /// Index of the partition a slot belongs to: the inverse of [`crate::slot::slots_of_partition`].
    pub fn partition_of(&self, slot: Slot) -> u32 {
        partition_of(slot, self.partitions.len() as u32)
    }

    /// Id of partition `index`.
    pub fn partition(&self, index: u32) -> PartitionId {
        PartitionId { table: self.table, index }
    }
}

/// Index of the partition, of `count`, that a slot belongs to.
pub fn partition_of(slot: Slot, count: u32) -> u32 {
    // The largest i with i * SLOTS / count <= slot.
    ((u32::from(slot.number()) + 1) * count - 1) / u32::from(SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::slots_of_partition;

    #[test]
    fn every_slot_belongs_to_the_partition_whose_range_holds_it() {
        for count in [1, 2, 3, 5, 8, 12, 1000, 16_384] {
            for number in 0..SLOTS {
                let index = partition_of(Slot::new(number).expect("in range"), count);
                assert!(slots_of_partition(index, count).contains(&number), "slot {number} of {count}");
            }
        }
    }
}
