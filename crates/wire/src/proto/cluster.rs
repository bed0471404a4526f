//! Control requests and answers.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ControlRequest {
    /// How long the asker waits.
    #[prost(uint64, tag = "1")]
    pub(crate) patience_us: u64,
    #[prost(oneof = "Question", tags = "2, 3, 4, 5, 6, 7")]
    pub(crate) question: Option<Question>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Question {
    #[prost(message, tag = "2")]
    Ping(Empty),
    #[prost(message, tag = "3")]
    Report(NodeReport),
    #[prost(message, tag = "4")]
    Route(Route),
    #[prost(message, tag = "5")]
    CreateTable(CreateTable),
    #[prost(message, tag = "6")]
    Cluster(Empty),
    #[prost(message, tag = "7")]
    Configure(Assignments),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ControlResponse {
    #[prost(oneof = "Answer", tags = "1, 2, 3, 4, 5, 6")]
    pub(crate) answer: Option<Answer>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Answer {
    #[prost(message, tag = "1")]
    Done(Empty),
    #[prost(message, tag = "2")]
    Assignments(Assignments),
    #[prost(message, tag = "3")]
    Routing(TableRouting),
    #[prost(message, tag = "4")]
    Unchanged(Empty),
    #[prost(message, tag = "5")]
    Cluster(ClusterView),
    #[prost(string, tag = "6")]
    Refused(String),
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Route {
    #[prost(string, tag = "1")]
    pub(crate) table: String,
    #[prost(uint64, tag = "2")]
    pub(crate) known: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateTable {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(uint32, tag = "2")]
    pub(crate) partitions: u32,
    #[prost(uint32, tag = "3")]
    pub(crate) replicas: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Assignments {
    #[prost(message, repeated, tag = "1")]
    pub(crate) assignments: Vec<Assignment>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Assignment {
    #[prost(message, required, tag = "1")]
    pub(crate) partition: PartitionId,
    #[prost(uint32, tag = "2")]
    pub(crate) partition_count: u32,
    #[prost(message, required, tag = "3")]
    pub(crate) config: GroupConfig,
    #[prost(message, repeated, tag = "4")]
    pub(crate) addresses: Vec<NodeAddress>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct PartitionId {
    #[prost(uint32, tag = "1")]
    pub(crate) table: u32,
    #[prost(uint32, tag = "2")]
    pub(crate) index: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GroupConfig {
    #[prost(uint64, tag = "1")]
    pub(crate) ballot: u64,
    /// Empty for none.
    #[prost(string, tag = "2")]
    pub(crate) primary: String,
    #[prost(string, repeated, tag = "3")]
    pub(crate) secondaries: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeAddress {
    #[prost(string, tag = "1")]
    pub(crate) node: String,
    #[prost(string, tag = "2")]
    pub(crate) address: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TableRouting {
    #[prost(uint32, tag = "1")]
    pub(crate) table: u32,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(uint64, tag = "3")]
    pub(crate) version: u64,
    #[prost(message, repeated, tag = "4")]
    pub(crate) partitions: Vec<GroupConfig>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) addresses: Vec<NodeAddress>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeReport {
    #[prost(string, tag = "1")]
    pub(crate) node: String,
    #[prost(string, tag = "2")]
    pub(crate) address: String,
    #[prost(string, tag = "3")]
    pub(crate) zone: String,
    #[prost(fixed64, tag = "4")]
    pub(crate) incarnation: u64,
    #[prost(message, repeated, tag = "5")]
    pub(crate) replicas: Vec<ReplicaReport>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ReplicaReport {
    #[prost(message, required, tag = "1")]
    pub(crate) partition: PartitionId,
    #[prost(uint64, tag = "2")]
    pub(crate) ballot: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) prepared_ballot: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) prepared: u64,
    #[prost(uint64, tag = "5")]
    pub(crate) committed: u64,
    #[prost(uint32, tag = "6")]
    pub(crate) state: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClusterView {
    #[prost(message, repeated, tag = "1")]
    pub(crate) nodes: Vec<NodeView>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) tables: Vec<TableView>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) partitions: Vec<PartitionView>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeView {
    #[prost(string, tag = "1")]
    pub(crate) node: String,
    #[prost(string, tag = "2")]
    pub(crate) address: String,
    #[prost(string, tag = "3")]
    pub(crate) zone: String,
    #[prost(bool, tag = "4")]
    pub(crate) alive: bool,
    #[prost(uint64, tag = "5")]
    pub(crate) silent_us: u64,
    #[prost(uint32, tag = "6")]
    pub(crate) primaries: u32,
    #[prost(uint32, tag = "7")]
    pub(crate) secondaries: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TableView {
    #[prost(uint32, tag = "1")]
    pub(crate) table: u32,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(uint32, tag = "3")]
    pub(crate) partitions: u32,
    #[prost(uint32, tag = "4")]
    pub(crate) replicas: u32,
    #[prost(uint32, tag = "5")]
    pub(crate) healthy: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PartitionView {
    #[prost(message, required, tag = "1")]
    pub(crate) partition: PartitionId,
    #[prost(message, required, tag = "2")]
    pub(crate) config: GroupConfig,
    #[prost(message, repeated, tag = "3")]
    pub(crate) replicas: Vec<MemberReport>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MemberReport {
    #[prost(string, tag = "1")]
    pub(crate) node: String,
    #[prost(message, required, tag = "2")]
    pub(crate) report: ReplicaReport,
}
