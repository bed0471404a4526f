//! Who leads a group after a member restarted. Membership is given; only the primary is chosen here.
//!
//! A process that restarted has forgotten what it had not synced, so it must not go on under the ballot it served in: a ballot
//! belongs to lives of processes, not to nodes. There are two cases.
//!
//! ```text
//! a secondary restarted:   ballot b, primary P ───────────────────────────▶ ballot b+1, primary P
//! the primary restarted:   ballot b, primary P ──▶ ballot b+1, no primary ──▶ ballot b+2, primary Q
//!                                                  └ sealed: all members have b+1 on disk
//! ```
//! A primary that lives on has everything it ever prepared, so it stays (after all members are back: it could not commit anyway).
//! When the primary is gone, members may still be taking in its last prepares, and what they reported may be a second old. So the
//! group is *sealed* first: a member that has a higher ballot on its disk accepts nothing of a lower one, and a report that names
//! that ballot is final. Then the member with the newest last mutation leads: whatever was acknowledged was on every
//! member, so it is on this one as long as one member kept it. A new group begins sealed, at ballot 0.

use types::id::{Ballot, Decree, NodeId};

/// One member of the group, as far as the meta server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The node.
    pub node: NodeId,
    /// Whether it reported lately.
    pub alive: bool,
    /// Whether it restarted since the current ballot was issued.
    pub restarted: bool,
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
    /// Whether it can take no part.
    pub failed: bool,
}

/// What to do with a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: it is as it should be.
    Keep,
    /// Ballot + 1 without a primary, so that every member's state becomes final.
    Seal,
    /// Ballot + 1 with this primary.
    Appoint(NodeId),
    /// Nothing, until this has changed.
    Wait(Vec<Obstacle>),
}

/// What stands in the way of a group's next ballot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A member does not report.
    #[error("{0} does not report")]
    Silent(NodeId),
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

/// Decides about one group: its `ballot` and `primary` as recorded, and what is known of its members, in the order in which they
/// should lead if there is nothing else between them.
pub fn decide(ballot: Ballot, primary: Option<&NodeId>, members: &[Member]) -> Decision {
    if primary.is_some() && members.iter().all(|m| !m.restarted) {
        return Decision::Keep;
    }
    let ahead: Vec<Obstacle> = members.iter().filter_map(|m| ahead(m, ballot)).collect();
    if !ahead.is_empty() {
        return Decision::Wait(ahead);
    }
    match primary {
        Some(primary) if members.iter().any(|m| m.node == *primary && m.restarted) => Decision::Seal,
        Some(primary) => {
            let obstacles: Vec<Obstacle> = members.iter().filter_map(unfit).collect();
            if obstacles.is_empty() { Decision::Appoint(primary.clone()) } else { Decision::Wait(obstacles) }
        }
        None => {
            let obstacles: Vec<Obstacle> = members.iter().filter_map(|m| unfit(m).or_else(|| unsealed(m, ballot))).collect();
            if obstacles.is_empty() { best(members) } else { Decision::Wait(obstacles) }
        }
    }
}

/// The member of a sealed group with the newest last mutation; the earliest in the list between equals.
fn best(members: &[Member]) -> Decision {
    let copies = || members.iter().filter_map(|m| m.copy.map(|copy| (m, copy)));
    // Of equals `max_by_key` takes the last, so the list is read backwards.
    let newest = copies().collect::<Vec<_>>().into_iter().rev().max_by_key(|(_, copy)| (copy.prepared_ballot, copy.prepared));
    let Some((leader, newest)) = newest else { return Decision::Wait(Vec::new()) };
    let lost: Vec<Obstacle> = copies()
        .filter(|(_, copy)| copy.committed > newest.prepared)
        .map(|(m, copy)| Obstacle::Lost { node: m.node.clone(), committed: copy.committed, prepared: newest.prepared })
        .collect();
    if lost.is_empty() { Decision::Appoint(leader.node.clone()) } else { Decision::Wait(lost) }
}

fn ahead(member: &Member, issued: Ballot) -> Option<Obstacle> {
    let ballot = member.copy?.ballot;
    (ballot > issued).then(|| Obstacle::Ahead { node: member.node.clone(), ballot })
}

fn unfit(member: &Member) -> Option<Obstacle> {
    let node = || member.node.clone();
    match member.copy {
        _ if !member.alive => Some(Obstacle::Silent(node())),
        None => Some(Obstacle::NoCopy(node())),
        Some(copy) if copy.failed => Some(Obstacle::Failed(node())),
        Some(_) => None,
    }
}

fn unsealed(member: &Member, ballot: Ballot) -> Option<Obstacle> {
    member.copy.is_none_or(|copy| copy.ballot < ballot).then(|| Obstacle::Unsealed(member.node.clone()))
}

#[cfg(test)]
mod tests;
