//! A secondary or learner as its primary sees it.
//!
//! ```text
//!             held                    sent                    prepared
//!    ──────────┴───────────────────────┴───────────────────────┴─────▶ decree
//!              ╰─ on its way or lost ──╯╰─ follows when it holds
//!                                         what was sent ───────╯
//! ```
//! While `sent` keeps up with `prepared` every new mutation goes out at once. One that says it is behind, or is silent for too long, is set back to what
//! it is known to have and fed one part at a time: it keeps nothing out of order, so more would be waste.

use std::time::Duration;

use types::group::GroupConfig;
use types::id::{Decree, NodeId};
use types::time::Time;

use crate::ledger::Ledger;
use crate::message::{Message, Mutation};
use crate::replica::{Options, Output};

/// One of those a primary sends to.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: NodeId,
    pub(crate) standing: Standing,
    /// It acknowledged this under the ballot (a learner: in its session); zero: nothing yet.
    pub(crate) held: Decree,
    /// A learner said that it had this when it last asked; zero for a member.
    base: Decree,
    /// It was sent this, since it was last set back.
    pub(crate) sent: Decree,
    /// It was told this commit point.
    pub(crate) told: Decree,
    /// When it is set back, if it makes no progress; `None` while it lacks nothing.
    pub(crate) resend_at: Option<Time>,
    /// How long that takes.
    pub(crate) patience: Duration,
    /// The lease: our own last stamp that it gave back.
    granted: Option<Time>,
    /// When it began to hold up what the own log has; `None` while it does not.
    pub(crate) behind_since: Option<Time>,
    /// When it last said something under the ballot.
    pub(crate) heard_at: Option<Time>,
}

/// What a peer is in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A secondary.
    Member,
    /// Catching up; nothing waits for it.
    Learner { life: u64, session: u64 },
    /// Caught up, or about to: commits wait for it. `proposed`: it may be a member already.
    Joining { life: u64, session: u64, proposed: bool },
}

impl Peer {
    /// A secondary of a new ballot: believed to have what is committed.
    pub(crate) fn member(id: NodeId, committed: Decree, options: &Options) -> Peer {
        Peer::new(id, Standing::Member, committed, options)
    }

    /// A learner that has what is committed through `upto`.
    pub(crate) fn learner(id: NodeId, life: u64, session: u64, upto: Decree, options: &Options) -> Peer {
        Peer::new(id, Standing::Learner { life, session }, upto, options)
    }

    fn new(id: NodeId, standing: Standing, sent: Decree, options: &Options) -> Peer {
        Peer {
            id,
            standing,
            held: Decree(0),
            base: Decree(0),
            sent,
            told: Decree(0),
            resend_at: None,
            patience: options.resend,
            granted: None,
            behind_since: None,
            heard_at: None,
        }
    }

    /// Whether commits wait for it.
    pub(crate) fn counts(&self) -> bool {
        if mutant!(AddedNotCounted) {
            return self.is_member();
        }
        !matches!(self.standing, Standing::Learner { .. })
    }

    /// Whether it may act as a member, so that its lease is needed.
    pub(crate) fn leases(&self) -> bool {
        if mutant!(AddedNotCounted) {
            return self.is_member();
        }
        matches!(self.standing, Standing::Member | Standing::Joining { proposed: true, .. })
    }

    pub(crate) fn is_member(&self) -> bool {
        self.standing == Standing::Member
    }

    /// The session of a learner, 0 of a member.
    pub(crate) fn session(&self) -> u64 {
        match self.standing {
            Standing::Member => 0,
            Standing::Learner { session, .. } | Standing::Joining { session, .. } => session,
        }
    }

    /// It gave back this stamp of ours.
    pub(crate) fn grant(&mut self, now: Time, heard: Time) {
        self.heard_at = Some(now);
        if heard > Time::default() && heard <= now {
            self.granted = self.granted.max(Some(heard));
        }
    }

    /// End of the lease; the beginning of time if there never was one.
    pub(crate) fn lease_until(&self, options: &Options) -> Time {
        self.granted.map_or(Time::default(), |stamp| stamp + options.lease)
    }

