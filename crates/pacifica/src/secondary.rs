//! A secondary's part, and a learner's: stage what a new primary prepares again, follow it then, acknowledge what the log holds, and depose
//! a primary that is silent.
//!
//! ```text
//!   Configured ──▶ staging ── fence ──▶ following          Learn ── marker ──▶ following (not a member)
//!                  (older entries are in force,    (each prepare extends what is in force)
//!                   nothing is acknowledged)
//! ```
//! A secondary that lacks something asks for it: at once where it sees a gap (once for each place), and after `resend` when it has heard of
//! nothing that would help. So it does not depend on the primary's timers.
//!
//! Whatever it answers carries the time stamp of the last message it took in from its primary: a lease, for it asks to depose the primary only
//! `grace` after that. From then on until it knows the answer it takes in no newer stamp: another may be primary already.
//!
//! Invariants: everything acknowledged is in force under the ballot and on this disk, its fence (or marker) included. No stamp is given back that was
//! taken in while a deposition may be under way. A learner, and a secondary that cannot follow, never deposes anybody.

use std::time::Duration;

use types::id::{Decree, NodeId};
use types::time::Time;

use crate::ledger::{Entry, Ledger};
use crate::message::{Change, Message, Mutation};
use crate::proposal::Proposal;
use crate::replica::{Options, Output};

/// Secondary or learner under the ledger's ballot.
#[derive(Debug)]
pub(crate) struct Secondary {
    primary: NodeId,
    /// What a learner is known by; `None`: a secondary.
    learner: Option<Learner>,
    /// Logged, but not in force before the fence comes; contiguous from the commit point on.
    staged: Vec<Entry>,
    /// The primary's commit point as far as it was heard.
    told: Decree,
    /// Acknowledged under the ballot; zero: nothing yet.
    acknowledged: Decree,
    /// What was expected when it was last asked for because of a gap.
    asked: Option<Decree>,
    /// When to ask without being asked, and where things stood when that was set.
    ask_at: Option<(Time, Decree, Decree)>,
    patience: Duration,
    /// The histories do not meet; nothing is taken any more.
    lost: bool,
    /// When the primary was last heard of (or this began).
    heard_at: Time,
    /// The stamp of that message: the lease.
    heard: Time,
    /// The deposition, while it may be under way.
    deposing: Option<Proposal>,
}

/// What a learner is known by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Learner {
    /// Of its process.
    pub(crate) life: u64,
    /// Of this beginning.
    pub(crate) session: u64,
}

impl Secondary {
    /// Begins to follow, and says from where on.
    pub(crate) fn begin(
        ledger: &Ledger,
        options: &Options,
        now: Time,
        primary: NodeId,
        learner: Option<Learner>,
        out: &mut Vec<Output>,
    ) -> Secondary {
        let mut secondary = Secondary {
            primary,
            learner,
            staged: Vec::new(),
            told: Decree(0),
            acknowledged: Decree(0),
            asked: None,
            ask_at: None,
            patience: options.resend,
            lost: false,
            heard_at: now,
            heard: Time::default(),
            deposing: None,
        };
        // The primary's first prepare was ignored if it came before the configuration did.
        secondary.ask(ledger, ledger.committed(), out);
        secondary.watch(ledger, now);
        secondary
    }

    pub(crate) fn follows(&self, from: &NodeId) -> bool {
        self.primary == *from
    }

    pub(crate) fn is_learner(&self) -> bool {
        self.learner.is_some()
    }

    /// Whether the primary may count on something that beginning again would give up.
    pub(crate) fn is_bound(&self, ledger: &Ledger) -> bool {
        self.acknowledged > ledger.committed()
    }

    /// Whether it holds what its primary committed, as far as it knows.
    pub(crate) fn can_follow(&self) -> bool {
        !self.lost
    }

    pub(crate) fn deadline(&self, options: &Options) -> Option<Time> {
        let depose = match &self.deposing {
            Some(proposal) => Some(proposal.again_at()),
            None if mutant!(GraceBelowLease) => self.may_depose().then(|| self.heard_at + options.lease * 3 / 4),
            None => self.may_depose().then(|| self.heard_at + options.grace),
        };
        self.ask_at.map(|(at, ..)| at).into_iter().chain(depose).min()
    }

    /// Takes in the stamp of a message of the primary: from now on it has the lease.
    fn hear(&mut self, now: Time, sent: Time) {
        if self.deposing.is_none() || mutant!(GrantWhileDeposing) {
            self.heard_at = now;
            self.heard = self.heard.max(sent);
        }
    }

