//! Protobuf to ours: everything is checked, and each node's name is allocated once per message.

use std::collections::HashMap;
use std::time::Duration;

use pacifica::message::Change;
use types::group::{GroupConfig, TableRouting};
use types::id::{Ballot, Decree, NodeId, PartitionId, TableId};
use types::slot::SLOTS;

use crate::error::DecodeError;
use crate::proto::cluster as proto;
use crate::rpc::{
    Assignment, ChangeRequest, ClusterView, Duty, LearnFile, LearnPlan, LearnSource, NodeReport, NodeView, PartitionView, ReplicaReport,
    ReplicaState, Suggestion, TableView,
};

/// Decodes one message, remembering the names it met.
pub(super) struct Names {
    message: &'static str,
    known: HashMap<String, NodeId>,
}

impl Names {
    pub(super) fn of(message: &'static str) -> Names {
        Names { message, known: HashMap::new() }
    }

    pub(super) fn node_report(&mut self, report: proto::NodeReport) -> Result<NodeReport, DecodeError> {
        Ok(NodeReport {
            node: self.node(report.node)?,
            address: report.address,
            zone: report.zone,
            incarnation: report.incarnation,
            replicas: report.replicas.into_iter().map(replica_report).collect(),
        })
    }

    pub(super) fn assignments(&mut self, list: proto::Assignments) -> Result<Vec<Assignment>, DecodeError> {
        list.assignments.into_iter().map(|assignment| self.assignment(assignment)).collect()
    }

    pub(super) fn table_routing(&mut self, routing: proto::TableRouting) -> Result<TableRouting, DecodeError> {
        // An empty table would have no partition for any slot.
        self.partition_count(routing.partitions.len())?;
        Ok(TableRouting {
            table: TableId(routing.table),
            name: routing.name,
            version: routing.version,
            partitions: routing.partitions.into_iter().map(|config| self.group_config(config)).collect::<Result<_, _>>()?,
            addresses: self.addresses(routing.addresses)?,
        })
    }

    pub(super) fn cluster_view(&mut self, view: proto::ClusterView) -> Result<ClusterView, DecodeError> {
        Ok(ClusterView {
            nodes: view.nodes.into_iter().map(|node| self.node_view(node)).collect::<Result<_, _>>()?,
            tables: view.tables.into_iter().map(table_view).collect(),
            partitions: view.partitions.into_iter().map(|partition| self.partition_view(partition)).collect::<Result<_, _>>()?,
            frozen: view.frozen,
        })
    }

    pub(super) fn change_request(&mut self, request: proto::ChangeRequest) -> Result<ChangeRequest, DecodeError> {
        let change = match request.change.ok_or(DecodeError::Unknown("change of a group"))? {
            proto::Change::Remove(node) => Change::Remove(self.node(node)?),
            proto::Change::Add(added) => Change::Add { node: self.node(added.node)?, life: added.life },
            proto::Change::TakeOver(_) => Change::TakeOver,
            proto::Change::HandOver(to) => Change::HandOver(self.node(to)?),
        };
        Ok(ChangeRequest {
            partition: request.partition.into(),
            node: self.node(request.node)?,
            incarnation: request.incarnation,
            ballot: Ballot(request.ballot),
            change,
        })
    }

