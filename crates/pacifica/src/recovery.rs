//! What a restart makes of the log.
//!
//! ```text
//!   log order ──▶   9(b1) 10(b1) 11(b1) 12(b1) │ 10(b2) 11F(b2) │ 12(b2)
//!                   ╰──────── in force ───────╯  ╰── staged ──╯
//!                                                      ╰ the fence: 10..12 of b1 give way, what is staged is in force
//! ```
//! Records of a higher ballot that would replace others are staged until their fence comes, as they were when they were received (see
//! the crate's page). Without it they count for nothing: nobody acknowledged them. Records that only extend what is in force need no
//! fence; that also covers a log whose older part, with the fence, is gone.
//!
//! A marker says that the replica began again there as a learner: what stands before it behind its decree is void, whatever its ballot.
//!
//! Invariant: what is in force is contiguous, and reaches from what is applied on.

use std::collections::VecDeque;

use types::id::{Ballot, Decree, NodeId};

use crate::ledger::Ledger;
use crate::message::Mutation;
use crate::replica::{Options, Replica};

/// A replica that is being read from its log.
#[derive(Debug)]
pub struct Recovery {
    ballot: Ballot,
    applied: Decree,
    /// In force and not applied.
    entries: VecDeque<Mutation>,
    /// Ballot and decree of the last record in force, applied or not.
    last: Option<(Ballot, Decree)>,
    staged: Option<Staged>,
    /// Highest commit point any record speaks of.
    told: Decree,
    /// Highest decree of any record.
    reach: Decree,
    newest: Ballot,
}

/// Records are not what a log of this replica can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// A record is missing.
    #[error("the log has decree {found} where {expected} should be")]
    Gap {
        /// What should be there.
        expected: Decree,
        /// What is.
        found: Decree,
    },
    /// A record of an older ballot behind one of a newer.
    #[error("the log has decree {decree} of ballot {ballot} behind records of ballot {newest}")]
    Disorder {
        /// The record's decree.
        decree: Decree,
        /// Its ballot.
        ballot: Ballot,
        /// The ballot before it.
        newest: Ballot,
    },
    /// A record of a ballot that this replica never adopted: its ballot was lost.
    #[error("the log has decree {decree} of ballot {ballot}, the replica is at ballot {own}")]
    Ballot {
        /// The record's decree.
        decree: Decree,
        /// Its ballot.
        ballot: Ballot,
        /// The replica's.
        own: Ballot,
    },
}

impl Recovery {
    /// `ballot` is the replica's on its disk, `applied` what its store has on its disk.
    pub fn new(ballot: Ballot, applied: Decree) -> Recovery {
        let (told, reach) = (applied, applied);
        Recovery { ballot, applied, entries: VecDeque::new(), last: None, staged: None, told, reach, newest: Ballot(0) }
    }

    /// Takes in the next record of the replica, in the order of the log, applied ones included.
    ///
    /// # Errors
    /// The record cannot stand where it stands. The log is damaged or another replica's.
    pub fn take(&mut self, record: Mutation) -> Result<(), RecoverError> {
        let Mutation { ballot, decree, .. } = record;
        if ballot > self.ballot {
            return Err(RecoverError::Ballot { decree, ballot, own: self.ballot });
        }
        if ballot < self.newest {
            return Err(RecoverError::Disorder { decree, ballot, newest: self.newest });
        }
        self.newest = ballot;
        self.told = self.told.max(record.committed);
        self.reach = self.reach.max(decree);
        if mutant!(TruncateOnConflict) && self.last.is_some_and(|(in_force, last)| ballot > in_force && decree <= last) {
            while self.entries.back().is_some_and(|last| last.decree >= decree) {
                self.entries.pop_back();
            }
            self.last = Some((ballot, decree.before()));
            return self.extend(record);
        }
        if self.staged.as_ref().is_some_and(|staged| staged.ballot < ballot) {
            self.staged = None;
        }
        let replaces = self.last.is_some_and(|(in_force, last)| ballot > in_force && decree <= last);
        match &mut self.staged {
            Some(staged) => staged.take(record)?,
            None if replaces => self.staged = Some(Staged::begin(record)),
            None => return self.extend(record),
        }
        match self.staged.take_if(|staged| staged.fenced) {
            Some(staged) => self.install(staged),
            None => Ok(()),
        }
    }

