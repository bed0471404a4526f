//! What nodes reported since this meta server started. In memory only: whoever lives reports again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use types::id::{Ballot, NodeId, PartitionId};
use types::time::Time;
use wire::rpc::{NodeReport, ReplicaReport};

use crate::cluster::{NOBODY, Seat};

/// The last report of every node.
#[derive(Debug)]
pub struct Nodes {
    seen: BTreeMap<NodeId, Seen>,
    started: Time,
    silent_after: Duration,
}

/// One node's last report.
#[derive(Debug)]
pub struct Seen {
    /// The life of its process.
    pub incarnation: u64,
    /// When it was first heard.
    since: Time,
    at: Time,
    address: String,
    replicas: HashMap<PartitionId, ReplicaReport>,
    /// Other lives, the latest last: what arrives from them while this one reports is late. Should it be this one that was late (its
    /// first report was overtaken by one of a life after it), it is silent from now on, and the other is heard again.
    former: VecDeque<u64>,
}

/// Why a report does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Late, or two processes have one name.
    #[error("a later process called {0} has reported: this one is over")]
    Over(NodeId),
    /// Another process has this name and lives.
    #[error("{node} lives at {address}: names of nodes are unique")]
    Taken {
        /// The name.
        node: NodeId,
        /// Where the other is.
        address: String,
    },
}

/// What a report tells about the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The first report of the node since this meta server started.
    First,
    /// The process that reported before.
    Again,
    /// A new process.
    Restarted,
}

impl Nodes {
    /// Nothing reported yet. A node that did not report for `silent_after` is not alive.
    pub fn new(now: Time, silent_after: Duration) -> Nodes {
        Nodes { seen: BTreeMap::new(), started: now, silent_after }
    }

    /// Whether a report counts. Changes nothing: it counts only once what it changes is recorded.
    ///
    /// # Errors
    /// [`Rejected`].
    pub fn check(&self, now: Time, report: &NodeReport) -> Result<Heard, Rejected> {
        let Some(seen) = self.seen.get(&report.node) else { return Ok(Heard::First) };
        if seen.incarnation == report.incarnation {
            return Ok(Heard::Again);
        }
        if self.alive(now, &report.node) {
            if seen.former.contains(&report.incarnation) {
                return Err(Rejected::Over(report.node.clone()));
            }
            // A process that came back is where it was: two cannot listen there. One that moved waits until the old one is silent.
            if seen.address != report.address {
                return Err(Rejected::Taken { node: report.node.clone(), address: seen.address.clone() });
            }
        }
        Ok(Heard::Restarted)
    }

    /// Takes in a report that [`Nodes::check`] let pass.
    pub fn hear(&mut self, now: Time, report: NodeReport) {
        let (mut former, mut since) = (VecDeque::new(), now);
        if let Some(before) = self.seen.remove(&report.node) {
            former = before.former;
            if before.incarnation == report.incarnation {
                since = before.since;
            } else {
                former.retain(|life| *life != report.incarnation);
                former.push_back(before.incarnation);
                if former.len() > FORMER_MAX {
                    former.pop_front();
                }
            }
        }
        let replicas = report.replicas.into_iter().map(|replica| (replica.partition, replica)).collect();
        let seen = Seen { incarnation: report.incarnation, since, at: now, address: report.address, replicas, former };
        self.seen.insert(report.node, seen);
    }

    /// A node's last report.
    pub fn seen(&self, node: &NodeId) -> Option<&Seen> {
        self.seen.get(node)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&NodeId, &Seen)> {
        self.seen.iter()
    }

    /// Whether a node reported lately.
    pub fn alive(&self, now: Time, node: &NodeId) -> bool {
        self.seen.get(node).is_some_and(|seen| now.since(seen.at) <= self.silent_after)
    }

    /// Whether a node has not reported for too long; right after our own start nobody is lost yet.
    pub fn lost(&self, now: Time, node: &NodeId) -> bool {
        self.silent(now, node) > self.silent_after
    }

    /// Whether the process that got `seat` in the group of `partition` under `ballot`, or before, is certain to be over.
    ///
    /// That another process reports under its name is not enough: what a former one said may arrive late, after a restart of this meta server for
    /// instance. But who has this ballot on its disk ran after it was issued, so after the process with the seat began; and who goes on
    /// reporting lives, and of two processes of one directory only the later one does.
    pub(crate) fn over(&self, seat: &Seat, partition: PartitionId, ballot: Ballot) -> bool {
        let Some(seen) = self.seen.get(&seat.node).filter(|seen| seen.incarnation != seat.incarnation) else { return false };
        seat.incarnation == NOBODY
            || seen.replica(partition).is_some_and(|replica| replica.ballot >= ballot)
            || seen.at.since(seen.since) >= self.silent_after
    }

