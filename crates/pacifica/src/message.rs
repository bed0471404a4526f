//! What members of one group say to each other.

use bytes::Bytes;
use types::group::GroupConfig;
use types::id::{Ballot, Decree, NodeId};
use types::time::Time;

/// One entry of the replicated log of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// Ballot under which the primary prepared it (again, after a change of primary).
    pub ballot: Ballot,
    /// Its place.
    pub decree: Decree,
    /// What the primary had committed when it prepared this.
    pub committed: Decree,
    /// First mutation of a new primary, after it re-prepared what it found: prepared entries of lower ballots behind it are void.
    pub fence: bool,
    /// The physical writes; opaque here. Empty for a fence.
    pub body: Bytes,
}

/// A message between two members of a group, or a member and a learner. Messages may be lost, doubled, delayed and overtake each other.
///
/// `sent` is the sender's clock when it sent this, and means nothing to anybody else: the receiver gives the last one back as `heard`, and that is
/// a lease: the receiver will not ask to depose the sender before its grace has passed since it took in the message that said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Primary to secondary or learner: put these (consecutive decrees, one at least) on your log; everything through `committed` is committed.
    Prepare {
        /// The primary's ballot.
        ballot: Ballot,
        /// The primary's commit point.
        committed: Decree,
        /// The primary's clock.
        sent: Time,
        /// In decree order, without gaps.
        mutations: Vec<Mutation>,
    },
    /// Primary to secondary or learner, every so often, and when a commit point has not been carried by a prepare: I am here.
    Beacon {
        /// The primary's ballot.
        ballot: Ballot,
        /// The primary's commit point.
        committed: Decree,
        /// The primary's clock.
        sent: Time,
    },
    /// Secondary to primary, answering a beacon: the lease alone.
    Granted {
        /// The ballot of the beacon this answers.
        ballot: Ballot,
        /// The lease; zero: none yet.
        heard: Time,
    },
    /// Secondary or learner to primary: under `ballot`, everything through `upto` is on my stable storage.
    Prepared {
        /// The ballot of the prepares this answers.
        ballot: Ballot,
        /// Last decree of the unbroken run.
        upto: Decree,
        /// The lease; zero: none yet.
        heard: Time,
        /// Of a learner: its session, as in [`Message::Learn`], so that what it said in an earlier one is not taken for this one; 0 of a secondary.
        session: u64,
    },
    /// Secondary to primary: I miss something; send from the decree after `upto`, or at least your commit point.
    Behind {
        /// The secondary's ballot.
        ballot: Ballot,
        /// Last decree the secondary has, though perhaps not on its disk. Past everything the primary prepared: the secondary's log has void
        /// records up to there, which keep its log from being trimmed until other mutations took their decrees.
        upto: Decree,
        /// The lease; zero: none yet.
        heard: Time,
    },
    /// Learner to primary: I hold what is committed through `upto` and nothing else; feed me from there.
    Learn {
        /// The ballot under which it learns.
        ballot: Ballot,
        /// The life of its process: what it holds in memory ends with it, so a membership is given to a life.
        life: u64,
        /// New whenever the learner begins again: what it acknowledged before that, it may have given up.
        session: u64,
        /// What it holds.
        upto: Decree,
    },
    /// Primary to learner: my memory does not reach back that far. Fetch the log or a checkpoint first.
    TooFar {
        /// The primary's ballot.
        ballot: Ballot,
    },
    /// Member to anyone the configuration concerns: this is it now.
    Config {
        /// The configuration.
        config: GroupConfig,
        /// Life of the member that it adds, which is not meant in any other life; 0 if it adds none.
        life: u64,
    },
    /// Secondary to primary: I cannot follow under this ballot (my log and yours do not meet, my disk failed, or I am a process that was
    /// started after it was issued). Ask for my removal.
    Stranger {
        /// The ballot of what this answers.
        ballot: Ballot,
        /// A learner that acknowledged under this ballot what it cannot go on from: it may begin again only under another one.
        renew: bool,
    },
    /// Either way: your ballot is superseded, mine is this.
    Superseded {
        /// The sender's ballot.
        ballot: Ballot,
    },
}

/// A change of a group that a member asks the meta server for. Each makes the ballot one higher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// By the primary: without this secondary. Of one that is no member: the same members under a new ballot.
    Remove(NodeId),
    /// By the primary: with this learner as a secondary.
    Add {
        /// Which.
        node: NodeId,
        /// The life of the process that caught up.
        life: u64,
    },
    /// By a secondary: it becomes primary, without the present one.
    TakeOver,
    /// By the primary: this secondary becomes primary, the asker a secondary.
    HandOver(NodeId),
}

impl Message {
    /// The sender's ballot when it said this.
    pub fn ballot(&self) -> Ballot {
        match self {
            Message::Prepare { ballot, .. }
            | Message::Beacon { ballot, .. }
            | Message::Granted { ballot, .. }
            | Message::Prepared { ballot, .. }
            | Message::Behind { ballot, .. }
            | Message::Learn { ballot, .. }
            | Message::TooFar { ballot }
            | Message::Stranger { ballot, .. }
            | Message::Superseded { ballot } => *ballot,
            Message::Config { config, .. } => config.ballot,
        }
    }
}