    /// Takes in the next record, which is a marker: everything through `decree` was committed, what was prepared behind it is void.
    ///
    /// # Errors
    /// As [`Recovery::take`].
    pub fn mark(&mut self, ballot: Ballot, decree: Decree) -> Result<(), RecoverError> {
        if ballot > self.ballot {
            return Err(RecoverError::Ballot { decree, ballot, own: self.ballot });
        }
        if ballot < self.newest {
            return Err(RecoverError::Disorder { decree, ballot, newest: self.newest });
        }
        if decree > self.prepared() {
            return Err(RecoverError::Gap { expected: self.prepared().next(), found: decree });
        }
        self.newest = ballot;
        self.told = self.told.max(decree);
        self.staged = None;
        while self.entries.back().is_some_and(|last| last.decree > decree) {
            self.entries.pop_back();
        }
        self.last = Some((ballot, decree));
        Ok(())
    }

    /// Moves what is known to be committed to `out`, to be applied in this order; call it often enough and memory stays small.
    pub fn release(&mut self, out: &mut Vec<Mutation>) {
        let committed = self.committed();
        while self.applied < committed
            && let Some(mutation) = self.entries.pop_front()
        {
            self.applied = mutation.decree;
            out.push(mutation);
        }
    }

    /// What is known to be committed.
    pub fn committed(&self) -> Decree {
        self.told.min(self.prepared())
    }

    /// The replica, waiting for a configuration. What was not released it applies in its first step.
    pub fn finish(self, id: NodeId, options: Options, life: u64) -> Replica {
        // Without a record there is nothing uncommitted: all is applied, under some ballot up to its own.
        let unknown = if self.applied == Decree(0) { Ballot(0) } else { self.ballot };
        let prepared_ballot = self.last.map_or(unknown, |(ballot, _)| ballot);
        let committed = self.committed();
        let ledger = Ledger::recovered(self.ballot, self.applied, committed, self.entries, prepared_ballot, self.reach);
        Replica::with(id, options, life, ledger)
    }

    fn prepared(&self) -> Decree {
        Decree(self.applied.0 + self.entries.len() as u64)
    }

    fn extend(&mut self, record: Mutation) -> Result<(), RecoverError> {
        let Mutation { ballot, decree: found, .. } = record;
        let expected = self.last.map_or(self.applied, |(_, last)| last).next();
        // What is missing may be applied already: a log that is not synced before it is acknowledged can end before the store does.
        if found < expected && self.last.is_some() || found > expected.max(self.applied.next()) {
            return Err(RecoverError::Gap { expected, found });
        }
        self.last = Some((ballot, found));
        if found > self.applied {
            self.entries.push_back(record);
        }
        Ok(())
    }

    fn install(&mut self, staged: Staged) -> Result<(), RecoverError> {
        let first = staged.first();
        while self.entries.back().is_some_and(|last| last.decree >= first) {
            self.entries.pop_back();
        }
        self.last = Some((staged.ballot, first.before()));
        staged.records.into_iter().try_for_each(|record| self.extend(record))
    }
}

/// A run of a new ballot whose fence has not been read yet. As long as a window.
#[derive(Debug)]
struct Staged {
    ballot: Ballot,
    records: Vec<Mutation>,
    fenced: bool,
}

impl Staged {
    fn begin(first: Mutation) -> Staged {
        Staged { ballot: first.ballot, fenced: first.fence, records: vec![first] }
    }

    fn take(&mut self, record: Mutation) -> Result<(), RecoverError> {
        let expected = Decree(self.first().0 + self.records.len() as u64);
        if record.decree != expected {
            return Err(RecoverError::Gap { expected, found: record.decree });
        }
        self.fenced = record.fence;
        self.records.push(record);
        Ok(())
    }

