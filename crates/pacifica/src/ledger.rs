//! The prepare list of a replica, its cursors, and the tokens of its log.
//!
//! ```text
//!         applied = committed          held            prepared        reach
//!    ───────────┴──────────────────────┴──────────────────┴──────────────┴────▶ decree
//!               ╰──────────── entries ────────────────────╯╰ void records ╯
//!                               (in force, some not on the disk yet)    on the disk
//! ```
//! Invariant: `applied <= committed <= held <= prepared <= reach`; entries are `applied + 1 ..= prepared` without gaps, and their
//! ballots never decrease. `recent` (at a primary) are the last applied ones, without gaps up to `applied`: what learners are fed from.

use std::collections::VecDeque;

use types::id::{Ballot, Decree};

use crate::message::Mutation;
use crate::replica::{LogToken, Output};

/// What a replica holds, whatever its role.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Of the configuration adopted last.
    pub(crate) ballot: Ballot,
    /// The fence of that configuration, once this replica has it.
    pub(crate) fence: Option<Fence>,
    /// In force, not applied.
    entries: VecDeque<Entry>,
    /// Bytes of the bodies in `entries`.
    bytes: usize,
    /// Applied lately, while this is kept.
    recent: VecDeque<Mutation>,
    /// Bytes of the bodies in `recent`.
    recent_bytes: usize,
    /// What `recent` may hold; 0: it is not kept.
    recent_max: usize,
    applied: Decree,
    committed: Decree,
    /// Through here everything is in force under `ballot` and on stable storage.
    held: Decree,
    /// Highest decree in the log, in force or not.
    reach: Decree,
    /// Ballot of the last mutation in force.
    prepared_ballot: Ballot,
    /// Last token given out.
    pub(crate) issued: LogToken,
    /// Last token that is on stable storage.
    logged: LogToken,
}

/// A mutation and the log record that holds it. A record that is replaced takes its token with it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) mutation: Mutation,
    pub(crate) token: LogToken,
}

/// Place and record of the fence of a ballot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fence {
    pub(crate) decree: Decree,
    token: LogToken,
}

impl Ledger {
    /// What a restart found: `entries` from `applied + 1` on, all on stable storage.
    pub(crate) fn recovered(
        ballot: Ballot,
        applied: Decree,
        committed: Decree,
        entries: VecDeque<Mutation>,
        prepared_ballot: Ballot,
        reach: Decree,
    ) -> Ledger {
        let bytes = entries.iter().map(|mutation| mutation.body.len()).sum();
        let prepared = Decree(applied.0 + entries.len() as u64);
        let entries = entries.into_iter().map(|mutation| Entry { mutation, token: LogToken(0) }).collect();
        Ledger {
            ballot,
            fence: None,
            entries,
            bytes,
            recent: VecDeque::new(),
            recent_bytes: 0,
            recent_max: 0,
            applied,
            committed,
            held: committed,
            reach: reach.max(prepared),
            prepared_ballot,
            issued: LogToken(0),
            logged: LogToken(0),
        }
    }

    /// Gives `mutation` a record in the log.
    pub(crate) fn log(&mut self, mutation: &Mutation, out: &mut Vec<Output>) -> LogToken {
        self.issued = LogToken(self.issued.0 + 1);
        self.reach = self.reach.max(mutation.decree);
        out.push(Output::Log { token: self.issued, mutation: mutation.clone() });
        if mutant!(AckBeforeSync) {
            self.logged = self.issued;
        }
        self.issued
    }

    /// Puts `entry` behind the last one.
    pub(crate) fn push(&mut self, entry: Entry) {
        let Mutation { ballot, decree, .. } = entry.mutation;
        assert!(decree == self.prepared().next(), "decree {decree} behind {} would leave a gap", self.prepared());
        assert!(ballot >= self.prepared_ballot, "ballot {ballot} behind {} at decree {decree}", self.prepared_ballot);
        self.bytes += entry.mutation.body.len();
        self.prepared_ballot = ballot;
        self.entries.push_back(entry);
    }

    /// Logs `mutation` and puts it behind the last one.
    pub(crate) fn append(&mut self, mutation: Mutation, out: &mut Vec<Output>) {
        let token = self.log(&mutation, out);
        if mutation.fence {
            self.fence = Some(Fence { decree: mutation.decree, token });
        }
        self.push(Entry { mutation, token });
    }

