//! What nodes ask of each other, as the program sees it. Their bytes are in [`crate::frame`].
//!
//! | message | from, to | answered by |
//! |---|---|---|
//! | [`Execute`] | proxy or driver, replica node | [`Executed`] |
//! | [`Replicate`] | replica node, replica node | nothing: may be lost |
//! | [`ControlRequest`] | anyone, meta or replica node | [`ControlResponse`] |

use std::time::Duration;

use bytes::Bytes;
use pacifica::message::Message;
use types::group::{GroupConfig, TableRouting};
use types::id::{Ballot, Decree, NodeId, PartitionId, RequestId, TableId};
use types::txn::{Call, CommandId};

/// Commands for the partitions a node is primary of: one session's commands of one read, in the session's order.
#[derive(Debug, Clone)]
pub struct Execute {
    /// The table.
    pub table: TableId,
    /// Names the request to every partition it touches: a retry carries the same id and is applied once.
    pub request: RequestId,
    /// How long the caller will wait, counted from arrival. What has not begun by then is refused.
    pub patience: Duration,
    /// The commands with the index of their partition. Calls of one partition take effect in this order.
    pub calls: Vec<(u32, Call)>,
}

/// Stands for a command that the receiver of an [`Execute`] does not know. On the wire a command is its name.
pub const UNRESOLVED: CommandId = CommandId(u16::MAX);

/// What became of each call of an [`Execute`], in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Executed {
    /// One for each call.
    pub outcomes: Vec<Outcome>,
}

/// What became of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It ran; the reply in RESP, error replies included.
    Reply(Bytes),
    /// It did not run, or it is not known whether it did.
    Refused(Refusal),
}

/// Why a call has no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This node is not the partition's primary (any more): ask the meta server, try there. Nothing was done.
    NotPrimary,
    /// The group is being formed or reconciled: try again shortly. Nothing was done.
    NotReady,
    /// A queue is full: slow down, try again. Nothing was done.
    Busy,
    /// The disk is full: reads go on, writes are refused. Nothing was done.
    DiskFull,
    /// The command's writes exceed what one mutation may hold. Nothing was done.
    TooLarge,
    /// The node does not know the command (it is older or newer than the proxy). Nothing was done.
    UnknownCommand,
    /// The deadline passed before the call began. Nothing was done.
    Expired,
    /// The write was prepared, then the node lost its role or is closing: it may or may not take effect.
    Unknown,
}

/// Messages of groups that two nodes share, gathered into one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicate {
    /// The sender.
    pub from: NodeId,
    /// Each with its partition.
    pub messages: Vec<(PartitionId, Message)>,
}

/// A question off the hot path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlRequest {
    /// Is anybody there? Any node answers [`ControlResponse::Done`].
    Ping,
    /// Replica node to meta, at start and then periodically: this is what I am and have.
    Report(NodeReport),
    /// Anyone to meta: where is this table? Answered by [`ControlResponse::Routing`], or `Unchanged` if `known` is current.
    Route {
        /// The table's name.
        table: String,
        /// Version the asker has, 0 for none.
        known: u64,
    },
    /// Administrator to meta.
    CreateTable {
        /// Letters, digits, `_`, `.`, `:`.
        name: String,
        /// `1..=16384`.
        partitions: u32,
        /// Members of each group.
        replicas: u32,
    },
    /// Administrator to meta: all nodes, tables and partitions. Answered by [`ControlResponse::Cluster`].
    Cluster,
    /// Meta to replica node: these groups have a new configuration. The node also hears it as answer to its next report.
    Configure(Vec<Assignment>),
}

/// The answer to a [`ControlRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlResponse {
    /// Done, nothing to say.
    Done,
    /// Answer to a report: every group the node belongs to.
    Assignments(Vec<Assignment>),
    /// Answer to `Route`.
    Routing(TableRouting),
    /// The asker's routing table is current.
    Unchanged,
    /// Answer to `Cluster`.
    Cluster(ClusterView),
    /// A no, with the reason in words for a person.
    Refused(String),
}

/// One group a node belongs to, and what it needs to know to open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The partition.
    pub partition: PartitionId,
    /// Number of partitions of its table.
    pub partition_count: u32,
    /// Membership and ballot.
    pub config: GroupConfig,
    /// Where the other members are: `host:port`.
    pub addresses: Vec<(NodeId, String)>,
}

/// What a replica node tells the meta server about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    /// Its name.
    pub node: NodeId,
    /// Where it is reached: `host:port` of its RPC port.
    pub address: String,
    /// Its failure domain; empty if not told.
    pub zone: String,
    /// Random, new with every start of the process: a change tells the meta server that the node restarted.
    pub incarnation: u64,
    /// Every replica it holds.
    pub replicas: Vec<ReplicaReport>,
}

/// One replica as its node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaReport {
    /// The partition.
    pub partition: PartitionId,
    /// Ballot on its disk.
    pub ballot: Ballot,
    /// Ballot of its newest prepared mutation.
    pub prepared_ballot: Ballot,
    /// Last prepared decree, on stable storage.
    pub prepared: Decree,
    /// Last committed decree it knows of.
    pub committed: Decree,
    /// What it is doing.
    pub state: ReplicaState,
}

/// What a replica is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaState {
    /// It has recovered and waits for a configuration of this incarnation.
    Waiting,
    /// Primary, not serving yet: it is reconciling.
    Reconciling,
    /// Primary, serving.
    Primary,
    /// Secondary.
    Secondary,
    /// Its storage failed or is damaged: it takes no part.
    Failed,
}

/// The cluster as the meta server sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterView {
    /// All nodes ever seen.
    pub nodes: Vec<NodeView>,
    /// All tables.
    pub tables: Vec<TableView>,
    /// All partitions.
    pub partitions: Vec<PartitionView>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub node: NodeId,
    /// Its address.
    pub address: String,
    /// Its zone.
    pub zone: String,
    /// Whether it reported lately.
    pub alive: bool,
    /// Time since its last report.
    pub silent: Duration,
    /// Groups it is primary of.
    pub primaries: u32,
    /// Groups it is secondary of.
    pub secondaries: u32,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableView {
    /// Its id.
    pub table: TableId,
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: u32,
    /// Members wanted in each group.
    pub replicas: u32,
    /// Partitions whose primary serves with all members.
    pub healthy: u32,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionView {
    /// Its id.
    pub partition: PartitionId,
    /// Membership and ballot.
    pub config: GroupConfig,
    /// The newest report of each member that reported.
    pub replicas: Vec<(NodeId, ReplicaReport)>,
}
