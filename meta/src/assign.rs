//! What a node is told of its groups.
//!
//! Only what it may act on: a configuration with a primary is for the very process it was issued for, and one beyond ballot 0 only for a node that has its
//! copy, so that a node whose disk was emptied cannot begin again with nothing. In any other case the node is a bystander, who keeps what it has
//! and does nothing, unless it is to learn the group or its copy is not needed any more.

use std::collections::{BTreeMap, BTreeSet};

use pacifica::mutant;
use types::id::{NodeId, PartitionId};
use wire::rpc::{Assignment, Duty, Suggestion};

use crate::cluster::Group;
use crate::core::{Core, Push};
use crate::view;

impl Core {
    /// All of `node`'s groups, and the copies it has of others.
    pub(crate) fn assignments(&self, node: &NodeId) -> Vec<Assignment> {
        let mut mine: BTreeSet<PartitionId> = self.cluster.groups_with(node).map(|(id, _)| id).collect();
        mine.extend(self.care.candidacies(node));
        mine.extend(self.nodes.seen(node).into_iter().flat_map(|seen| seen.replicas()).map(|replica| replica.partition));
        mine.into_iter().filter_map(|id| Some(self.assignment(node, id, self.cluster.group(id)?))).collect()
    }

    /// What `node` is in a group, and what it would best ask for.
    pub(crate) fn assignment(&self, node: &NodeId, id: PartitionId, group: &Group) -> Assignment {
        let leads = group.primary.as_ref() == Some(node);
        let duty = match group.seat(node) {
            Some(_) if self.may_act(node, id, group) => Duty::Member,
            Some(_) => Duty::Bystander,
            None if group.primary.is_some() && self.care.is_candidate(id, node) => Duty::Learner,
            None if self.care.is_discarded(id, node) => Duty::Discard,
            None => Duty::Bystander,
        };
        let suggestion = match duty {
            Duty::Member if leads => self.care.suggestion(id).cloned(),
            Duty::Member if self.is_widowed(group) => Some(Suggestion::TakeOver),
            _ => None,
        };
        let others = self.care.candidates(id).filter(|_| leads);
        Assignment { duty, suggestion, ..view::assignment(&self.cluster, node, id, group, others) }
    }

    /// `changed` groups for all members that may know, except who is being answered.
    pub(crate) fn pushes(&self, changed: &[PartitionId], except: Option<&NodeId>) -> Vec<Push> {
        let mut news = BTreeSet::new();
        for (id, group) in changed.iter().filter_map(|id| Some((*id, self.cluster.group(*id)?))) {
            let members = group.members.iter().map(|seat| &seat.node).filter(|node| Some(*node) != except);
            news.extend(members.filter(|node| self.may_act(node, id, group)).map(|node| (node.clone(), id)));
        }
        self.tell(news)
    }

    /// Each node is told of its groups.
    pub(crate) fn tell(&self, news: BTreeSet<(NodeId, PartitionId)>) -> Vec<Push> {
        let mut by_node: BTreeMap<NodeId, Vec<Assignment>> = BTreeMap::new();
        for (node, id) in news {
            let assignment = self.cluster.group(id).map(|group| self.assignment(&node, id, group));
            by_node.entry(node).or_default().extend(assignment);
        }
        let push = |(node, assignments): (NodeId, Vec<Assignment>)| {
            let address = self.cluster.node(&node)?.value.address.clone();
            Some(Push { node, address, assignments })
        };
        by_node.into_iter().filter_map(push).collect()
    }

    /// Whether the process that leads the group is certain to be over: the others need not wait until they can be sure themselves.
    fn is_widowed(&self, group: &Group) -> bool {
        let seat = group.primary.as_ref().and_then(|primary| group.seat(primary));
        seat.is_some_and(|seat| self.nodes.over(seat))
    }

    /// Whether what reports as `node` may act under the group's ballot as a member.
    fn may_act(&self, node: &NodeId, id: PartitionId, group: &Group) -> bool {
        let (Some(seat), Some(seen)) = (group.seat(node), self.nodes.seen(node)) else { return false };
        let has_copy = group.ballot.0 == 0 || seen.replica(id).is_some();
        has_copy && (group.primary.is_none() || seat.incarnation == seen.incarnation || mutant!(ActAfterRestart))
    }
}