    /// Begins a new ballot: nothing behind the commit point counts as held under it yet.
    pub(crate) fn begin(&mut self, ballot: Ballot) {
        assert!(ballot > self.ballot || mutant!(ActAfterRestart), "ballot {ballot} is not above {}", self.ballot);
        self.ballot = ballot;
        self.fence = None;
        self.held = self.committed;
    }

    /// A learner's beginning: what lies behind the commit point is void, here and, by a marker, in the log. The marker stands for the fence:
    /// what a learner holds was committed, so nothing of an older ballot can be mistaken for it.
    pub(crate) fn begin_again(&mut self, ballot: Ballot, out: &mut Vec<Output>) {
        assert!(ballot >= self.ballot, "ballot {ballot} is below {}", self.ballot);
        assert!(self.applied == self.committed, "committed entries are applied before the others are void");
        self.ballot = ballot;
        if !mutant!(LearnerKeepsSuffix) {
            self.entries.clear();
            self.bytes = 0;
        }
        self.held = self.committed;
        self.prepared_ballot = ballot;
        self.issued = LogToken(self.issued.0 + 1);
        self.fence = Some(Fence { decree: self.committed, token: self.issued });
        out.push(Output::Mark { token: self.issued, ballot, decree: self.committed });
    }

    /// Keeps what is applied from now on, as far as `bytes` go; 0: keeps nothing.
    pub(crate) fn keep_recent(&mut self, bytes: usize) {
        self.recent_max = bytes;
        if bytes == 0 {
            self.recent = VecDeque::new();
            self.recent_bytes = 0;
        }
    }

    /// First decree that a learner can be fed from memory.
    pub(crate) fn memory_from(&self) -> Decree {
        self.recent.front().map_or(self.applied.next(), |mutation| mutation.decree)
    }

    /// A new primary's own part of reconciliation: every entry again under the ballot, closed by a fence.
    ///
    /// An empty last entry (the fence of a primary that did not get this far) becomes the fence, so that the tail does not grow with every
    /// failed change of primary.
    pub(crate) fn prepare_again(&mut self, out: &mut Vec<Output>) {
        assert!(self.applied == self.committed, "committed entries are applied before they would be prepared again");
        let mut tail = std::mem::take(&mut self.entries);
        self.bytes = 0;
        let closed = tail.back().is_some_and(|last| last.mutation.body.is_empty());
        let last = tail.len();
        for (i, entry) in tail.drain(..).enumerate() {
            let fence = closed && i + 1 == last;
            let replaced = entry.token;
            let mutation = Mutation { ballot: self.ballot, committed: self.committed, fence, ..entry.mutation };
            self.append(mutation, out);
            if mutant!(SyncOfReplaced) {
                self.credit(replaced);
            }
        }
        if !closed {
            let decree = self.prepared().next();
            let body = bytes::Bytes::new();
            self.append(Mutation { ballot: self.ballot, decree, committed: self.committed, fence: true, body }, out);
        }
    }

    /// A secondary's part: the staged run and its fence take the place of everything behind the commit point. They are logged already.
    /// A fence at the commit point itself (this replica knew it committed under the ballot it first had) is in no entry any more.
    pub(crate) fn install(&mut self, staged: impl IntoIterator<Item = Entry>, fence: Mutation, token: LogToken) {
        assert!(self.applied == self.committed, "committed entries are applied before others take their place");
        let replaced = self
            .entries
            .iter()
            .filter(|_| mutant!(SyncOfReplaced))
            .find(|entry| entry.mutation.decree == fence.decree)
            .map(|entry| entry.token);
        self.entries.clear();
        self.bytes = 0;
        self.fence = Some(Fence { decree: fence.decree, token });
        staged.into_iter().for_each(|entry| self.push(entry));
        self.prepared_ballot = fence.ballot;
        if fence.decree > self.committed {
            self.push(Entry { mutation: fence, token });
        }
        if mutant!(SyncOfReplaced)
            && let Some(replaced) = replaced
        {
            self.credit(replaced);
        }
    }

    /// A planted fault: the last entry counts as held by the record of the one it replaced.
    fn credit(&mut self, replaced: LogToken) {
        if let Some(entry) = self.entries.back_mut() {
            entry.token = replaced;
            if let Some(fence) = self.fence.as_mut().filter(|fence| fence.decree == entry.mutation.decree) {
                fence.token = replaced;
            }
        }
    }

