//! What nodes reported since this meta server started. In memory only: whoever lives reports again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use pacifica::mutant;
use types::id::{NodeId, PartitionId};
use types::time::Time;
use wire::rpc::{NodeReport, ReplicaReport};

use crate::cluster::Seat;

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
    at: Time,
    address: String,
    replicas: HashMap<PartitionId, ReplicaReport>,
}

/// Why a report does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It is late.
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
        // One whose directory was emptied and whose clock is behind has a smaller number, too: it is heard when no other is.
        if self.alive(now, &report.node) {
            if report.incarnation < seen.incarnation {
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
        let replicas = report.replicas.into_iter().map(|replica| (replica.partition, replica)).collect();
        let seen = Seen { incarnation: report.incarnation, at: now, address: report.address, replicas };
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

    /// Whether the process that has `seat` is certain to be over: a later one reported. That another one did is not enough, for what an earlier one said
    /// may arrive at any time.
    pub(crate) fn over(&self, seat: &Seat) -> bool {
        self.seen
            .get(&seat.node)
            .is_some_and(|seen| seen.incarnation > seat.incarnation || mutant!(LateReportCounts) && seen.incarnation != seat.incarnation)
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
        assert_eq!(nodes.check(at(6), &report(7, "h:1")), Ok(Heard::Restarted), "nobody else is there");
    }

    #[test]
    fn a_second_process_elsewhere_does_not_push_out_one_that_lives() {
        let mut nodes = Nodes::new(at(0), Duration::from_secs(3));
        nodes.hear(at(1), report(7, "h:1"));
        assert!(matches!(nodes.check(at(4), &report(8, "h:2")), Err(Rejected::Taken { address, .. }) if address == "h:1"));
        assert_eq!(nodes.check(at(5), &report(8, "h:2")), Ok(Heard::Restarted));
    }

    #[test]
    fn a_process_is_over_when_a_later_one_reported_whatever_comes_late() {
        let seat = Seat { node: NodeId::new("a"), incarnation: 7 };
        let mut nodes = Nodes::new(at(0), Duration::from_secs(3));
        assert!(!nodes.over(&seat), "nothing is known");
        for late in 1..20 {
            nodes.hear(at(late), report(6, "h:1"));
            assert!(!nodes.over(&seat), "a process before it, however often");
        }
        nodes.hear(at(20), report(7, "h:1"));
        assert!(!nodes.over(&seat));
        nodes.hear(at(21), report(8, "h:1"));
        assert!(nodes.over(&seat));
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
