//! Ours to protobuf: always possible.

use pacifica::message::Change;
use types::group::{GroupConfig, TableRouting};
use types::id::{NodeId, PartitionId};

use crate::proto::cluster as proto;
use crate::rpc::{
    Assignment, ChangeRequest, ClusterView, Duty, LearnFile, LearnPlan, LearnSource, NodeReport, NodeView, PartitionView, ReplicaReport,
    ReplicaState, Suggestion, TableView,
};

pub(super) fn assignments(assignments: &[Assignment]) -> proto::Assignments {
    proto::Assignments { assignments: assignments.iter().map(Into::into).collect() }
}

fn addresses(addresses: &[(NodeId, String)]) -> Vec<proto::NodeAddress> {
    addresses.iter().map(|(node, address)| proto::NodeAddress { node: node.name().to_owned(), address: address.clone() }).collect()
}

impl From<&Assignment> for proto::Assignment {
    fn from(a: &Assignment) -> proto::Assignment {
        proto::Assignment {
            partition: a.partition.into(),
            partition_count: a.partition_count,
            config: (&a.config).into(),
            addresses: addresses(&a.addresses),
            duty: match a.duty {
                Duty::Member => 0,
                Duty::Learner => 1,
                Duty::Discard => 2,
                Duty::Bystander => 3,
            },
            replicas: a.replicas,
            suggestion: a.suggestion.as_ref().map(|suggestion| match suggestion {
                Suggestion::HandOver(to) => proto::Suggestion::HandOver(to.name().to_owned()),
                Suggestion::Remove(node) => proto::Suggestion::Remove(node.name().to_owned()),
                Suggestion::TakeOver => proto::Suggestion::TakeOver(proto::Empty {}),
            }),
        }
    }
}

pub(super) fn place(partition: PartitionId, node: Option<&NodeId>) -> proto::Place {
    proto::Place { partition: partition.into(), node: node.map(|node| node.name().to_owned()).unwrap_or_default() }
}

impl From<&ChangeRequest> for proto::ChangeRequest {
    fn from(request: &ChangeRequest) -> proto::ChangeRequest {
        let change = match &request.change {
            Change::Remove(node) => proto::Change::Remove(node.name().to_owned()),
            Change::Add { node, life } => proto::Change::Add(proto::Added { node: node.name().to_owned(), life: *life }),
            Change::TakeOver => proto::Change::TakeOver(proto::Empty {}),
            Change::HandOver(to) => proto::Change::HandOver(to.name().to_owned()),
        };
        proto::ChangeRequest {
            partition: request.partition.into(),
            node: request.node.name().to_owned(),
            incarnation: request.incarnation,
            ballot: request.ballot.0,
            change: Some(change),
        }
    }
}

impl From<&LearnPlan> for proto::LearnPlan {
    fn from(plan: &LearnPlan) -> proto::LearnPlan {
        let file = |file: &LearnFile| proto::LearnFile { name: file.name.clone(), bytes: file.bytes };
        proto::LearnPlan {
            session: plan.session,
            source: match plan.source {
                LearnSource::Memory => 1,
                LearnSource::Log => 2,
                LearnSource::Checkpoint => 3,
            },
            decree: plan.decree.0,
            files: plan.files.iter().map(file).collect(),
        }
    }
}

impl From<PartitionId> for proto::PartitionId {
    fn from(partition: PartitionId) -> proto::PartitionId {
        proto::PartitionId { table: partition.table.0, index: partition.index }
    }
}

impl From<&GroupConfig> for proto::GroupConfig {
    fn from(config: &GroupConfig) -> proto::GroupConfig {
        proto::GroupConfig {
            ballot: config.ballot.0,
            primary: config.primary.as_ref().map(|node| node.name().to_owned()).unwrap_or_default(),
            secondaries: config.secondaries.iter().map(|node| node.name().to_owned()).collect(),
        }
    }
}

impl From<&TableRouting> for proto::TableRouting {
    fn from(routing: &TableRouting) -> proto::TableRouting {
        proto::TableRouting {
            table: routing.table.0,
            name: routing.name.clone(),
            version: routing.version,
            partitions: routing.partitions.iter().map(Into::into).collect(),
            addresses: addresses(&routing.addresses),
        }
    }
}

impl From<&NodeReport> for proto::NodeReport {
    fn from(report: &NodeReport) -> proto::NodeReport {
        proto::NodeReport {
            node: report.node.name().to_owned(),
            address: report.address.clone(),
            zone: report.zone.clone(),
            incarnation: report.incarnation,
            replicas: report.replicas.iter().map(Into::into).collect(),
        }
    }
}

impl From<&ReplicaReport> for proto::ReplicaReport {
    fn from(report: &ReplicaReport) -> proto::ReplicaReport {
        proto::ReplicaReport {
            partition: report.partition.into(),
            ballot: report.ballot.0,
            prepared_ballot: report.prepared_ballot.0,
            prepared: report.prepared.0,
            committed: report.committed.0,
            state: match report.state {
                ReplicaState::Waiting => 1,
                ReplicaState::Reconciling => 2,
                ReplicaState::Primary => 3,
                ReplicaState::Secondary => 4,
                ReplicaState::Failed => 5,
                ReplicaState::Learner => 6,
            },
            lease_us: report.lease.map(|lease| lease.as_micros() as u64),
        }
    }
}

impl From<&ClusterView> for proto::ClusterView {
    fn from(view: &ClusterView) -> proto::ClusterView {
        proto::ClusterView {
            nodes: view.nodes.iter().map(Into::into).collect(),
            tables: view.tables.iter().map(Into::into).collect(),
            partitions: view.partitions.iter().map(Into::into).collect(),
            frozen: view.frozen,
        }
    }
}

impl From<&NodeView> for proto::NodeView {
    fn from(view: &NodeView) -> proto::NodeView {
        proto::NodeView {
            node: view.node.name().to_owned(),
            address: view.address.clone(),
            zone: view.zone.clone(),
            alive: view.alive,
            silent_us: view.silent.as_micros() as u64,
            draining: view.draining,
            primaries: view.primaries,
            secondaries: view.secondaries,
        }
    }
}

impl From<&TableView> for proto::TableView {
    fn from(view: &TableView) -> proto::TableView {
        proto::TableView {
            table: view.table.0,
            name: view.name.clone(),
            partitions: view.partitions,
            replicas: view.replicas,
            healthy: view.healthy,
        }
    }
}

impl From<&PartitionView> for proto::PartitionView {
    fn from(view: &PartitionView) -> proto::PartitionView {
        let member = |(node, report): &(NodeId, ReplicaReport)| proto::MemberReport { node: node.name().to_owned(), report: report.into() };
        proto::PartitionView {
            partition: view.partition.into(),
            config: (&view.config).into(),
            replicas: view.replicas.iter().map(member).collect(),
            waits: view.waits.clone(),
        }
    }
}
