//! What must hold after every step, of one replica and of a group: asserted by every replica, checked by simulators.
//!
//! Not here: agreement (no two replicas apply different mutations under one decree), which needs the mutations themselves.

use types::id::{Ballot, Decree};

use crate::replica::Role;

/// The cursors of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What it is.
    pub role: Role,
    /// Ballot adopted last.
    pub ballot: Ballot,
    /// Given out to be applied.
    pub applied: Decree,
    /// Known to be committed.
    pub committed: Decree,
    /// In force under the ballot and on stable storage.
    pub held: Decree,
    /// In force.
    pub prepared: Decree,
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Something is applied that is not committed, or committed and kept back.
    #[error("applied {applied} is not committed {committed}")]
    Applied {
        /// Given out to be applied.
        applied: Decree,
        /// Known to be committed.
        committed: Decree,
    },
    /// Something is committed that is not on this disk.
    #[error("committed {committed} is past held {held}")]
    Committed {
        /// Known to be committed.
        committed: Decree,
        /// On stable storage.
        held: Decree,
    },
    /// Something is on the disk and not in the prepare list.
    #[error("held {held} is past prepared {prepared}")]
    Held {
        /// On stable storage.
        held: Decree,
        /// In force.
        prepared: Decree,
    },
    /// A ballot went down.
    #[error("ballot {now} after {before}")]
    BallotDown {
        /// It was.
        before: Ballot,
        /// It is.
        now: Ballot,
    },
    /// A commit point went back.
    #[error("committed {now} after {before}")]
    CommittedBack {
        /// It was.
        before: Decree,
        /// It is.
        now: Decree,
    },
    /// Something that this replica vouched for is gone, without a change of ballot.
    #[error("held {now} after {before} under one ballot")]
    HeldBack {
        /// It was.
        before: Decree,
        /// It is.
        now: Decree,
    },
    /// A primary committed what a member does not hold, or a secondary knows more committed than its primary.
    #[error("committed: {secondary} at a secondary, {primary} at its primary, which holds through {prepared}")]
    Commit {
        /// The secondary's commit point.
        secondary: Decree,
        /// The primary's.
        primary: Decree,
        /// What the member in question holds.
        prepared: Decree,
    },
    /// Two replicas serve under one ballot.
    #[error("two primaries under ballot {0}")]
    TwoPrimaries(Ballot),
}

/// Of one replica, after every step: `applied = committed <= held <= prepared`.
///
/// # Errors
/// What is broken.
pub fn local(standing: &Standing) -> Result<(), Broken> {
    let Standing { applied, committed, held, prepared, .. } = *standing;
    if applied != committed {
        return Err(Broken::Applied { applied, committed });
    }
    if committed > held {
        return Err(Broken::Committed { committed, held });
    }
    if held > prepared {
        return Err(Broken::Held { held, prepared });
    }
    Ok(())
}

/// Of one replica, from one step to the next: neither ballot nor commit point go back, nor what it vouched for under one ballot.
///
/// # Errors
/// What is broken.
pub fn forward(before: &Standing, now: &Standing) -> Result<(), Broken> {
    if now.ballot < before.ballot {
        return Err(Broken::BallotDown { before: before.ballot, now: now.ballot });
    }
    if now.committed < before.committed {
        return Err(Broken::CommittedBack { before: before.committed, now: now.committed });
    }
    if now.ballot == before.ballot && now.held < before.held {
        return Err(Broken::HeldBack { before: before.held, now: now.held });
    }
    Ok(())
}

/// The commit invariant: under the primary's ballot, `committed(secondary) <= committed(primary) <= held(every member)`.
/// Before the primary serves (its commit point may lag what its predecessor committed) and for members of another ballot it says nothing.
///
/// # Errors
/// What is broken.
pub fn commit_invariant(primary: &Standing, secondary: &Standing) -> Result<(), Broken> {
    if primary.role != Role::Primary || secondary.role != Role::Secondary || primary.ballot != secondary.ballot {
        return Ok(());
    }
    if secondary.committed > primary.committed || primary.committed > secondary.held {
        return Err(Broken::Commit { secondary: secondary.committed, primary: primary.committed, prepared: secondary.held });
    }
    Ok(())
}

/// The primary invariant as far as ballots carry it (leases come on top): one replica at most is primary under a ballot.
///
/// # Errors
/// What is broken.
pub fn primary_invariant<'a>(group: impl IntoIterator<Item = &'a Standing>) -> Result<(), Broken> {
    let mut seen = Vec::new();
    for standing in group {
        if matches!(standing.role, Role::Primary | Role::Reconciling) {
            if seen.contains(&standing.ballot) {
                return Err(Broken::TwoPrimaries(standing.ballot));
            }
            seen.push(standing.ballot);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(role: Role, ballot: u64, [applied, committed, held, prepared]: [u64; 4]) -> Standing {
        let [applied, committed, held, prepared] = [applied, committed, held, prepared].map(Decree);
        Standing { role, ballot: Ballot(ballot), applied, committed, held, prepared }
    }

    #[test]
    fn cursors_stand_in_order() {
        let broken = |cursors| local(&standing(Role::Secondary, 1, cursors)).err();
        assert_eq!(broken([2, 2, 3, 4]), None);
        assert!(matches!(broken([3, 2, 3, 4]), Some(Broken::Applied { .. })));
        assert!(matches!(broken([1, 2, 3, 4]), Some(Broken::Applied { .. })));
        assert!(matches!(broken([4, 4, 3, 4]), Some(Broken::Committed { .. })));
        assert!(matches!(broken([2, 2, 5, 4]), Some(Broken::Held { .. })));
    }

    #[test]
    fn nothing_goes_back() {
        let before = standing(Role::Primary, 2, [3, 3, 5, 5]);
        let broken = |ballot, cursors| forward(&before, &standing(Role::Primary, ballot, cursors)).err();
        assert_eq!(broken(2, [3, 3, 5, 5]), None);
        assert_eq!(broken(3, [3, 3, 3, 5]), None);
        assert!(matches!(broken(1, [3, 3, 5, 5]), Some(Broken::BallotDown { .. })));
        assert!(matches!(broken(3, [2, 2, 5, 5]), Some(Broken::CommittedBack { .. })));
        assert!(matches!(broken(2, [3, 3, 4, 5]), Some(Broken::HeldBack { .. })));
    }

    #[test]
    fn a_primary_commits_what_all_hold_and_secondaries_follow() {
        let primary = standing(Role::Primary, 2, [5, 5, 6, 6]);
        let broken = |ballot, cursors| commit_invariant(&primary, &standing(Role::Secondary, ballot, cursors)).is_err();
        assert!(!broken(2, [4, 4, 5, 5]));
        assert!(broken(2, [4, 4, 4, 5]), "it does not hold 5");
        assert!(broken(2, [6, 6, 6, 6]), "it is ahead");
        assert!(!broken(1, [4, 4, 4, 5]), "of an older configuration");
    }

    #[test]
    fn a_ballot_has_one_primary() {
        let (a, b) = (standing(Role::Primary, 2, [0; 4]), standing(Role::Reconciling, 2, [0; 4]));
        assert_eq!(primary_invariant([&a, &b]), Err(Broken::TwoPrimaries(Ballot(2))));
        assert_eq!(primary_invariant([&a, &standing(Role::Primary, 3, [0; 4])]), Ok(()));
    }
}
