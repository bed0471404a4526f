//! What members of one group say to each other.

use bytes::Bytes;
use types::id::{Ballot, Decree};

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

/// A message between two members of a group. Messages may be lost, doubled, delayed and overtake each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Primary to secondary: put these (consecutive decrees) on your log; everything through `committed` is committed.
    Prepare {
        /// The primary's ballot.
        ballot: Ballot,
        /// The primary's commit point.
        committed: Decree,
        /// In decree order, without gaps. Empty: only the commit point (an idle primary's notice).
        mutations: Vec<Mutation>,
    },
    /// Secondary to primary: under `ballot`, everything through `upto` is on my stable storage.
    Prepared {
        /// The ballot of the prepares this answers.
        ballot: Ballot,
        /// Last decree of the unbroken run.
        upto: Decree,
    },
    /// Secondary to primary: I miss something; send from the decree after `upto`, or at least your commit point.
    Behind {
        /// The secondary's ballot.
        ballot: Ballot,
        /// Last decree the secondary has, though perhaps not on its disk. Past everything the primary prepared: the secondary's log has void
        /// records up to there, which keep its log from being trimmed until other mutations took their decrees.
        upto: Decree,
    },
    /// Either way: your ballot is superseded, mine is this.
    Superseded {
        /// The sender's ballot.
        ballot: Ballot,
    },
}

impl Message {
    /// The sender's ballot when it said this.
    pub fn ballot(&self) -> Ballot {
        match self {
            Message::Prepare { ballot, .. }
            | Message::Prepared { ballot, .. }
            | Message::Behind { ballot, .. }
            | Message::Superseded { ballot } => *ballot,
        }
    }
}