    fn first(&self) -> Decree {
        self.records[0].decree
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// `decree.ballot`, with `F` for a fence and `@n` for the commit point it speaks of.
    fn record(text: &str) -> Mutation {
        let (text, committed) = text.split_once('@').unwrap_or((text, "0"));
        let (text, fence) = text.strip_suffix('F').map_or((text, false), |text| (text, true));
        let (decree, ballot) = text.split_once('.').unwrap();
        let number = |text: &str| text.parse::<u64>().unwrap();
        let body = if fence { Bytes::new() } else { Bytes::from_static(b"body") };
        Mutation { ballot: Ballot(number(ballot)), decree: Decree(number(decree)), committed: Decree(number(committed)), fence, body }
    }

    /// What is in force behind what is applied, and `!error`s. `|decree.ballot` is a marker.
    fn recover(applied: u64, log: &str) -> String {
        let mut recovery = Recovery::new(Ballot(9), Decree(applied));
        for text in log.split_whitespace() {
            let taken = match text.strip_prefix('|').map(record) {
                Some(marker) => recovery.mark(marker.ballot, marker.decree),
                None => recovery.take(record(text)),
            };
            match taken {
                Ok(()) => {}
                Err(error) => return format!("!{error}"),
            }
        }
        let replica = recovery.finish(NodeId::new("a"), Options::default(), 1);
        let found: Vec<String> = replica.tail().map(|m| format!("{}.{}", m.decree, m.ballot)).collect();
        format!("{} | committed {}", found.join(" "), replica.committed())
    }

    #[test]
    fn the_newest_history_that_was_complete_is_in_force() {
        for (applied, log, found) in [
            (0, "", " | committed 0"),
            (7, "", " | committed 7"),
            (0, "1.1F 2.1@1 3.1@2", "1.1 2.1 3.1 | committed 2"),
            // applied records count for the order only
            (2, "1.1F 2.1@1 3.1@2", "3.1 | committed 2"),
            (5, "1.1F 2.1@1 3.1@2", " | committed 5"),
            // a fence puts its run in force and voids what is behind
            (0, "1.1F 2.1@1 3.1@1 4.1@1 2.2@1 3.2F@1", "1.1 2.2 3.2 | committed 1"),
            (0, "1.1F 2.1@1 3.1@1 4.1@1 2.2F@1 3.2@2", "1.1 2.2 3.2 | committed 2"),
            (2, "1.1F 2.1@1 3.1@1 4.1@1 2.2F@1", " | committed 2"),
            // without it the run counts for nothing, whatever comes after
            (0, "1.1F 2.1@1 3.1@1 4.1@1 2.2@1 3.2@1", "1.1 2.1 3.1 4.1 | committed 1"),
            (0, "1.1F 2.1@1 3.1@1 2.2@1 2.3F@1", "1.1 2.3 | committed 1"),
            (0, "1.1F 2.1@1 3.1@1 2.2@1 2.3@1", "1.1 2.1 3.1 | committed 1"),
            // a run that replaces nothing needs no fence
            (0, "1.1F 2.2@1 3.2@1", "1.1 2.2 3.2 | committed 1"),
            // and neither does a log whose older part is gone
            (6, "5.2@4 6.2@5 7.2@6 8.2@6", "7.2 8.2 | committed 6"),
            (6, "7.2@5 8.2@7 8.3F@7", "7.2 8.3 | committed 7"),
            // a learner's marker voids what is behind it, and what comes next continues there
            (0, "1.1F 2.1@1 3.1@1 4.1@1 |2.2 3.2@2", "1.1 2.1 3.2 | committed 2"),
            (0, "1.1F 2.1@1 2.2@1 |1.2 2.2@1 3.3@2 4.3F@2", "1.1 2.2 3.3 4.3 | committed 2"),
            (6, "1.1F 2.1@1 3.1@1 |6.2 7.2@6", "7.2 | committed 6"),
            (8, "5.1@4 6.1@4 |5.2 6.2@5 7.2@6 8.2@7 9.2@8", "9.2 | committed 8"),
            // the log may end before the store does
            (6, "3.2@2 4.2@3 7.4F@6", "7.4 | committed 6"),
        ] {
            assert_eq!(recover(applied, log), found, "{log} after {applied}");
        }
    }

    #[test]
    fn what_no_replica_writes_is_an_error() {
        for (applied, log, error) in [
            (0, "1.1F 3.1", "!the log has decree 3 where 2 should be"),
            (0, "1.1F 2.1 2.1", "!the log has decree 2 where 3 should be"),
            (3, "5.1", "!the log has decree 5 where 4 should be"),
            (0, "1.1F 2.1 3.1 2.2 4.2", "!the log has decree 4 where 3 should be"),
            (0, "1.2F 2.1", "!the log has decree 2 of ballot 1 behind records of ballot 2"),
            (0, "1.1F |3.1", "!the log has decree 3 where 2 should be"),
            (0, "1.10F", "!the log has decree 1 of ballot 10, the replica is at ballot 9"),
        ] {
            assert_eq!(recover(applied, log), error, "{log} after {applied}");
        }
    }

    #[test]
    fn what_is_known_to_be_committed_can_be_applied_on_the_way() {
        let mut recovery = Recovery::new(Ballot(9), Decree(1));
        let mut released = Vec::new();
        for text in ["1.1F", "2.1@1", "3.1@2", "4.1@2", "3.2@2", "4.2F@2"] {
            recovery.take(record(text)).unwrap();
            recovery.release(&mut released);
        }
        assert_eq!(released, [record("2.1@1")]);
        let replica = recovery.finish(NodeId::new("a"), Options::default(), 1);
        assert_eq!((replica.applied(), replica.prepared(), replica.prepared_ballot()), (Decree(2), Decree(4), Ballot(2)));
    }
}
