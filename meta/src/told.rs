//! What the log has been told, so that what lasts is said once.

use std::collections::BTreeMap;

use placement::elect::Obstacle;
use tracing::{info, warn};
use types::id::{NodeId, PartitionId};
use types::time::Time;
use wire::rpc::{NodeReport, ReplicaReport, ReplicaState};

use crate::cluster::Cluster;
use crate::nodes::Nodes;

/// What was said.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Nodes said to be silent.
    silent: Vec<NodeId>,
    /// What groups are said to wait for, with how many.
    waiting: BTreeMap<String, usize>,
    /// Why the first table is not made.
    bootstrap: Option<String>,
}

impl Told {
    /// Nodes that fell silent, and those that are back.
    pub(crate) fn silent(&mut self, now: Time, cluster: &Cluster, nodes: &Nodes) {
        let silent: Vec<NodeId> = cluster.nodes().map(|(id, _)| id).filter(|id| nodes.lost(now, id)).cloned().collect();
        for node in silent.iter().filter(|node| !self.silent.contains(node)) {
            warn!(%node, silent = ?nodes.silent(now, node), "node is silent");
        }
        for node in self.silent.iter().filter(|node| !silent.contains(node)) {
            info!(%node, "node reports again");
        }
        self.silent = silent;
    }

    /// Why groups have to wait. Said from tick to tick, so that what passes in between is not.
    pub(crate) fn waiting(&mut self, obstacles: &BTreeMap<PartitionId, Vec<Obstacle>>) {
        let mut waiting: BTreeMap<String, usize> = BTreeMap::new();
        for obstacles in obstacles.values() {
            let reasons: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
            *waiting.entry(reasons.join("; ")).or_default() += 1;
        }
        for (reason, groups) in waiting.iter().filter(|(reason, groups)| self.waiting.get(*reason) != Some(groups)) {
            warn!(groups, reason, "groups wait");
        }
        if waiting.is_empty() && !self.waiting.is_empty() {
            info!("no group waits any more");
        }
        self.waiting = waiting;
    }

    /// Why the first table is not made.
    pub(crate) fn bootstrap(&mut self, why: String) {
        if self.bootstrap.as_ref() != Some(&why) {
            warn!(reason = why, "the first table is not made");
            self.bootstrap = Some(why);
        }
    }

    /// Replicas that failed since the report before.
    pub(crate) fn failed(nodes: &Nodes, report: &NodeReport) {
        let before = nodes.seen(&report.node);
        let failed = |replica: &ReplicaReport| replica.state == ReplicaState::Failed;
        for replica in report.replicas.iter().filter(|replica| failed(replica)) {
            if !before.and_then(|seen| seen.replica(replica.partition)).is_some_and(failed) {
                warn!(node = %report.node, partition = %replica.partition, "replica failed");
            }
        }
    }
}
