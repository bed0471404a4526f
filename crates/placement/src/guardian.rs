//! What a living group needs: members where some are missing, fewer where there are too many, another primary where its node is drained.
//!
//! It heals first (a member that is missing), then tidies (one too many, copies nobody needs), then moves (drained nodes, primaries spread evenly).
//! A group gets one thing at a time, and only while its primary serves: the primary is who carries things out, and who refuses what cannot be.
//! Who leads a group none of whose members lives is [`crate::elect`]'s business.

use std::collections::BTreeMap;
use std::time::Duration;

use types::id::{NodeId, PartitionId};

/// How much may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// A node that is silent for less may come back: its copies are waited for, unless writes cannot wait.
    pub dead_after: Duration,
    /// Members that a write needs, where the table has as many.
    pub min_write_members: usize,
    /// Learners that a node may be the source or the target of.
    pub learns_per_node: usize,
    /// Learners in all.
    pub learns_max: usize,
    /// Only what an administrator asked for.
    pub frozen: bool,
}

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// No name twice.
    pub nodes: Vec<NodeState>,
    /// No partition twice.
    pub groups: Vec<GroupState>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeState {
    /// Its name.
    pub node: NodeId,
    /// Its failure domain. A node that told none counts as a zone of its own.
    pub zone: String,
    /// Whether it reported lately.
    pub alive: bool,
    /// Time since its last report.
    pub silent: Duration,
    /// Whether it is to lead nothing.
    pub draining: bool,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    /// Its partition.
    pub partition: PartitionId,
    /// Members it should have.
    pub wanted: usize,
    /// The primary, and whether it serves.
    pub primary: Option<NodeId>,
    /// Whether the primary said that it serves under the present ballot.
    pub serving: bool,
    /// Whether every member said that it does what the present ballot wants of it.
    pub settled: bool,
    /// The other members.
    pub secondaries: Vec<NodeId>,
    /// Nodes that are learning it.
    pub learning: Vec<NodeId>,
    /// Nodes, no members, that had a copy when they reported last, or have not said yet whether they have one.
    pub copies: Vec<NodeId>,
    /// Nodes that did not manage to learn it, lately: others are tried first.
    pub avoided: Vec<NodeId>,
    /// Whether an administrator chose the primary, lately: it is not moved for the sake of evenness.
    pub pinned: bool,
    /// What an administrator asked for.
    pub order: Option<Order>,
}

/// What an administrator asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// This node should lead.
    Lead(NodeId),
    /// A copy on this node.
    Add(NodeId),
    /// No copy on this node.
    Remove(NodeId),
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The node should catch up with the group, to become a member.
    Learn(PartitionId, NodeId),
    /// The primary should hand over to this secondary.
    HandOver(PartitionId, NodeId),
    /// The primary should go on without this secondary.
    Remove(PartitionId, NodeId),
    /// The node's copy is not needed any more.
    Discard(PartitionId, NodeId),
}

/// What to do now. In the order of partitions; the same input gives the same plan.
pub fn plan(policy: &Policy, observed: &Observed) -> Vec<Action> {
    let mut board = Board::new(observed);
    let mut groups: Vec<&GroupState> = observed.groups.iter().collect();
    groups.sort_by_key(|group| group.partition);
    let mut actions = Vec::new();
    // Those nearest to losing writes, or data, first.
    let mut missing: Vec<&GroupState> = groups.iter().copied().filter(|group| group.serving).collect();
    missing.sort_by_key(|group| (group.members(), group.partition));
    for group in missing {
        actions.extend(heal(policy, &mut board, group));
    }
    for group in groups.iter().copied().filter(|group| group.serving) {
        let busy = |actions: &[Action]| actions.iter().any(|action| action.partition() == group.partition);
        if !busy(&actions) {
            actions.extend(tidy(policy, &mut board, group));
        }
    }
    // While a node is away its primaries may come back to it.
    let absent = |node: &&NodeState| !node.alive && node.silent < policy.dead_after;
    if actions.is_empty() && !policy.frozen && groups.iter().all(|group| group.is_whole()) && !board.nodes.iter().any(absent) {
        actions.extend(spread(&board, &groups));
    }
    actions.sort();
    actions
}