    pub(super) fn learn_plan(&self, plan: proto::LearnPlan) -> Result<LearnPlan, DecodeError> {
        let source = match plan.source {
            1 => LearnSource::Memory,
            2 => LearnSource::Log,
            3 => LearnSource::Checkpoint,
            _ => return Err(DecodeError::Unknown("source of a learner's plan")),
        };
        if plan.files.is_empty() || plan.files.len() > FILES_MAX {
            return Err(self.malformed("a plan of no or too many files"));
        }
        if !plan.files.iter().all(|file| file.name.split('/').all(is_component)) {
            return Err(self.malformed("a file whose name leads out of its directory"));
        }
        let mut names: Vec<&str> = plan.files.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.malformed("two files of one name"));
        }
        let files = plan.files.into_iter().map(|file| LearnFile { name: file.name, bytes: file.bytes });
        Ok(LearnPlan { session: plan.session, source, decree: Decree(plan.decree), files: files.collect() })
    }

    pub(super) fn assignment(&mut self, a: proto::Assignment) -> Result<Assignment, DecodeError> {
        self.partition_count(a.partition_count as usize)?;
        if a.partition.index >= a.partition_count {
            return Err(self.malformed("a partition its table does not have"));
        }
        Ok(Assignment {
            partition: a.partition.into(),
            partition_count: a.partition_count,
            config: self.group_config(a.config)?,
            addresses: self.addresses(a.addresses)?,
            duty: match a.duty {
                0 => Duty::Member,
                1 => Duty::Learner,
                2 => Duty::Discard,
                // Also what a newer meta server says that this version does not know: nothing is done about it.
                _ => Duty::Bystander,
            },
            replicas: a.replicas,
            suggestion: match a.suggestion {
                Some(proto::Suggestion::HandOver(to)) => Some(Suggestion::HandOver(self.node(to)?)),
                Some(proto::Suggestion::Remove(node)) => Some(Suggestion::Remove(self.node(node)?)),
                Some(proto::Suggestion::TakeOver(_)) => Some(Suggestion::TakeOver),
                None => None,
            },
        })
    }

    pub(super) fn group_config(&mut self, config: proto::GroupConfig) -> Result<GroupConfig, DecodeError> {
        let primary = if config.primary.is_empty() { None } else { Some(self.node(config.primary)?) };
        let secondaries: Vec<NodeId> = config.secondaries.into_iter().map(|name| self.node(name)).collect::<Result<_, _>>()?;
        if secondaries.len() > MEMBERS_MAX {
            return Err(self.malformed("a group with too many members"));
        }
        let twice = |(index, node)| primary.as_ref() == Some(node) || secondaries[..index].contains(node);
        if secondaries.iter().enumerate().any(twice) {
            return Err(self.malformed("a group with a member twice"));
        }
        Ok(GroupConfig { ballot: Ballot(config.ballot), primary, secondaries })
    }

    fn partition_view(&mut self, view: proto::PartitionView) -> Result<PartitionView, DecodeError> {
        let member = |member: proto::MemberReport| Ok((self.node(member.node)?, replica_report(member.report)));
        let replicas = view.replicas.into_iter().map(member).collect::<Result<_, _>>()?;
        Ok(PartitionView { partition: view.partition.into(), config: self.group_config(view.config)?, replicas, waits: view.waits })
    }

    fn node_view(&mut self, view: proto::NodeView) -> Result<NodeView, DecodeError> {
        Ok(NodeView {
            node: self.node(view.node)?,
            address: view.address,
            zone: view.zone,
            alive: view.alive,
            silent: Duration::from_micros(view.silent_us),
            draining: view.draining,
            primaries: view.primaries,
            secondaries: view.secondaries,
        })
    }

    fn addresses(&mut self, list: Vec<proto::NodeAddress>) -> Result<Vec<(NodeId, String)>, DecodeError> {
        list.into_iter().map(|entry| Ok((self.node(entry.node)?, entry.address))).collect()
    }

    pub(super) fn node(&mut self, name: String) -> Result<NodeId, DecodeError> {
        if name.is_empty() || name.len() > NAME_MAX {
            return Err(self.malformed("a node without a name or with too long a one"));
        }
        Ok(self.known.entry(name).or_insert_with_key(|name| NodeId::new(name)).clone())
    }

    fn partition_count(&self, count: usize) -> Result<(), DecodeError> {
        if (1..=usize::from(SLOTS)).contains(&count) { Ok(()) } else { Err(self.malformed("a table of no or too many partitions")) }
    }

    fn malformed(&self, fault: &'static str) -> DecodeError {
        DecodeError::Malformed { message: self.message, fault }
    }
}

impl From<proto::PartitionId> for PartitionId {
    fn from(partition: proto::PartitionId) -> PartitionId {
        PartitionId { table: TableId(partition.table), index: partition.index }
    }
}

fn replica_report(report: proto::ReplicaReport) -> ReplicaReport {
    ReplicaReport {
        partition: report.partition.into(),
        ballot: Ballot(report.ballot),
        prepared_ballot: Ballot(report.prepared_ballot),
        prepared: Decree(report.prepared),
        committed: Decree(report.committed),
        state: match report.state {
            1 => ReplicaState::Waiting,
            2 => ReplicaState::Reconciling,
            3 => ReplicaState::Primary,
            4 => ReplicaState::Secondary,
            6 => ReplicaState::Learner,
            // Also what a newer node says that this version does not know: nothing may be decided on it.
            _ => ReplicaState::Failed,
        },
        lease: report.lease_us.map(Duration::from_micros),
    }
}

fn table_view(view: proto::TableView) -> TableView {
    TableView { table: TableId(view.table), name: view.name, partitions: view.partitions, replicas: view.replicas, healthy: view.healthy }
}

/// Whether a name stays in the directory it is joined to.
fn is_component(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && name != "." && name != ".." && !name.contains(['/', '\0'])
}

/// Files of a learner's plan: more than a store has; keeps a small frame from making much of nothing.
const FILES_MAX: usize = 1 << 20;
/// Bytes of a name, of a node or a file.
const NAME_MAX: usize = 256;
/// Members of a group; keeps the search for doubles short.
const MEMBERS_MAX: usize = 64;
