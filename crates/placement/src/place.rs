//! Where the members of a new table's groups go.
//!
//! In this order: never two members of a group on one node; as few as possible in one zone; each node as many copies as the next,
//! and as many primaries; pairs of nodes that share groups mixed, so that a dead node's load falls on many.
//! What nodes hold of other tables decides only between equals: every table is spread by itself, because tables differ in load.

use std::collections::VecDeque;

use types::id::NodeId;

/// What a table wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Number of groups to place.
    pub partitions: u32,
    /// Members of each group.
    pub replicas: u32,
}

/// The nodes that can be given replicas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// In any order; no name twice.
    pub nodes: Vec<NodeLoad>,
}

/// One node and what it holds already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLoad {
    /// Its name.
    pub node: NodeId,
    /// Its failure domain. A node that told none counts as a zone of its own.
    pub zone: String,
    /// Groups, of any table, it is primary of.
    pub primaries: u32,
    /// Groups, of any table, it is another member of.
    pub secondaries: u32,
}

/// Members of each group by partition index; the first of them is to be its primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One for each partition.
    pub groups: Vec<Vec<NodeId>>,
}

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unplaceable {
    /// A group has at least one member.
    #[error("a group needs at least one member")]
    NoReplicas,
    /// Two members of a group never share a node.
    #[error("groups of {replicas} members need as many nodes, there are {nodes}")]
    TooFewNodes {
        /// Members wanted in each group.
        replicas: u32,
        /// Nodes there are.
        nodes: usize,
    },
}

/// Spreads the groups of a new table over the nodes.
///
/// # Errors
/// [`Unplaceable`].
///
/// # Panics
/// If a node's name appears twice.
pub fn plan(policy: &Policy, observed: &Observed) -> Result<Plan, Unplaceable> {
    if policy.replicas == 0 {
        return Err(Unplaceable::NoReplicas);
    }
    if policy.replicas as usize > observed.nodes.len() {
        return Err(Unplaceable::TooFewNodes { replicas: policy.replicas, nodes: observed.nodes.len() });
    }
    let mut board = Board::new(observed);
    for _ in 0..policy.partitions {
        board.place(policy.replicas as usize);
    }
    board.even_out_primaries();
    let name = |&node: &usize| board.nodes[node].load.node.clone();
    Ok(Plan { groups: board.groups.iter().map(|group| group.iter().map(name).collect()).collect() })
}

/// The plan as it grows. Nodes are known by their place in the order of names.
struct Board<'a> {
    nodes: Vec<Node<'a>>,
    /// Members by partition, the primary first.
    groups: Vec<Vec<usize>>,
    /// How many groups of the table two nodes share; row-major, symmetric.
    shared: Vec<u32>,
}

struct Node<'a> {
    load: &'a NodeLoad,
    zone: usize,
    /// Members of this table's groups.
    copies: u32,
    /// Primaries among them.
    primaries: u32,
}

impl<'a> Board<'a> {
    fn new(observed: &'a Observed) -> Board<'a> {
        let mut loads: Vec<&NodeLoad> = observed.nodes.iter().collect();
        loads.sort_by_key(|load| &load.node);
        assert!(loads.windows(2).all(|pair| pair[0].node != pair[1].node), "a node appears twice");
        let zone = |i: usize| {
            let zone = &loads[i].zone;
            if zone.is_empty() { i } else { loads.iter().position(|other| other.zone == *zone).expect("itself at least") }
        };
        let nodes: Vec<Node<'_>> =
            loads.iter().enumerate().map(|(i, load)| Node { load, zone: zone(i), copies: 0, primaries: 0 }).collect();
        let shared = vec![0; nodes.len() * nodes.len()];
        Board { nodes, groups: Vec::new(), shared }
    }

    /// Adds one group.
    fn place(&mut self, replicas: usize) {
        let mut group: Vec<usize> = Vec::with_capacity(replicas);
        while group.len() < replicas {
            let best = (0..self.nodes.len()).filter(|i| !group.contains(i)).min_by_key(|&i| self.cost(&group, i));
            group.push(best.expect("there are at least as many nodes as replicas"));
        }
        let lead = |&i: &usize| (self.nodes[group[i]].primaries, self.nodes[group[i]].load.primaries, i);
        let primary = (0..group.len()).min_by_key(lead).expect("a group has members");
        group.swap(0, primary);
        self.nodes[group[0]].primaries += 1;
        for &a in &group {
            self.nodes[a].copies += 1;
            for &b in &group {
                self.shared[a * self.nodes.len() + b] += 1;
            }
        }
        self.groups.push(group);
    }

    /// What it costs to add node `i` to a group; the least is taken, by name between equals.
    fn cost(&self, group: &[usize], i: usize) -> (usize, u32, u32, u32) {
        let node = &self.nodes[i];
        let neighbours = group.iter().filter(|&&member| self.nodes[member].zone == node.zone).count();
        let shared = group.iter().map(|&member| self.shared[member * self.nodes.len() + i]).sum();
        (neighbours, node.copies, shared, node.load.primaries + node.load.secondaries)
    }

    /// Hands the lead of groups on until no node leads two more than one it could hand a lead to, be it through others.
    fn even_out_primaries(&mut self) {
        let mut from = 0;
        while from < self.nodes.len() {
            match self.way_down(from) {
                Some(way) => {
                    for &(group, to) in &way {
                        let place = self.groups[group].iter().position(|&member| member == to).expect("a way leads through members");
                        self.nodes[self.groups[group][0]].primaries -= 1;
                        self.nodes[to].primaries += 1;
                        self.groups[group].swap(0, place);
                    }
                    // Each way lowers the sum of squares of the counts, so this ends; others may have a way now.
                    from = 0;
                }
                None => from += 1,
            }
        }
    }

    /// The shortest chain of groups whose lead can be handed on so that one lead goes from `from` to a node with two fewer.
    fn way_down(&self, from: usize) -> Option<Vec<(usize, usize)>> {
        let mut led = vec![Vec::new(); self.nodes.len()];
        for (index, group) in self.groups.iter().enumerate() {
            led[group[0]].push(index);
        }
        let mut came: Vec<Option<(usize, usize)>> = vec![None; self.nodes.len()];
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            if self.nodes[node].primaries + 2 <= self.nodes[from].primaries {
                let mut way = Vec::new();
                let mut at = node;
                while at != from {
                    let (group, before) = came[at].expect("reached through a group");
                    way.push((group, at));
                    at = before;
                }
                return Some(way);
            }
            for &group in &led[node] {
                for &member in &self.groups[group][1..] {
                    if member != from && came[member].is_none() {
                        came[member] = Some((group, node));
                        queue.push_back(member);
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