    /// A planted fault: `entry` takes the place of whatever is there and behind.
    pub(crate) fn truncate_and_push(&mut self, entry: Entry) {
        while self.prepared() >= entry.mutation.decree && self.prepared() > self.applied {
            self.entries.pop_back();
        }
        self.push(entry);
    }

    /// Records through `token` are on stable storage.
    pub(crate) fn on_logged(&mut self, token: LogToken) {
        assert!(token <= self.issued, "log token {} was never given out, the last one is {}", token.0, self.issued.0);
        self.logged = self.logged.max(token);
        if self.fence.is_some() {
            self.held = self.stored_through(self.held, self.prepared());
        }
    }

    /// What this replica may vouch for under the ballot: nothing before the fence is on its disk.
    pub(crate) fn vote(&self) -> Option<Decree> {
        self.fence.filter(|fence| fence.token <= self.logged).map(|_| self.held)
    }

    /// End of the unbroken run of stored entries behind `from`, at most `limit`.
    pub(crate) fn stored_through(&self, from: Decree, limit: Decree) -> Decree {
        let mut through = from;
        while through < limit && self.entry(through.next()).is_some_and(|entry| entry.token <= self.logged) {
            through = through.next();
        }
        through
    }

    /// Commits through `upto` and has it applied.
    pub(crate) fn commit(&mut self, upto: Decree, out: &mut Vec<Output>) {
        assert!(upto <= self.prepared(), "decree {upto} is not prepared, the last one is {}", self.prepared());
        self.committed = self.committed.max(upto);
        self.held = self.held.max(self.committed);
        while self.applied < self.committed {
            let Entry { mutation, .. } = self.entries.pop_front().expect("entries reach from applied to prepared");
            self.bytes -= mutation.body.len();
            self.applied = mutation.decree;
            self.remember(&mutation);
            out.push(Output::Apply(mutation));
        }
    }

    fn remember(&mut self, mutation: &Mutation) {
        if self.recent_max == 0 {
            return;
        }
        self.recent_bytes += mutation.body.len() + RECENT_COST;
        self.recent.push_back(mutation.clone());
        while self.recent_bytes > self.recent_max
            && let Some(oldest) = self.recent.pop_front()
        {
            self.recent_bytes -= oldest.body.len() + RECENT_COST;
        }
    }

    /// Entries from `from` on, as far as `bytes` of bodies go (one at least), ready to be sent; those that are applied from memory.
    ///
    /// # Panics
    /// If `from` is below [`Ledger::memory_from`].
    pub(crate) fn run(&self, from: Decree, bytes: usize) -> Vec<Mutation> {
        let recent_from = Decree(self.applied.0 + 1 - self.recent.len() as u64);
        assert!(from >= recent_from, "decree {from} is not in memory, the first is {recent_from}");
        let skip = (from.0 - recent_from.0) as usize;
        let mut size = 0;
        let fits = |mutation: &&Mutation| {
            let first = size == 0;
            size += mutation.body.len() + 1;
            first || size <= bytes
        };
        self.recent.iter().chain(self.tail()).skip(skip).take_while(fits).cloned().collect()
    }

    pub(crate) fn tail(&self) -> impl Iterator<Item = &Mutation> {
        self.entries.iter().map(|entry| &entry.mutation)
    }

    pub(crate) fn applied(&self) -> Decree {
        self.applied
    }

    pub(crate) fn committed(&self) -> Decree {
        self.committed
    }

    pub(crate) fn held(&self) -> Decree {
        self.held
    }

    pub(crate) fn prepared(&self) -> Decree {
        Decree(self.applied.0 + self.entries.len() as u64)
    }

    pub(crate) fn prepared_ballot(&self) -> Ballot {
        self.prepared_ballot
    }

    pub(crate) fn reach(&self) -> Decree {
        self.reach
    }

