//! One replica of one group: the PacificA protocol as a pure state machine.
//!
//! ```text
//!   Input ──▶ Replica::step(now, ..) ──▶ Output          replica    roles, inputs, outputs, timers
//!                │                                       primary    orders, sends, counts, commits
//!                ├─ Primary | Secondary                  secondary  stages, acknowledges, follows
//!                └─ Ledger                               ledger     prepare list, log tokens, cursors
//!   log records ──▶ Recovery ──▶ Replica                 recovery   what a restart makes of the log
//!                                                        invariants what must hold after every step
//! ```
//! No clock, no file, no socket, no random source: time comes in with every input, what has to be done goes out as data, and
//! "it is on the disk" is an input. Same state, same input, same outputs.
//!
//! # The protocol, and where it departs from the paper
//!
//! The primary gives each mutation the next decree, logs it and sends it to every secondary at once. A decree commits when the primary's
//! own log and the log of *every* secondary hold it, in decree order. The commit point rides on later prepares.
//!
//! A configuration (members, primary) carries a ballot; the meta server changes it by compare-and-swap and the driver makes the
//! ballot durable before it says [`replica::Input::Configured`]. A replica acts only under the configuration it adopted last, and
//! never again under one that it may have acted under before it was restarted.
//!
//! **Reconciliation is atomic at each replica.** A new primary prepares its uncommitted tail again under the new ballot and closes it
//! with a *fence*. A secondary logs what it gets of this but keeps it *staged*: neither in force nor acknowledged. With the fence the
//! staged run takes the place of everything the secondary held behind its commit point, and what lies behind the fence is void.
//! Only when the fence is on the disk it acknowledges, and only when the fence is committed the primary serves and orders new mutations.
//! A restart follows the same rule: staged records without their fence count as never received.
//!
//! Why not entry by entry, as in the paper: mutations are evaluated on the ones before them. A replica that stopped half way would hold
//! the new primary's mutation 11 and the old primary's mutation 12, which was evaluated on another 11; made primary, it would commit both.
//! And why not truncate at the first difference, as Raft does: what lies behind may be committed, and this may be the copy that the next
//! configuration is recovered from.
//!
//! *Why what a fence voids was never committed.* Say decree `d` committed under ballot `b`, and a fence of a later ballot stands below `d`.
//! The fence's primary was a member under `b`, so it acknowledged `d` from its disk before it adopted anything later. It has lost `d`
//! since only if an earlier fence above `b` voided it there, to which the same argument applies; else `d` was committed or in the tail that it
//! prepared again, and its fence stands above `d`. So with fixed members any of them may become primary; a longer tail only saves more
//! writes that nobody was promised.
//!
//! *Why a commit point heard from the new primary holds for entries of older ballots.* What the new primary had committed when it began was
//! acknowledged by this replica under an older ballot, and no later primary can have replaced it by something else (it held the same).
//! Nothing more commits under the new ballot before this replica acknowledged the fence.
//!
//! # What the driver owes
//!
//! - Records go to the log in the order of their tokens, and [`replica::Input::Logged`] is cumulative: a token stands for that very
//!   record, so a late completion for a record that was replaced since is not credited to its replacement. A failed append is
//!   tried again before any later one, or the replica closes.
//! - What [`recovery::Recovery`] is fed must be on stable storage: the log syncs what it replays before it hands out the replicas.
//! - The log drops records oldest first, so that a fence never goes before what it voided.
//! - `Apply` is given once and in order; a fence has an empty body and is a decree like any other.

/// Whether a fault of [`mutant::Mutant`] is planted: never, without the feature `mutants`.
#[cfg(feature = "mutants")]
#[macro_export]
macro_rules! mutant {
    ($name:ident) => {
        $crate::mutant::is_planted($crate::mutant::Mutant::$name)
    };
}
/// Whether a fault is planted: never, without the feature `mutants`.
#[cfg(not(feature = "mutants"))]
#[macro_export]
macro_rules! mutant {
    ($name:ident) => {
        false
    };
}

pub mod invariants;
mod ledger;
pub mod message;
#[cfg(feature = "mutants")]
pub mod mutant;
mod peer;
mod primary;
mod proposal;
pub mod recovery;
pub mod replica;
mod secondary;
