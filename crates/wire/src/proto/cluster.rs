//! Control requests and answers.

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ControlRequest {
    /// How long the asker waits.
    #[prost(uint64, tag = "1")]
    pub(crate) patience_us: u64,
    #[prost(oneof = "Question", tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19")]
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
    #[prost(message, tag = "8")]
    Change(ChangeRequest),
    #[prost(message, tag = "9")]
    MovePrimary(Place),
    #[prost(message, tag = "10")]
    AddReplica(Place),
    #[prost(message, tag = "11")]
    RemoveReplica(Place),
    #[prost(message, tag = "12")]
    Drain(Drain),
    #[prost(bool, tag = "13")]
    Freeze(bool),
    #[prost(message, tag = "14")]
    Force(Place),
    #[prost(message, tag = "15")]
    LearnBegin(LearnBegin),
    #[prost(message, tag = "16")]
    LearnFetch(LearnFetch),
    #[prost(fixed64, tag = "17")]
    LearnEnd(u64),
    #[prost(message, tag = "18")]
    ReplyPiece(ReplyPiece),
    #[prost(fixed64, tag = "19")]
    ReplyEnd(u64),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ChangeRequest {
    #[prost(message, required, tag = "1")]
    pub(crate) partition: PartitionId,
    #[prost(string, tag = "2")]
    pub(crate) node: String,
    #[prost(fixed64, tag = "3")]
    pub(crate) incarnation: u64,
    #[prost(uint64, tag = "4")]
    pub(crate) ballot: u64,
    #[prost(oneof = "Change", tags = "5, 6, 7, 8")]
    pub(crate) change: Option<Change>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Change {
    #[prost(string, tag = "5")]
    Remove(String),
    #[prost(message, tag = "6")]
    Add(Added),
    #[prost(message, tag = "7")]
    TakeOver(Empty),
    #[prost(string, tag = "8")]
    HandOver(String),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Added {
    #[prost(string, tag = "1")]
    pub(crate) node: String,
    #[prost(fixed64, tag = "2")]
    pub(crate) life: u64,
}

/// A partition on a node.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Place {
    #[prost(message, required, tag = "1")]
    pub(crate) partition: PartitionId,
    /// Empty for none.
    #[prost(string, tag = "2")]
    pub(crate) node: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Drain {
    #[prost(string, tag = "1")]
    pub(crate) node: String,
    #[prost(bool, tag = "2")]
    pub(crate) on: bool,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct LearnBegin {
    #[prost(message, required, tag = "1")]
    pub(crate) partition: PartitionId,
    #[prost(uint64, tag = "2")]
    pub(crate) ballot: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) applied: u64,
    #[prost(fixed64, tag = "4")]
    pub(crate) session: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct LearnFetch {
    #[prost(fixed64, tag = "1")]
    pub(crate) session: u64,
    #[prost(uint32, tag = "2")]
    pub(crate) file: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) offset: u64,
    #[prost(uint32, tag = "4")]
    pub(crate) bytes_max: u32,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct ReplyPiece {
    #[prost(fixed64, tag = "1")]
    pub(crate) reply: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) offset: u64,
    #[prost(uint32, tag = "3")]
    pub(crate) bytes_max: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ControlResponse {
    #[prost(oneof = "Answer", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
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
    #[prost(message, tag = "7")]
    Group(Group),
    #[prost(message, tag = "8")]
    LearnPlan(LearnPlan),
    /// CRC-32C of the bytes, which are the payload.
    #[prost(fixed32, tag = "9")]
    LearnChunk(u32),
    /// Length of the whole reply; the piece is the payload.
    #[prost(uint64, tag = "10")]
    ReplyPiece(u64),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Group {
    #[prost(message, required, tag = "1")]
    pub(crate) assignment: Assignment,
    #[prost(string, optional, tag = "2")]
    pub(crate) refused: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LearnPlan {
    #[prost(fixed64, tag = "1")]
    pub(crate) session: u64,
    /// 1: memory, 2: log, 3: checkpoint.
    #[prost(uint32, tag = "2")]
    pub(crate) source: u32,
    #[prost(uint64, tag = "3")]
    pub(crate) decree: u64,
    #[prost(message, repeated, tag = "4")]
    pub(crate) files: Vec<LearnFile>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LearnFile {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(uint64, tag = "2")]
    pub(crate) bytes: u64,
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
    /// 0: member (as older meta servers mean it), 1: learner, 2: discard, 3: bystander.
    #[prost(uint32, tag = "5")]
    pub(crate) duty: u32,
    #[prost(uint32, tag = "6")]
    pub(crate) replicas: u32,
    #[prost(oneof = "Suggestion", tags = "7, 8, 9")]
    pub(crate) suggestion: Option<Suggestion>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Suggestion {
    #[prost(string, tag = "7")]
    HandOver(String),
    #[prost(string, tag = "8")]
    Remove(String),
    #[prost(message, tag = "9")]
    TakeOver(Empty),
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
    #[prost(uint64, optional, tag = "7")]
    pub(crate) lease_us: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ClusterView {
    #[prost(message, repeated, tag = "1")]
    pub(crate) nodes: Vec<NodeView>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) tables: Vec<TableView>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) partitions: Vec<PartitionView>,
    #[prost(bool, tag = "4")]
    pub(crate) frozen: bool,
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
    #[prost(bool, tag = "8")]
    pub(crate) draining: bool,
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
    #[prost(string, repeated, tag = "4")]
    pub(crate) waits: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MemberReport {
    #[prost(string, tag = "1")]
    pub(crate) node: String,
    #[prost(message, required, tag = "2")]
    pub(crate) report: ReplicaReport,
}