    pub(crate) fn on_beacon(&mut self, ledger: &mut Ledger, now: Time, committed: Decree, sent: Time, out: &mut Vec<Output>) {
        self.hear(now, sent);
        self.told = self.told.max(committed);
        self.try_commit(ledger, out);
        if self.lost || self.lacks_committed(ledger, out) {
            return self.estranged(ledger, out);
        }
        self.watch(ledger, now);
        match ledger.vote().filter(|_| self.is_learner()) {
            Some(held) => self.acknowledge(ledger, held, out),
            None => {
                let message = Message::Granted { ballot: ledger.ballot, heard: self.heard };
                out.push(Output::Send { to: self.primary.clone(), message });
            }
        }
    }

    pub(crate) fn on_prepare(
        &mut self,
        ledger: &mut Ledger,
        now: Time,
        committed: Decree,
        sent: Time,
        mutations: Vec<Mutation>,
        out: &mut Vec<Output>,
    ) {
        self.hear(now, sent);
        self.told = self.told.max(committed);
        self.try_commit(ledger, out);
        if self.lost || self.lacks_committed(ledger, out) {
            return self.estranged(ledger, out);
        }
        let (mut news, mut known, some) = (false, false, !mutations.is_empty());
        for mutation in mutations {
            match self.judge(ledger, &mutation) {
                Verdict::Next => {
                    self.accept(ledger, mutation, out);
                    news = true;
                }
                Verdict::Known => known = true,
                Verdict::Gap => {
                    self.ask_once(ledger, out);
                    break;
                }
                Verdict::Diverged => {
                    self.lost = true;
                    let expected = self.expected(ledger);
                    out.push(Output::Behind { expected, received: mutation.decree });
                    return self.estranged(ledger, out);
                }
                Verdict::Malformed => return,
            }
        }
        if mutant!(AckBeforeSync) && news && ledger.fence.is_some() {
            ledger.on_logged(ledger.issued);
            if let Some(held) = ledger.vote() {
                self.acknowledge(ledger, held, out);
            }
        }
        if ledger.fence.is_none() && some {
            self.ask_once(ledger, out); // the fence is still to come
        } else if let Some(held) = ledger.vote().filter(|_| known && !news) {
            self.acknowledge(ledger, held, out); // it has it all: the last acknowledgement was lost
        }
        self.watch(ledger, now);
    }

    /// The meta server knows that the primary's process is over.
    pub(crate) fn on_widowed(&mut self, ledger: &Ledger, now: Time, out: &mut Vec<Output>) {
        if self.may_depose() && self.deposing.is_none() {
            self.deposing = Some(Proposal::begin(Change::TakeOver, ledger.ballot, now, out));
        }
    }

    /// The deposition was not carried out, or is not known to be.
    pub(crate) fn on_answer(&mut self, now: Time, answer: crate::replica::Answer) {
        if self.deposing.as_mut().is_some_and(|proposal| proposal.answered(now, answer)) {
            self.deposing = None;
            self.heard_at = now;
        }
    }

    /// The log is the witness: a secondary acknowledges what it has, never what it was sent.
    pub(crate) fn on_logged(&mut self, ledger: &mut Ledger, out: &mut Vec<Output>) {
        if let Some(held) = ledger.vote().filter(|held| *held > self.acknowledged) {
            self.acknowledge(ledger, held, out);
        }
        let before = ledger.committed();
        self.try_commit(ledger, out);
        if ledger.fence.is_none() && ledger.committed() > before {
            self.ask_once(ledger, out); // the primary's tail was a gap until now
        }
    }

    pub(crate) fn on_tick(&mut self, ledger: &Ledger, options: &Options, now: Time, out: &mut Vec<Output>) {
        let grace = if mutant!(GraceBelowLease) { options.lease * 3 / 4 } else { options.grace };
        let silent = self.may_depose() && self.heard_at + grace <= now;
        match &mut self.deposing {
            Some(proposal) => proposal.tick(ledger.ballot, now, out),
            None if silent => self.deposing = Some(Proposal::begin(Change::TakeOver, ledger.ballot, now, out)),
            None => {}
        }
        let Some((_, committed, expected)) = self.ask_at.take_if(|(at, ..)| *at <= now) else { return };
        if committed != ledger.committed() || expected != self.expected(ledger) {
            self.patience = options.resend;
        } else if self.wants(ledger) {
            let upto = if self.only_void(ledger) { ledger.reach() } else { self.expected(ledger).before() };
            self.ask(ledger, upto, out);
            self.patience = (self.patience * 2).min(options.resend_max);
        }
        self.watch(ledger, now);
    }

    fn may_depose(&self) -> bool {
        self.learner.is_none() && !self.lost
    }

    /// Says that it cannot follow.
    fn estranged(&self, ledger: &Ledger, out: &mut Vec<Output>) {
        out.push(Output::Send { to: self.primary.clone(), message: Message::Stranger { ballot: ledger.ballot, renew: false } });
    }

    /// The decree that comes next.
    fn expected(&self, ledger: &Ledger) -> Decree {
        match self.staged.last() {
            Some(last) => last.mutation.decree.next(),
            None if ledger.fence.is_none() => ledger.committed().next(),
            None => ledger.prepared().next(),
        }
    }

