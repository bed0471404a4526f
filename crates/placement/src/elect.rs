//! Who leads a group that nobody leads: it is new, or every process that had a place in it is over.
//!
//! A place in a group belongs to the life of a process: one that restarted has forgotten what it had not synced and what it had promised. While one
//! member lives in its place the group helps itself (a secondary takes over, a primary removes), and nothing is decided here. When none does:
//!
//! ```text
//!   ballot b, primary P ──▶ ballot b+1, no primary ──▶ ballot b+2, primary Q
//!                           └ sealed: all members have b+1 on disk
//! ```
//! The group is *sealed* first: a member that has a higher ballot on its disk accepts nothing of a lower one, and a report that names that ballot is
//! final. Then the member with the newest last mutation leads: whatever was acknowledged was on every member, so it is on this one as long as one
//! member kept it. Members that are silent are waited for: theirs may be the newest. A member whose new process says that it has no copy, or an
//! unusable one, has nothing to wait for. A new group begins sealed, at ballot 0, and needs all.
//!
//! An administrator may *force* what is there to be the truth: silent members are not waited for, and what only they had is lost.

use types::id::{Ballot, Decree, NodeId};

/// One member of the group, as far as the meta server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The node.
    pub node: NodeId,
    /// Whether it reported lately.
    pub alive: bool,
    /// Whether another process than the one that has the place reports.
    pub restarted: bool,
    /// Of one that restarted: whether it is certain that the process with the place is over. What an earlier process said may arrive late.
    pub certain: bool,
    /// Its copy, as last reported by its present process; `None` if it has none.
    pub copy: Option<Copy>,
}

/// One member's copy of the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// Ballot on its disk.
    pub ballot: Ballot,
    /// Ballot of its newest prepared mutation.
    pub prepared_ballot: Ballot,
    /// Last prepared decree.
    pub prepared: Decree,
    /// Last committed decree it knows of.
    pub committed: Decree,
    /// Whether it can take no part, under this ballot: it may have learned anew under a later one.
    pub failed: bool,
}

/// What to do with a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it is as it should be.
    Keep,
    /// Ballot + 1 without a primary, so that every member's state becomes final.
    Seal,
    /// Ballot + 1 with this primary, and these members (the primary among them) in the order of before.
    Appoint(NodeId, Vec<NodeId>),
    /// Nothing, until this has changed.
    Wait(Vec<Obstacle>),
}

/// What stands in the way of a group's next ballot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A member does not report.
    #[error("{0} does not report")]
    Silent(NodeId),
    /// What a member reports is from a process before the one that has its place.
    #[error("what {0} reports is of an earlier process than its last one")]
    Unsure(NodeId),
    /// A member reports, and has no copy. For a group that ever had a primary that means: its data is gone.
    #[error("{0} has no copy")]
    NoCopy(NodeId),
    /// A member's copy failed.
    #[error("the copy on {0} has failed")]
    Failed(NodeId),
    /// A member has not yet written down the ballot that seals the group.
    #[error("{0} has not taken up the ballot")]
    Unsealed(NodeId),
    /// A member has a ballot that was never issued: the meta server's state is older than the cluster, or not of it.
    #[error("{node} is at ballot {ballot}, which this meta server never issued")]
    Ahead {
        /// The member.
        node: NodeId,
        /// The ballot on its disk.
        ballot: Ballot,
    },
    /// The best copy there is lacks mutations that were committed. A person has to decide.
    #[error("decree {committed} was committed according to {node}, the best copy ends at {prepared}")]
    Lost {
        /// Who knows of the commit.
        node: NodeId,
        /// What it knows to be committed.
        committed: Decree,
        /// Where the best copy ends.
        prepared: Decree,
    },
}

/// An administrator's word that what is there is the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Force {
    /// The copy to begin again from; `None`: the best there is.
    pub from: Option<NodeId>,
}