    /// Mutations prepared and not committed.
    pub(crate) fn in_flight(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of their bodies.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn entry(&self, decree: Decree) -> Option<&Entry> {
        self.entries.get((decree.0 - self.applied.0 - 1) as usize)
    }
}

/// What an applied mutation costs to keep besides its body.
const RECENT_COST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn ledger(bodies: &[&'static str]) -> Ledger {
        let decree = |i: usize| Decree(i as u64 + 4);
        let mutation = |(i, body): (usize, &&'static str)| Mutation {
            ballot: Ballot(1),
            decree: decree(i),
            committed: Decree(3),
            fence: false,
            body: Bytes::from_static(body.as_bytes()),
        };
        let entries = bodies.iter().enumerate().map(mutation).collect();
        Ledger::recovered(Ballot(1), Decree(3), Decree(3), entries, Ballot(1), Decree(0))
    }

    #[test]
    fn a_run_ends_where_its_bytes_do_but_holds_one_at_least() {
        let ledger = ledger(&["1234567", "1234567", "1234567"]);
        for (from, bytes, decrees) in [(4, 0, vec![4]), (4, 15, vec![4]), (4, 16, vec![4, 5]), (5, 100, vec![5, 6]), (7, 100, vec![])] {
            let run: Vec<u64> = ledger.run(Decree(from), bytes).iter().map(|mutation| mutation.decree.0).collect();
            assert_eq!(run, decrees, "{bytes} bytes from {from}");
        }
    }

    #[test]
    fn preparing_again_closes_with_a_fence_or_makes_the_last_one_that() {
        for (bodies, fences) in [(vec![], vec![true]), (vec!["x"], vec![false, true]), (vec!["x", ""], vec![false, true])] {
            let mut ledger = ledger(&bodies);
            let mut out = Vec::new();
            ledger.begin(Ballot(2));
            ledger.prepare_again(&mut out);
            let found: Vec<(bool, Ballot)> = ledger.tail().map(|mutation| (mutation.fence, mutation.ballot)).collect();
            assert_eq!(found, fences.iter().map(|fence| (*fence, Ballot(2))).collect::<Vec<_>>());
            assert_eq!(out.len(), fences.len(), "each is logged again");
            assert_eq!(ledger.vote(), None);
            ledger.on_logged(LogToken(fences.len() as u64));
            assert_eq!(ledger.vote(), Some(ledger.prepared()));
        }
    }

    #[test]
    fn bytes_in_flight_are_counted() {
        let mut ledger = ledger(&["12", "345"]);
        assert_eq!((ledger.bytes(), ledger.in_flight()), (5, 2));
        ledger.commit(Decree(4), &mut Vec::new());
        assert_eq!((ledger.bytes(), ledger.in_flight()), (3, 1));
    }

    #[test]
    fn what_was_applied_lately_is_kept_for_learners() {
        let mut ledger = ledger(&["1234567", "1234567", "1234567"]);
        ledger.keep_recent(2 * (RECENT_COST + 7));
        ledger.commit(Decree(5), &mut Vec::new());
        assert_eq!(ledger.memory_from(), Decree(4));
        let decrees = |ledger: &Ledger, from| ledger.run(Decree(from), 1000).iter().map(|m| m.decree.0).collect::<Vec<_>>();
        assert_eq!(decrees(&ledger, 4), [4, 5, 6]);
        ledger.commit(Decree(6), &mut Vec::new());
        assert_eq!((ledger.memory_from(), decrees(&ledger, 5)), (Decree(5), vec![5, 6]));
        ledger.keep_recent(0);
        assert_eq!((ledger.memory_from(), decrees(&ledger, 7)), (Decree(7), vec![]));
    }

    #[test]
    fn a_learner_begins_with_what_is_committed_and_nothing_else() {
        let mut ledger = ledger(&["x", "y"]);
        let mut out = Vec::new();
        ledger.commit(Decree(4), &mut out);
        out.clear();
        ledger.begin_again(Ballot(3), &mut out);
        assert_eq!(out, [Output::Mark { token: LogToken(1), ballot: Ballot(3), decree: Decree(4) }]);
        assert_eq!((ledger.prepared(), ledger.vote()), (Decree(4), None));
        ledger.on_logged(LogToken(1));
        assert_eq!(ledger.vote(), Some(Decree(4)));
    }

    #[test]
    #[should_panic(expected = "would leave a gap")]
    fn a_gap_stops_the_replica() {
        let mut ledger = ledger(&["x"]);
        let mutation = Mutation { decree: Decree(9), ..ledger.tail().next().unwrap().clone() };
        ledger.push(Entry { mutation, token: LogToken(0) });
    }
}
