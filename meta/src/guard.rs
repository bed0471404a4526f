//! Looking after the groups: what [`placement::guardian`] would like is asked of those who can do it, until they have done it.
//!
//! All of it is in memory only. A meta server that begins again looks again, and asks again; an administrator's wishes are dropped with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use placement::guardian::{self, Action, GroupState, NodeState, Observed, Order, Policy};
use tracing::info;
use types::id::{Ballot, Decree, NodeId, PartitionId};
use types::time::Time;
use wire::rpc::{ReplicaState, Suggestion};

use crate::cluster::{Cluster, Group, NodeInfo};
use crate::core::Options;
use crate::nodes::Nodes;
use crate::view;

/// What is under way.
#[derive(Debug, Default)]
pub(crate) struct Care {
    /// Nodes that are to catch up with a group.
    candidates: BTreeMap<PartitionId, BTreeMap<NodeId, Candidate>>,
    /// Nodes that did not manage to, and when that was.
    given_up: BTreeMap<(PartitionId, NodeId), Time>,
    /// What primaries are asked to ask for.
    suggestions: BTreeMap<PartitionId, Suggestion>,
    /// Copies that are not needed any more.
    discards: BTreeSet<(PartitionId, NodeId)>,
    /// What an administrator asked for, since when.
    orders: BTreeMap<PartitionId, (Order, Time)>,
    /// Primaries that an administrator chose, since when.
    chosen: BTreeMap<PartitionId, (NodeId, Time)>,
}

/// A node that is to catch up with a group.
#[derive(Debug)]
struct Candidate {
    /// When it last got on, or was told.
    moved: Time,
    /// What it said then; `None`: it has not begun.
    reported: Option<(Ballot, Decree, Decree)>,
}

/// Who is to be told of which groups.
pub(crate) type News = BTreeSet<(NodeId, PartitionId)>;

impl Care {
    /// Looks around.
    pub(crate) fn look(&mut self, now: Time, cluster: &Cluster, nodes: &Nodes, options: &Options) -> News {
        self.forget(now, cluster, nodes);
        let policy = Policy {
            dead_after: options.dead_after,
            min_write_members: options.min_write_members,
            learns_per_node: options.learns_per_node,
            learns_max: options.learns_max,
            frozen: cluster.settings().frozen,
        };
        let primary = |id: PartitionId| cluster.group(id).and_then(|group| group.primary.clone());
        let mut news = News::new();
        let mut suggestions = BTreeMap::new();
        let mut discards = BTreeSet::new();
        for action in guardian::plan(&policy, &self.observed(now, cluster, nodes)) {
            match action {
                Action::Learn(id, node) => {
                    info!(partition = %id, %node, "is to learn");
                    news.extend(primary(id).map(|primary| (primary, id)));
                    news.insert((node.clone(), id));
                    self.candidates.entry(id).or_default().insert(node, Candidate { moved: now, reported: None });
                }
                Action::HandOver(id, to) => drop(suggestions.insert(id, Suggestion::HandOver(to))),
                Action::Remove(id, node) => drop(suggestions.insert(id, Suggestion::Remove(node))),
                Action::Discard(id, node) => drop(discards.insert((id, node))),
            }
        }
        for (id, suggestion) in suggestions.iter().filter(|(id, suggestion)| self.suggestions.get(id) != Some(suggestion)) {
            info!(partition = %id, ?suggestion, "suggests");
            news.extend(primary(*id).map(|primary| (primary, *id)));
        }
        for (id, node) in discards.difference(&self.discards) {
            info!(partition = %id, %node, "copy is not needed any more");
            news.insert((node.clone(), *id));
        }
        (self.suggestions, self.discards) = (suggestions, discards);
        news
    }

    /// An administrator asks for something. An earlier wish about the same group is dropped.
    pub(crate) fn ask(&mut self, now: Time, id: PartitionId, order: Order) {
        self.orders.insert(id, (order, now));
    }

    /// What an administrator asked for last is as it should be: what was asked for before is not wanted any more.
    pub(crate) fn drop_order(&mut self, id: PartitionId) {
        self.orders.remove(&id);
    }

    /// A group changed: what was suggested to its former primary is void.
    pub(crate) fn changed(&mut self, id: PartitionId) {
        self.suggestions.remove(&id);
    }

    /// Whether `node` is to catch up with the group.
    pub(crate) fn is_candidate(&self, id: PartitionId, node: &NodeId) -> bool {
        self.candidates.get(&id).is_some_and(|learners| learners.contains_key(node))
    }

    /// Who is to catch up with the group.
    pub(crate) fn candidates(&self, id: PartitionId) -> impl Iterator<Item = &NodeId> {
        self.candidates.get(&id).into_iter().flat_map(BTreeMap::keys)
    }

    /// The groups `node` is to catch up with.
    pub(crate) fn candidacies(&self, node: &NodeId) -> impl Iterator<Item = PartitionId> {
        self.candidates.iter().filter(move |(_, learners)| learners.contains_key(node)).map(|(id, _)| *id)
    }

    /// What the primary of the group is asked to ask for.
    pub(crate) fn suggestion(&self, id: PartitionId) -> Option<&Suggestion> {
        self.suggestions.get(&id)
    }

    /// Whether the node's copy is not needed any more.
    pub(crate) fn is_discarded(&self, id: PartitionId, node: &NodeId) -> bool {
        self.discards.contains(&(id, node.clone()))
    }