/// A learner for a group that has too few members.
fn heal(policy: &Policy, board: &mut Board<'_>, group: &GroupState) -> Option<Action> {
    let primary = group.primary.as_ref()?;
    let asked = match &group.order {
        Some(Order::Add(node) | Order::Lead(node)) if !group.has(node) => Some(node),
        _ => None,
    };
    if let Some(node) = asked {
        let fit = !group.learning.contains(node) && board.node(node).is_some_and(|node| node.alive);
        return fit.then(|| board.learn(group.partition, primary, node));
    }
    if policy.frozen || group.members() + group.learning.len() >= group.wanted {
        return None;
    }
    // Who may come back has most of the data: that is waited for while writes go on.
    let returning = |node: &&NodeId| {
        let away = board.node(node).is_some_and(|node| !node.alive && node.silent < policy.dead_after);
        away && !group.has(node) && !group.learning.contains(node)
    };
    let returning = group.copies.iter().filter(returning).count();
    if group.members() >= policy.min_write_members.min(group.wanted) && group.members() + group.learning.len() + returning >= group.wanted {
        return None;
    }
    let room = |node: &NodeId| board.learns(node) < policy.learns_per_node;
    if !room(primary) || board.learning >= policy.learns_max {
        return None;
    }
    let unwanted = |node: &NodeId| group.order.as_ref().is_some_and(|order| *order == Order::Remove(node.clone()));
    let fit = |node: &&NodeState| {
        let there = group.has(&node.node) || group.learning.contains(&node.node);
        node.alive && !there && !unwanted(&node.node) && room(&node.node)
    };
    let rank = |node: &&NodeState| {
        let crowded = board.shares_zone(group, node, None);
        let has_copy = group.copies.contains(&node.node);
        (group.avoided.contains(&node.node), crowded, !has_copy, node.draining, board.load(&node.node), node.node.clone())
    };
    let chosen = board.nodes.iter().copied().filter(fit).min_by_key(rank)?.node.clone();
    Some(board.learn(group.partition, primary, &chosen))
}

/// One member too many, a drained primary, an administrator's wish, copies that are not needed.
fn tidy(policy: &Policy, board: &mut Board<'_>, group: &GroupState) -> Vec<Action> {
    let Some(primary) = &group.primary else { return Vec::new() };
    let id = group.partition;
    match &group.order {
        Some(Order::Lead(node)) if group.secondaries.contains(node) => return vec![Action::HandOver(id, node.clone())],
        Some(Order::Remove(node)) if group.secondaries.contains(node) => return vec![Action::Remove(id, node.clone())],
        Some(Order::Remove(node)) if primary == node => {
            return board.successor(group, Some(node)).map(|to| Action::HandOver(id, to)).into_iter().collect();
        }
        _ => {}
    }
    if board.node(primary).is_some_and(|node| node.draining)
        && let Some(to) = board.successor(group, None)
    {
        board.move_primary(primary, &to);
        return vec![Action::HandOver(id, to)];
    }
    if policy.frozen {
        return Vec::new();
    }
    if group.members() > group.wanted {
        return board.surplus(group).map(|node| Action::Remove(id, node)).into_iter().collect();
    }
    // A member that is about to be lost may have to be replaced: by such a copy, at best.
    if group.members() < group.wanted || !group.settled {
        return Vec::new();
    }
    let idle = |node: &&NodeId| board.node(node).is_some_and(|node| node.alive) && !group.learning.contains(node) && !group.has(node);
    group.copies.iter().filter(idle).map(|node| Action::Discard(id, node.clone())).collect()
}

/// One hand-over that makes the numbers of primaries more even, if they differ by two or more.
fn spread(board: &Board<'_>, groups: &[&GroupState]) -> Option<Action> {
    let led = |node: &NodeId| board.primaries.get(node).copied().unwrap_or(0);
    let mut best: Option<(usize, PartitionId, &NodeId)> = None;
    for group in groups {
        let Some(primary) = group.primary.as_ref().filter(|_| !group.pinned) else { continue };
        let fit = |node: &&NodeId| board.node(node).is_some_and(|node| node.alive && !node.draining);
        let Some(to) = group.secondaries.iter().filter(fit).min_by_key(|node| (led(node), (*node).clone())) else { continue };
        let gain = led(primary).saturating_sub(led(to));
        if gain >= 2 && best.is_none_or(|(most, ..)| gain > most) {
            best = Some((gain, group.partition, to));
        }
    }
    best.map(|(_, partition, to)| Action::HandOver(partition, to.clone()))
}

/// Counts that change while a plan is made.
struct Board<'a> {
    nodes: Vec<&'a NodeState>,
    by_name: BTreeMap<&'a NodeId, &'a NodeState>,
    copies: BTreeMap<NodeId, usize>,
    primaries: BTreeMap<NodeId, usize>,
    learns: BTreeMap<NodeId, usize>,
    learning: usize,
}