    /// Time since a node's last report, or since this meta server started.
    pub fn silent(&self, now: Time, node: &NodeId) -> Duration {
        now.since(self.seen.get(node).map_or(self.started, |seen| seen.at))
    }
}

impl Seen {
    /// The node's copy of a partition.
    pub fn replica(&self, partition: PartitionId) -> Option<&ReplicaReport> {
        self.replicas.get(&partition)
    }

    /// All its copies.
    pub fn replicas(&self) -> impl Iterator<Item = &ReplicaReport> {
        self.replicas.values()
    }
}

/// A late report is at most a few restarts late.
const FORMER_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(incarnation: u64, address: &str) -> NodeReport {
        let (node, address) = (NodeId::new("a"), address.to_owned());
        NodeReport { node, address, zone: String::new(), incarnation, replicas: Vec::new() }
    }

    fn at(secs: u64) -> Time {
        Time::at(Duration::from_secs(secs))
    }

    #[test]
    fn a_process_that_was_followed_by_another_is_not_heard_again() {
        let mut nodes = Nodes::new(at(0), Duration::from_secs(3));
        assert_eq!(nodes.check(at(1), &report(7, "h:1")), Ok(Heard::First));
        nodes.hear(at(1), report(7, "h:1"));
        assert_eq!(nodes.check(at(2), &report(7, "h:1")), Ok(Heard::Again));
        assert_eq!(nodes.check(at(2), &report(8, "h:1")), Ok(Heard::Restarted));
        nodes.hear(at(2), report(8, "h:1"));
        assert_eq!(nodes.check(at(5), &report(7, "h:1")), Err(Rejected::Over(NodeId::new("a"))));
        assert_eq!(nodes.check(at(6), &report(7, "h:1")), Ok(Heard::Restarted), "then it was the other report that was late");
    }

    #[test]
    fn a_second_process_elsewhere_does_not_push_out_one_that_lives() {
        let mut nodes = Nodes::new(at(0), Duration::from_secs(3));
        nodes.hear(at(1), report(7, "h:1"));
        assert!(matches!(nodes.check(at(4), &report(8, "h:2")), Err(Rejected::Taken { address, .. }) if address == "h:1"));
        assert_eq!(nodes.check(at(5), &report(8, "h:2")), Ok(Heard::Restarted));
    }

    #[test]
    fn a_process_is_over_when_what_came_after_it_has_its_ballot_or_goes_on_reporting() {
        let partition = PartitionId { table: types::id::TableId(1), index: 0 };
        let with = |incarnation, ballot| {
            let (prepared_ballot, prepared, committed) = (Ballot(1), types::id::Decree(5), types::id::Decree(5));
            let state = wire::rpc::ReplicaState::Waiting;
            let replica = ReplicaReport { partition, ballot: Ballot(ballot), prepared_ballot, prepared, committed, state, lease: None };
            NodeReport { replicas: vec![replica], ..report(incarnation, "h:1") }
        };
        let seat = Seat { node: NodeId::new("a"), incarnation: 7 };
        let mut nodes = Nodes::new(at(0), Duration::from_secs(3));
        assert!(!nodes.over(&seat, partition, Ballot(4)), "nothing is known");
        nodes.hear(at(1), with(6, 3));
        assert!(!nodes.over(&seat, partition, Ballot(4)), "perhaps a late word of the process before");
        nodes.hear(at(3), with(6, 3));
        assert!(!nodes.over(&seat, partition, Ballot(4)));
        nodes.hear(at(4), with(6, 3));
        assert!(nodes.over(&seat, partition, Ballot(4)), "it lives");
        nodes.hear(at(5), with(7, 4));
        assert!(!nodes.over(&seat, partition, Ballot(4)));
        nodes.hear(at(6), with(8, 4));
        assert!(nodes.over(&seat, partition, Ballot(4)), "it has the ballot");
        assert!(!nodes.over(&seat, partition, Ballot(5)));
    }

    #[test]
    fn a_node_lives_while_it_reports() {
        let mut nodes = Nodes::new(at(0), Duration::from_secs(3));
        let a = NodeId::new("a");
        assert!(!nodes.alive(at(0), &a));
        nodes.hear(at(1), report(7, "h:1"));
        assert!(nodes.alive(at(4), &a));
        assert!(!nodes.alive(at(5), &a));
        assert_eq!((nodes.silent(at(5), &a), nodes.silent(at(5), &NodeId::new("b"))), (Duration::from_secs(4), Duration::from_secs(5)));
    }
}
