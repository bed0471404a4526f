//! What nodes ask of each other, as the program sees it. Their bytes are in [`crate::frame`].
//!
//! | message | from, to | answered by |
//! |---|---|---|
//! | [`Execute`] | proxy or driver, replica node | [`Executed`] |
//! | [`Replicate`] | replica node, replica node | nothing: may be lost |
//! | [`ControlRequest`] | anyone, meta or replica node | [`ControlResponse`] |

use std::time::Duration;

use bytes::Bytes;
use pacifica::message::{Change, Message};
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
    /// Whether an earlier attempt may still arrive: what this one comes to is remembered even if it writes nothing.
    pub again: bool,
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
    /// It runs, over a state that is fixed now; its reply is long. The node that said so gives it out under this number, piece by piece
    /// ([`ControlRequest::ReplyPiece`]), as soon as it is complete.
    Long(u64),
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
    /// The group has fewer members than a write needs (`min_write_members`); reads go on. Nothing was done.
    TooFewMembers,
    /// A read with a long reply among writes, or behind one: what comes before it in its partition was done, this was not. Ask for the
    /// first such call in a request of its own, then for those behind it, under other numbers.
    Apart,
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
    /// Member of a group to meta: change the group, if it still is at this ballot. Answered by [`ControlResponse::Group`].
    /// Asked again it gives the same answer: a change that was carried out is not carried out twice.
    Change(ChangeRequest),
    /// Administrator to meta: let `to` lead the partition.
    MovePrimary {
        /// The partition.
        partition: PartitionId,
        /// A member, or any node if a member is to be had there first.
        to: NodeId,
    },
    /// Administrator to meta: make a copy of the partition on `node`.
    AddReplica {
        /// The partition.
        partition: PartitionId,
        /// Where.
        node: NodeId,
    },
    /// Administrator to meta: remove the copy on `node` from the group.
    RemoveReplica {
        /// The partition.
        partition: PartitionId,
        /// Which.
        node: NodeId,
    },
    /// Administrator to meta: let `node` lead nothing (`on`), or let it be as any other again.
    Drain {
        /// The node.
        node: NodeId,
        /// Begin or end.
        on: bool,
    },
    /// Administrator to meta: the guardian moves nothing any more (`on`). Groups still heal by what their members ask for.
    Freeze {
        /// Begin or end.
        on: bool,
    },
    /// Administrator to meta, last resort: `node`'s copy is the truth, without waiting for the other members. May lose writes.
    Force {
        /// The partition.
        partition: PartitionId,
        /// The copy to begin again from; `None`: the best of those that are there.
        node: Option<NodeId>,
    },
    /// Learner to primary's node: I have this; what is there to fetch? Answered by [`ControlResponse::LearnPlan`].
    LearnBegin {
        /// The partition.
        partition: PartitionId,
        /// The ballot under which the learner learns.
        ballot: Ballot,
        /// What the learner's store holds, on stable storage.
        applied: Decree,
        /// A session of an earlier attempt that broke off, to go on with it if the node still has it; 0 for none.
        session: u64,
    },
    /// Learner to primary's node: a piece of a file of the plan. Answered by [`ControlResponse::LearnChunk`].
    LearnFetch {
        /// From the plan.
        session: u64,
        /// Place in the plan's list.
        file: u32,
        /// First byte.
        offset: u64,
        /// Not more than this.
        bytes_max: u32,
    },
    /// Learner to primary's node: the session is over, its files may go.
    LearnEnd {
        /// From the plan.
        session: u64,
    },
    /// To a replica node: a piece of a long reply, see [`Outcome::Long`]. Answered by [`ControlResponse::ReplyPiece`] as soon as the reply is
    /// complete, or by `Refused` with the text of an error reply. Whoever asks for no bytes at all is answered at once; that the reply is
    /// still wanted has to be heard from time to time.
    ReplyPiece {
        /// Its number.
        reply: u64,
        /// First byte.
        offset: u64,
        /// Not more than this.
        bytes_max: u32,
    },
    /// To a replica node: this long reply is not needed any more.
    ReplyEnd {
        /// Its number.
        reply: u64,
    },
}

/// A change of a group, asked for by a member that may act under `ballot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    /// The group.
    pub partition: PartitionId,
    /// Who asks.
    pub node: NodeId,
    /// The life of its process.
    pub incarnation: u64,
    /// The configuration it knows: the change is carried out only if this is still the current one.
    pub ballot: Ballot,
    /// What it asks for.
    pub change: Change,
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
    /// Answer to `Change`: the group as it is now.
    Group {
        /// For the asker.
        assignment: Assignment,
        /// The change was not carried out although the ballot is the one it named, and never will be under it: why.
        refused: Option<String>,
    },
    /// Answer to `LearnBegin`.
    LearnPlan(LearnPlan),
    /// Answer to `LearnFetch`.
    LearnChunk {
        /// The bytes.
        bytes: Bytes,
        /// CRC-32C of them.
        crc: u32,
    },
    /// Answer to `ReplyPiece`.
    ReplyPiece {
        /// The bytes.
        bytes: Bytes,
        /// Length of the whole reply; 0 if it is not complete yet.
        total: u64,
    },
}

/// What a learner has to fetch before its primary can feed it from memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnPlan {
    /// Names the files at the node that made the plan.
    pub session: u64,
    /// What the files are.
    pub source: LearnSource,
    /// What the learner holds at least once it has installed them.
    pub decree: Decree,
    /// Each with its size.
    pub files: Vec<LearnFile>,
}

/// What the files of a plan are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearnSource {
    /// Nothing but the session table: the primary's memory reaches back far enough.
    Memory,
    /// Committed mutations from the log, in order, each as a record; then the session table.
    Log,
    /// A checkpoint of the store; then the session table.
    Checkpoint,
}

/// A file of a plan. The last one is always the session table. Pieces are checked on their way; what is in a file has checksums of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnFile {
    /// Its name within the copy: one path component.
    pub name: String,
    /// Its size.
    pub bytes: u64,
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
    /// Where the members (and who else is to be talked to) are: `host:port`.
    pub addresses: Vec<(NodeId, String)>,
    /// What the node is in this group.
    pub duty: Duty,
    /// Members the table wants in each group.
    pub replicas: u32,
    /// What the meta server would like the node to ask for.
    pub suggestion: Option<Suggestion>,
}

/// What a node is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Member of the configuration.
    Member,
    /// Not a member: it is to catch up with the primary, which then asks for it to be added.
    Learner,
    /// Neither, and what it holds of the partition is not needed any more.
    Discard,
    /// Neither; what it holds is to be kept for now.
    Bystander,
}

/// What the meta server would like a member to ask for: it never changes a group that has a primary by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// To the primary: hand over to this secondary.
    HandOver(NodeId),
    /// To the primary: remove this secondary.
    Remove(NodeId),
    /// To a secondary: the primary's process of this configuration is known to be over. Take over at once.
    TakeOver,
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
    /// Of a primary: how much longer it may serve if it heard from no secondary again; `None` for others and without secondaries.
    pub lease: Option<Duration>,
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
    /// Not a member yet: it is catching up.
    Learner,
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
    /// Whether the guardian moves nothing.
    pub frozen: bool,
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
    /// Whether it is to lead nothing.
    pub draining: bool,
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
    /// The newest report of each node that has a copy, member or not.
    pub replicas: Vec<(NodeId, ReplicaReport)>,
    /// What the group waits for, in words; empty if for nothing.
    pub waits: Vec<String>,
}
