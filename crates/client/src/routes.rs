//! A snapshot of the routing table, with the nodes it names at hand.

use std::sync::Arc;

use net::service::{Network, Service};
use types::group::{TableRouting, partition_of};
use types::id::{Ballot, NodeId, TableId};
use types::slot::Slot;

/// Where the partitions of the table are served. Never changes: the router replaces it as a whole.
pub struct Routes {
    table: TableId,
    version: u64,
    /// By partition, the primary's place in `nodes`, or [`NOBODY`].
    primaries: Vec<u32>,
    /// By partition, its ballot, and the version of the table in which this router first saw it there with this primary.
    since: Vec<(Ballot, u64)>,
    nodes: Vec<Node>,
    secondaries: usize,
}

struct Node {
    id: NodeId,
    address: String,
    service: Arc<dyn Service>,
}

impl Routes {
    /// Before anything is known.
    pub(crate) fn unknown() -> Routes {
        Routes { table: TableId(0), version: 0, primaries: Vec::new(), since: Vec::new(), nodes: Vec::new(), secondaries: 0 }
    }

    /// What `routing` says. Nodes that `before` reached at the same address are kept.
    pub(crate) fn new(routing: &TableRouting, network: &dyn Network, before: &Routes) -> Routes {
        let mut nodes: Vec<Node> = Vec::new();
        let mut place = |id: &NodeId| -> u32 {
            if let Some(known) = nodes.iter().position(|node| node.id == *id) {
                return known as u32;
            }
            let Some((_, address)) = routing.addresses.iter().find(|(node, _)| node == id) else { return NOBODY };
            let service = match before.nodes.iter().find(|node| node.id == *id && node.address == *address) {
                Some(node) => Arc::clone(&node.service),
                None => network.node(id, address),
            };
            nodes.push(Node { id: id.clone(), address: address.clone(), service });
            nodes.len() as u32 - 1
        };
        let primaries: Vec<u32> = routing.partitions.iter().map(|group| group.primary.as_ref().map_or(NOBODY, &mut place)).collect();
        let since = (0..).zip(&routing.partitions).map(|(partition, group)| match before.since.get(partition as usize) {
            Some(&(ballot, since)) if ballot == group.ballot && before.primary_id(partition) == group.primary.as_ref() => (ballot, since),
            _ => (group.ballot, routing.version),
        });
        let since = since.collect();
        let secondaries = routing.partitions.iter().map(|group| group.secondaries.len()).min().unwrap_or(0);
        Routes { table: routing.table, version: routing.version, primaries, since, nodes, secondaries }
    }

    /// Number of partitions; 0 as long as nothing is known.
    pub fn partitions(&self) -> u32 {
        self.primaries.len() as u32
    }

    /// Partition of a slot.
    ///
    /// # Panics
    /// If nothing is known yet.
    pub fn partition_of(&self, slot: Slot) -> u32 {
        partition_of(slot, self.partitions())
    }

    /// Members of each group beside its primary; the smallest number of any group.
    pub fn secondaries(&self) -> usize {
        self.secondaries
    }

    /// Version of the routing table, 0 as long as nothing is known.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The table's id.
    pub fn table(&self) -> TableId {
        self.table
    }

    /// Number of nodes that are primary of something.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The primary of `partition`, if the table names one, as its place among the nodes.
    pub(crate) fn primary(&self, partition: u32) -> Option<usize> {
        self.primaries.get(partition as usize).filter(|&&node| node != NOBODY).map(|&node| node as usize)
    }

    /// Whether `partition` has another primary or ballot than the table of `version` told. As this router saw it: a table it never had
    /// tells nothing.
    pub(crate) fn changed_after(&self, version: u64, partition: u32) -> bool {
        self.since.get(partition as usize).is_some_and(|&(_, since)| since > version)
    }

    fn primary_id(&self, partition: u32) -> Option<&NodeId> {
        self.primary(partition).map(|node| &self.nodes[node].id)
    }

    pub(crate) fn service(&self, node: usize) -> &Arc<dyn Service> {
        &self.nodes[node].service
    }
}

const NOBODY: u32 = u32::MAX;