impl<'a> Board<'a> {
    fn new(observed: &'a Observed) -> Board<'a> {
        let mut nodes: Vec<&NodeState> = observed.nodes.iter().collect();
        nodes.sort_by_key(|node| &node.node);
        let by_name = nodes.iter().map(|node| (&node.node, *node)).collect();
        let mut board = Board { nodes, by_name, copies: BTreeMap::new(), primaries: BTreeMap::new(), learns: BTreeMap::new(), learning: 0 };
        for group in &observed.groups {
            for node in group.primary.iter().chain(&group.secondaries).chain(&group.learning) {
                *board.copies.entry(node.clone()).or_default() += 1;
            }
            if let Some(primary) = &group.primary {
                *board.primaries.entry(primary.clone()).or_default() += 1;
                for learner in &group.learning {
                    board.count_learn(primary, learner);
                }
            }
        }
        board
    }

    fn node(&self, node: &NodeId) -> Option<&'a NodeState> {
        self.by_name.get(node).copied()
    }

    fn load(&self, node: &NodeId) -> usize {
        self.copies.get(node).copied().unwrap_or(0)
    }

    fn learns(&self, node: &NodeId) -> usize {
        self.learns.get(node).copied().unwrap_or(0)
    }

    fn count_learn(&mut self, source: &NodeId, target: &NodeId) {
        *self.learns.entry(source.clone()).or_default() += 1;
        *self.learns.entry(target.clone()).or_default() += 1;
        self.learning += 1;
    }

    fn learn(&mut self, partition: PartitionId, source: &NodeId, target: &NodeId) -> Action {
        self.count_learn(source, target);
        *self.copies.entry(target.clone()).or_default() += 1;
        Action::Learn(partition, target.clone())
    }

    fn move_primary(&mut self, from: &NodeId, to: &NodeId) {
        *self.primaries.entry(to.clone()).or_default() += 1;
        if let Some(count) = self.primaries.get_mut(from) {
            *count -= 1;
        }
    }

    /// Whether a member other than `except` is in the zone of `node`.
    fn shares_zone(&self, group: &GroupState, node: &NodeState, except: Option<&NodeId>) -> bool {
        let others = group.primary.iter().chain(&group.secondaries).filter(|member| Some(*member) != except);
        !node.zone.is_empty() && others.filter_map(|member| self.node(member)).any(|member| member.zone == node.zone)
    }

    /// The secondary that should lead instead of the primary: alive, not drained, with the fewest primaries.
    fn successor(&self, group: &GroupState, except: Option<&NodeId>) -> Option<NodeId> {
        let fit = |node: &&NodeId| Some(*node) != except && self.node(node).is_some_and(|node| node.alive && !node.draining);
        let led = |node: &&NodeId| (self.primaries.get(*node).copied().unwrap_or(0), (*node).clone());
        group.secondaries.iter().filter(fit).min_by_key(led).cloned()
    }

    /// The secondary that a group with too many members can do without.
    fn surplus(&self, group: &GroupState) -> Option<NodeId> {
        let rank = |node: &&NodeId| {
            let state = self.node(node);
            let crowded = state.is_some_and(|state| self.shares_zone(group, state, Some(*node)));
            let gone = state.is_none_or(|state| !state.alive);
            (gone, crowded, state.is_some_and(|state| state.draining), self.load(node), (*node).clone())
        };
        let asked_for = |node: &&NodeId| group.order.as_ref().is_some_and(|order| *order == Order::Add((*node).clone()));
        group.secondaries.iter().filter(|node| !asked_for(node)).max_by_key(rank).cloned()
    }
}

impl GroupState {
    fn members(&self) -> usize {
        usize::from(self.primary.is_some()) + self.secondaries.len()
    }

    fn has(&self, node: &NodeId) -> bool {
        self.primary.as_ref() == Some(node) || self.secondaries.contains(node)
    }

    fn is_whole(&self) -> bool {
        self.serving && self.settled && self.members() == self.wanted && self.learning.is_empty()
    }
}

impl Action {
    /// The partition it is about.
    pub fn partition(&self) -> PartitionId {
        match self {
            Action::Learn(id, _) | Action::HandOver(id, _) | Action::Remove(id, _) | Action::Discard(id, _) => *id,
        }
    }
}

#[cfg(test)]
mod tests;