    /// When its silence, or its standing in the way, has lasted too long. `begun`: of the ballot.
    pub(crate) fn overdue_at(&self, options: &Options, begun: Time) -> Time {
        // One that never granted a lease may not have heard of the ballot yet.
        let silent = self.granted.map_or(begun + options.grace, |stamp| stamp + options.lease);
        self.behind_since.map_or(silent, |since| silent.min(since + options.lease))
    }

    /// It acknowledged `upto`.
    pub(crate) fn acknowledge(&mut self, ledger: &Ledger, options: &Options, now: Time, upto: Decree) {
        if upto > self.held {
            self.held = upto;
            self.patience = options.resend;
            self.resend_at = (upto < ledger.prepared()).then(|| now + self.patience);
            self.behind_since = None;
        }
        self.sent = self.sent.max(upto);
    }

    /// Notes whether it holds up what the own log vouches for.
    pub(crate) fn compare(&mut self, own: Decree, now: Time) {
        if self.held >= own {
            self.behind_since = None;
        } else if self.counts() {
            self.behind_since = self.behind_since.or(Some(now));
        }
    }

    /// Believes that it has nothing behind `upto` (or, if it is a learner, behind what it said before). A member does have what is committed; its fence it gets in any case until it acknowledged it.
    pub(crate) fn set_back(&mut self, ledger: &Ledger, upto: Decree) {
        if !self.is_member() {
            self.base = self.base.max(upto);
            self.sent = self.base.max(self.held);
            return;
        }
        let fence = ledger.fence.expect("a primary has its fence").decree;
        let has = if self.held < fence { upto.min(fence.before()) } else { upto.max(self.held) };
        self.sent = has.max(ledger.committed());
    }

    /// Sends the next part of what it lacks, or the commit point alone. `false`: memory does not reach back that far.
    pub(crate) fn feed(&mut self, ledger: &Ledger, options: &Options, now: Time, out: &mut Vec<Output>) -> bool {
        if self.sent.next() < ledger.memory_from() {
            return false;
        }
        let mut mutations = ledger.run(self.sent.next(), options.resend_bytes);
        if let Some(last) = mutations.last() {
            self.sent = last.decree;
            self.resend_at = self.resend_at.or(Some(now + self.patience));
        }
        if !self.is_member() {
            // Committed or not, it is prepared again under this ballot; a learner's marker stands for every fence.
            mutations.iter_mut().for_each(|mutation| (mutation.ballot, mutation.fence) = (ledger.ballot, false));
        }
        self.send(ledger, now, mutations, out);
        true
    }

    /// Sends a new mutation if it has all before it.
    pub(crate) fn send_new(&mut self, ledger: &Ledger, now: Time, mutation: &Mutation, out: &mut Vec<Output>) {
        if self.sent.next() == mutation.decree {
            self.sent = mutation.decree;
            self.send(ledger, now, vec![mutation.clone()], out);
            self.resend_at = self.resend_at.or(Some(now + self.patience));
        }
    }

    /// Says that the primary is here, and its commit point.
    pub(crate) fn beacon(&mut self, ledger: &Ledger, now: Time, out: &mut Vec<Output>) {
        self.send(ledger, now, Vec::new(), out);
    }

    /// Tells a configuration to one that has not spoken under it yet.
    pub(crate) fn introduce(&self, config: &GroupConfig, life: u64, out: &mut Vec<Output>) {
        if self.heard_at.is_none() {
            let message = Message::Config { config: config.clone(), life };
            out.push(Output::Send { to: self.id.clone(), message });
        }
    }

    fn send(&mut self, ledger: &Ledger, now: Time, mutations: Vec<Mutation>, out: &mut Vec<Output>) {
        let (ballot, committed, sent) = (ledger.ballot, ledger.committed(), now);
        self.told = committed;
        let message = if mutations.is_empty() {
            Message::Beacon { ballot, committed, sent }
        } else {
            Message::Prepare { ballot, committed, sent, mutations }
        };
        out.push(Output::Send { to: self.id.clone(), message });
    }
}