/// Decides about one group: its `ballot` and `primary` as recorded, and what is known of its members, in the order in which they
/// should lead if there is nothing else between them.
pub fn decide(ballot: Ballot, primary: Option<&NodeId>, members: &[Member], force: Option<&Force>) -> Decision {
    let lives = |m: &Member| m.alive && !m.restarted && !m.copy.is_some_and(|copy| copy.failed && copy.ballot >= ballot);
    if primary.is_some() && members.iter().any(lives) {
        return Decision::Keep;
    }
    let ahead: Vec<Obstacle> = members.iter().filter_map(|m| ahead(m, ballot)).collect();
    if !ahead.is_empty() {
        return Decision::Wait(ahead);
    }
    let new = ballot == Ballot(0);
    // What is waited for: who may have something, and has not said what.
    let unheard = |m: &Member| match m {
        m if !m.alive => Some(Obstacle::Silent(m.node.clone())),
        m if m.restarted && !m.certain && !new => Some(Obstacle::Unsure(m.node.clone())),
        _ => None,
    };
    let unheard: Vec<Obstacle> = members.iter().filter_map(unheard).collect();
    if !unheard.is_empty() && force.is_none() {
        return Decision::Wait(unheard);
    }
    if primary.is_some() {
        return Decision::Seal;
    }
    let present = || members.iter().filter(|m| m.alive);
    let empty: Vec<Obstacle> = present().filter_map(|m| empty_handed(m, ballot)).collect();
    let fit: Vec<&Member> = present().filter(|m| empty_handed(m, ballot).is_none()).collect();
    if fit.is_empty() || new && !empty.is_empty() {
        return Decision::Wait(empty);
    }
    let unsealed: Vec<Obstacle> = fit.iter().filter_map(|m| unsealed(m, ballot)).collect();
    if !unsealed.is_empty() {
        return Decision::Wait(unsealed);
    }
    best(&fit, force)
}

/// The member with the newest last mutation; the earliest in the list between equals.
fn best(fit: &[&Member], force: Option<&Force>) -> Decision {
    let copies = || fit.iter().filter_map(|m| m.copy.map(|copy| (*m, copy)));
    let wished = force.and_then(|force| force.from.as_ref()).and_then(|node| copies().find(|(m, _)| m.node == *node));
    // Of equals `max_by_key` takes the last, so the list is read backwards.
    let newest = || copies().collect::<Vec<_>>().into_iter().rev().max_by_key(|(_, copy)| (copy.prepared_ballot, copy.prepared));
    let Some((leader, newest)) = wished.or_else(newest) else { return Decision::Wait(Vec::new()) };
    let lost: Vec<Obstacle> = copies()
        .filter(|(_, copy)| copy.committed > newest.prepared)
        .map(|(m, copy)| Obstacle::Lost { node: m.node.clone(), committed: copy.committed, prepared: newest.prepared })
        .collect();
    if lost.is_empty() || force.is_some() {
        Decision::Appoint(leader.node.clone(), fit.iter().map(|m| m.node.clone()).collect())
    } else {
        Decision::Wait(lost)
    }
}

fn ahead(member: &Member, issued: Ballot) -> Option<Obstacle> {
    let ballot = member.copy?.ballot;
    (ballot > issued).then(|| Obstacle::Ahead { node: member.node.clone(), ballot })
}

/// What is certain of a member that has nothing. A report of an older ballot may be late: the member may have learned since.
fn empty_handed(member: &Member, ballot: Ballot) -> Option<Obstacle> {
    match member.copy {
        None if member.restarted => Some(Obstacle::NoCopy(member.node.clone())),
        Some(copy) if copy.failed && copy.ballot >= ballot => Some(Obstacle::Failed(member.node.clone())),
        _ => None,
    }
}

fn unsealed(member: &Member, ballot: Ballot) -> Option<Obstacle> {
    member.copy.is_none_or(|copy| copy.ballot < ballot).then(|| Obstacle::Unsealed(member.node.clone()))
}

#[cfg(test)]
mod tests;
