//! Faults that a simulator plants on purpose, to see that it finds them. Without the feature `mutants` there are none.

use std::cell::Cell;

/// A planted fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A secondary acknowledges what it has received.
    AckBeforeSync,
    /// A majority is enough.
    CommitOnMajority,
    /// A secondary drops its suffix as soon as a new primary sends something else.
    TruncateOnConflict,
    /// A learner keeps what it prepared and was not committed.
    LearnerKeepsSuffix,
    /// Who adopted a later ballot goes on to grant its old primary.
    GrantAfterAdoption,
    /// A new primary serves before its fence is committed.
    ServeBeforeFence,
    /// A secondary is less patient than a lease is long.
    GraceBelowLease,
    /// A learner is proposed before it holds all that is committed.
    EarlyAdd,
    /// A learner that was proposed is not counted.
    AddedNotCounted,
    /// A learner whose addition was refused is forgotten at once.
    RefusedAddForgotten,
    /// A new primary removes its predecessor without waiting for the end of its lease.
    PredecessorRemovedAtOnce,
    /// A restarted replica acts under the ballot that it finds.
    ActAfterRestart,
    /// A restarted replica takes its configuration from its peers.
    ConfigFromPeers,
    /// A secondary goes on to grant leases while it may have deposed its primary.
    GrantWhileDeposing,
    /// A late completion is credited to the record that replaced the one it is for.
    SyncOfReplaced,
    /// Of the driver: a client is told that nothing was done when something may have been.
    DefiniteError,
    /// Of the driver: the end of a synced log is lost in a restart.
    LogTailDropped,
    /// Of the driver: the lease is looked at by a timer and not by every read.
    LeaseByTimer,
    /// Of the driver: leases are counted by a clock that is set.
    WallClock,
    /// Of the driver: a suggestion is taken under another ballot than it was made for.
    StaleSuggestion,
    /// Of the meta server: it does not wait for all members of a sealed group.
    AnyMemberLeads,
    /// Of the meta server: a report of any other process shows that one is over.
    LateReportCounts,
    /// Of the meta server: a change is carried out whatever the ballot is.
    ChangeWithoutCompare,
}

/// All of them.
pub const ALL: [Mutant; 23] = [
    Mutant::AckBeforeSync,
    Mutant::CommitOnMajority,
    Mutant::DefiniteError,
    Mutant::TruncateOnConflict,
    Mutant::AnyMemberLeads,
    Mutant::LearnerKeepsSuffix,
    Mutant::LogTailDropped,
    Mutant::GrantAfterAdoption,
    Mutant::ServeBeforeFence,
    Mutant::LeaseByTimer,
    Mutant::GraceBelowLease,
    Mutant::ChangeWithoutCompare,
    Mutant::LateReportCounts,
    Mutant::EarlyAdd,
    Mutant::PredecessorRemovedAtOnce,
    Mutant::ActAfterRestart,
    Mutant::WallClock,
    Mutant::GrantWhileDeposing,
    Mutant::SyncOfReplaced,
    Mutant::AddedNotCounted,
    Mutant::RefusedAddForgotten,
    Mutant::ConfigFromPeers,
    Mutant::StaleSuggestion,
];

thread_local! {
    static PLANTED: Cell<Option<Mutant>> = const { Cell::new(None) };
}

/// From now on this fault, and no other, is planted in whatever this thread runs.
pub fn plant(mutant: Option<Mutant>) {
    PLANTED.set(mutant);
}

/// Whether it is planted.
pub fn is_planted(mutant: Mutant) -> bool {
    PLANTED.get() == Some(mutant)
}