    /// Where `mutation` stands to what is here.
    fn judge(&self, ledger: &Ledger, mutation: &Mutation) -> Verdict {
        let (expected, decree) = (self.expected(ledger), mutation.decree);
        let fence = mutation.fence && ledger.fence.is_none();
        if mutation.ballot != ledger.ballot || (mutation.fence && !fence && decree >= expected) {
            Verdict::Malformed
        } else if decree == expected || (fence && decree == ledger.committed() && self.staged.is_empty()) {
            Verdict::Next
        } else if fence && decree < ledger.committed() {
            Verdict::Diverged
        } else if decree > expected {
            Verdict::Gap
        } else {
            Verdict::Known
        }
    }

    /// Puts `mutation` on the log, and in force if the fence is known or this is it.
    fn accept(&mut self, ledger: &mut Ledger, mutation: Mutation, out: &mut Vec<Output>) {
        if ledger.fence.is_some() {
            return ledger.append(mutation, out);
        }
        let token = ledger.log(&mutation, out);
        if mutant!(TruncateOnConflict) && !mutation.fence {
            ledger.truncate_and_push(Entry { mutation: mutation.clone(), token });
        }
        if mutation.fence {
            ledger.install(self.staged.drain(..), mutation, token);
        } else {
            self.staged.push(Entry { mutation, token });
        }
    }

    /// Commits what the primary said is committed: of its own ballot when this replica vouched for it, of older ones (see the crate's
    /// page for why that is the same) as long as nothing is staged, which begins behind the primary's commit point.
    fn try_commit(&self, ledger: &mut Ledger, out: &mut Vec<Output>) {
        let upto = match ledger.fence {
            None if !self.staged.is_empty() => return,
            None => ledger.stored_through(ledger.committed(), self.told.min(ledger.prepared())),
            Some(_) => ledger.vote().map_or(ledger.committed(), |held| held.min(self.told)),
        };
        if upto > ledger.committed() {
            ledger.commit(upto, out);
        }
    }

    /// Whether the primary committed more than this replica ever had, before this ballot began.
    fn lacks_committed(&mut self, ledger: &Ledger, out: &mut Vec<Output>) -> bool {
        if ledger.fence.is_none() && self.staged.is_empty() && self.told > ledger.prepared() {
            self.lost = true;
            out.push(Output::Behind { expected: ledger.prepared().next(), received: self.told });
        }
        self.lost
    }

    fn acknowledge(&mut self, ledger: &Ledger, held: Decree, out: &mut Vec<Output>) {
        self.acknowledged = held;
        let session = self.learner.map_or(0, |learner| learner.session);
        let message = Message::Prepared { ballot: ledger.ballot, upto: held, heard: self.heard, session };
        out.push(Output::Send { to: self.primary.clone(), message });
    }

    /// Asks for what comes next, once: every further prepare of a burst shows the same gap.
    fn ask_once(&mut self, ledger: &Ledger, out: &mut Vec<Output>) {
        let expected = self.expected(ledger);
        if self.asked != Some(expected) {
            self.asked = Some(expected);
            self.ask(ledger, expected.before(), out);
        }
    }

    fn ask(&self, ledger: &Ledger, upto: Decree, out: &mut Vec<Output>) {
        let ballot = ledger.ballot;
        let message = match self.learner {
            Some(Learner { life, session }) => Message::Learn { ballot, life, session, upto },
            None => Message::Behind { ballot, upto, heard: self.heard },
        };
        out.push(Output::Send { to: self.primary.clone(), message });
    }

    /// Sets the timer if there is something to wait for.
    fn watch(&mut self, ledger: &Ledger, now: Time) {
        if self.ask_at.is_none() && self.wants(ledger) {
            self.ask_at = Some((now + self.patience, ledger.committed(), self.expected(ledger)));
        }
    }

    /// Whether something has to come from the primary.
    fn wants(&self, ledger: &Ledger) -> bool {
        !self.lost
            && (self.is_learner() || ledger.fence.is_none() || ledger.committed() < ledger.prepared() || ledger.prepared() < ledger.reach())
    }

    /// Whether all that is missing are mutations in the place of void records.
    fn only_void(&self, ledger: &Ledger) -> bool {
        !self.is_learner() && ledger.fence.is_some() && ledger.committed() == ledger.prepared() && ledger.prepared() < ledger.reach()
    }
}

/// What a secondary thinks of a mutation it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It comes next; or it is the fence at the commit point, known committed under an older ballot, whose record the log needs yet.
    Next,
    /// It is here already.
    Known,
    /// Something before it is missing.
    Gap,
    /// A fence below what was applied here: the primary never held what was committed.
    Diverged,
    /// Not what a primary sends.
    Malformed,
}