    /// What is under way in a group, in words.
    pub(crate) fn words(&self, id: PartitionId) -> impl Iterator<Item = String> {
        let learning = self.candidates(id).map(|node| format!("{node} is learning"));
        let suggested = self.suggestion(id).map(|suggestion| match suggestion {
            Suggestion::HandOver(to) => format!("the primary is to hand over to {to}"),
            Suggestion::Remove(node) => format!("the primary is to remove {node}"),
            Suggestion::TakeOver => "a secondary is to take over".to_owned(),
        });
        let ordered = self.orders.get(&id).map(|(order, _)| match order {
            Order::Lead(node) => format!("an administrator wants {node} to lead"),
            Order::Add(node) => format!("an administrator wants a copy on {node}"),
            Order::Remove(node) => format!("an administrator wants no copy on {node}"),
        });
        learning.chain(suggested).chain(ordered)
    }

    /// Drops what is done with, or has had its time.
    fn forget(&mut self, now: Time, cluster: &Cluster, nodes: &Nodes) {
        let Care { candidates, given_up, orders, chosen, .. } = self;
        for (id, learners) in &mut *candidates {
            let group = cluster.group(*id).filter(|group| group.primary.is_some());
            learners.retain(|node, candidate| {
                if group.is_none_or(|group| group.seat(node).is_some()) {
                    return false;
                }
                candidate.look(now, *id, node, nodes);
                let stuck = now.since(candidate.moved) >= candidate.patience();
                if stuck {
                    info!(partition = %id, %node, "does not get on with learning");
                    given_up.insert((*id, node.clone()), now);
                }
                !stuck && nodes.alive(now, node)
            });
        }
        candidates.retain(|_, learners| !learners.is_empty());
        given_up.retain(|_, since| now.since(*since) < MEMORY);
        chosen.retain(|id, (node, since)| {
            now.since(*since) < MEMORY && cluster.group(*id).is_some_and(|group| group.primary.as_ref() == Some(node))
        });
        orders.retain(|id, (order, since)| {
            let Some(group) = cluster.group(*id) else { return false };
            let wanted = cluster.table(id.table).map_or(0, |table| table.replicas as usize);
            let done = match order {
                Order::Lead(node) if group.primary.as_ref() == Some(node) => {
                    chosen.insert(*id, (node.clone(), now));
                    true
                }
                Order::Lead(_) => false,
                Order::Add(node) => group.seat(node).is_some() && group.members.len() <= wanted,
                // Nor is it to come back at once.
                Order::Remove(_) => false,
            };
            !done && now.since(*since) < MEMORY
        });
    }

    /// What the guardian looks at.
    fn observed(&self, now: Time, cluster: &Cluster, nodes: &Nodes) -> Observed {
        let node = |(node, info): (&NodeId, &NodeInfo)| NodeState {
            node: node.clone(),
            zone: info.zone.clone(),
            alive: nodes.alive(now, node),
            silent: nodes.silent(now, node),
            draining: info.draining,
        };
        let mut copies: BTreeMap<PartitionId, Vec<NodeId>> = BTreeMap::new();
        for (node, seen) in nodes.all() {
            for replica in seen.replicas() {
                copies.entry(replica.partition).or_default().push(node.clone());
            }
        }
        let unheard: Vec<&NodeId> = cluster.nodes().map(|(node, _)| node).filter(|node| nodes.seen(node).is_none()).collect();
        let group = |(id, group): (PartitionId, &Group)| {
            let copies = copies.remove(&id).unwrap_or_default();
            let primary = group.primary.as_ref();
            GroupState {
                partition: id,
                wanted: cluster.table(id.table).map_or(0, |table| table.replicas as usize),
                primary: primary.cloned(),
                serving: primary.is_some_and(|primary| view::does(nodes, now, id, group, primary, ReplicaState::Primary)),
                settled: view::healthy(nodes, now, id, group),
                secondaries: group.config().secondaries,
                learning: self.candidates(id).cloned().collect(),
                copies: copies.iter().chain(unheard.iter().copied()).filter(|node| group.seat(node).is_none()).cloned().collect(),
                avoided: self
                    .given_up
                    .range((id, NodeId::new(""))..)
                    .map(|(key, _)| key)
                    .take_while(|key| key.0 == id)
                    .map(|key| key.1.clone())
                    .collect(),
                pinned: self.chosen.contains_key(&id),
                order: self.orders.get(&id).map(|(order, _)| order.clone()),
            }
        };
        Observed { nodes: cluster.nodes().map(node).collect(), groups: cluster.groups().map(group).collect() }
    }
}

impl Candidate {
    /// Notes whether the node got on.
    fn look(&mut self, now: Time, id: PartitionId, node: &NodeId, nodes: &Nodes) {
        let replica = nodes.seen(node).and_then(|seen| seen.replica(id)).filter(|replica| replica.state == ReplicaState::Learner);
        let reported = replica.map(|replica| (replica.ballot, replica.prepared, replica.committed));
        if reported.is_some() && reported != self.reported {
            (self.moved, self.reported) = (now, reported);
        }
    }

    /// A learner that fetches a checkpoint does not seem to get on until it has all of it.
    fn patience(&self) -> Duration {
        if self.reported.is_some() { FETCH_PATIENCE } else { BEGIN_PATIENCE }
    }
}

/// A node that was told to learn has begun by then.
const BEGIN_PATIENCE: Duration = Duration::from_secs(60);
/// A learner has fetched what it needs by then, and got on.
const FETCH_PATIENCE: Duration = Duration::from_secs(600);
/// For so long an administrator's wish holds, and a failure is remembered.
const MEMORY: Duration = Duration::from_secs(600);
