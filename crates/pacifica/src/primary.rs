//! The primary's part: order, send, count, commit.
//!
//! ```text
//!   a secondary as its primary sees it
//!             held                    sent                    prepared
//!    ──────────┴───────────────────────┴───────────────────────┴─────▶ decree
//!              ╰─ on its way or lost ──╯╰─ follows when it holds
//!                                         what was sent ───────╯
//! ```
//! While `sent` keeps up with `prepared` every new mutation goes out at once. A secondary that says it is behind, or is silent for too long,
//! is set back to what it is known to have and fed one part at a time: it keeps nothing out of order, so more would be waste.
//!
//! Invariant: the commit point passes a decree only when the own log and every secondary vouched for it under this ballot.

use std::time::Duration;

use bytes::Bytes;
use types::id::{Decree, NodeId};
use types::time::Time;

use crate::ledger::Ledger;
use crate::message::{Message, Mutation};
use crate::replica::{Options, Output, Role};

/// Primary under the ledger's ballot.
#[derive(Debug)]
pub(crate) struct Primary {
    peers: Vec<Peer>,
    /// Whether the fence is committed.
    reconciled: bool,
    /// Whether a member told of a higher ballot: another may be serving under it.
    superseded: bool,
    /// When the commit point is told to those who have not heard it.
    notice_at: Option<Time>,
    /// Empty mutations are ordered up to here: some log has void records there.
    fill: Decree,
}

/// A secondary. A learner will be one that is not counted.
#[derive(Debug)]
struct Peer {
    id: NodeId,
    /// It acknowledged this under the ballot; zero: nothing yet.
    held: Decree,
    /// It was sent this, since it was last set back.
    sent: Decree,
    /// It was told this commit point.
    told: Decree,
    /// When it is set back, if it makes no progress; `None` while it lacks nothing.
    resend_at: Option<Time>,
    /// How long that takes.
    patience: Duration,
}

impl Primary {
    /// Begins to reconcile.
    pub(crate) fn begin<'a>(
        ledger: &mut Ledger,
        options: &Options,
        now: Time,
        secondaries: impl Iterator<Item = &'a NodeId>,
        out: &mut Vec<Output>,
    ) -> Primary {
        let committed = ledger.committed();
        let fill = ledger.reach();
        ledger.prepare_again(out);
        let peers = secondaries.map(|id| Peer::new(id.clone(), committed, options)).collect();
        let mut primary = Primary { peers, reconciled: false, superseded: false, notice_at: None, fill };
        primary.peers.iter_mut().for_each(|peer| peer.feed(ledger, options, now, out));
        primary
    }

    pub(crate) fn serving(&self) -> bool {
        self.reconciled && !self.superseded
    }

    /// Stops serving for good; true if it was. What is on its way may still commit under this ballot, or in the configuration that comes.
    pub(crate) fn supersede(&mut self) -> bool {
        let served = self.serving();
        self.superseded = true;
        served
    }

    pub(crate) fn secondaries(&self) -> impl Iterator<Item = (&NodeId, Decree)> {
        self.peers.iter().map(|peer| (&peer.id, peer.held))
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.peers.iter().filter_map(|peer| peer.resend_at).chain(self.notice_at).min()
    }

    /// Orders `body`. Sends before it logs, so that all disks work at once.
    pub(crate) fn on_write(&mut self, ledger: &mut Ledger, now: Time, body: Bytes, out: &mut Vec<Output>) {
        let (ballot, committed) = (ledger.ballot, ledger.committed());
        let decree = ledger.prepared().next();
        let mutation = Mutation { ballot, decree, committed, fence: false, body };
        for peer in self.peers.iter_mut().filter(|peer| peer.sent.next() == decree) {
            peer.sent = decree;
            peer.send(ledger, vec![mutation.clone()], out);
            peer.resend_at = peer.resend_at.or(Some(now + peer.patience));
        }
        ledger.append(mutation, out);
    }

    pub(crate) fn on_prepared(
        &mut self,
        ledger: &mut Ledger,
        options: &Options,
        now: Time,
        from: &NodeId,
        upto: Decree,
        out: &mut Vec<Output>,
    ) {
        // Nobody holds under this ballot what was not prepared under it; a secondary vouches for nothing before it has the fence.
        let fence = ledger.fence.expect("a primary has its fence").decree;
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == *from && upto >= fence && upto <= ledger.prepared()) else { return };
        if upto > peer.held {
            peer.held = upto;
            peer.patience = options.resend;
            peer.resend_at = (upto < ledger.prepared()).then(|| now + peer.patience);
        }
        if upto >= peer.sent {
            peer.sent = upto;
            if upto < ledger.prepared() {
                peer.feed(ledger, options, now, out);
            }
        }
        self.try_commit(ledger, options, now, out);
    }

    /// Sends a secondary what it asks for; if that is nothing, the commit point.
    pub(crate) fn on_behind(
        &mut self,
        ledger: &mut Ledger,
        options: &Options,
        now: Time,
        from: &NodeId,
        upto: Decree,
        out: &mut Vec<Output>,
    ) {
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == *from) else { return };
        if upto > ledger.prepared() {
            if upto.0 - ledger.prepared().0 <= FILL_MAX {
                self.fill = self.fill.max(upto);
                self.fill_up(ledger, options, now, out);
            }
            return;
        }
        peer.set_back(ledger, upto);
        peer.feed(ledger, options, now, out);
    }

    pub(crate) fn on_tick(&mut self, ledger: &Ledger, options: &Options, now: Time, out: &mut Vec<Output>) {
        for peer in self.peers.iter_mut().filter(|peer| peer.resend_at.is_some_and(|at| at <= now)) {
            peer.patience = (peer.patience * 2).min(options.resend_max);
            peer.resend_at = None;
            peer.set_back(ledger, peer.held);
            peer.feed(ledger, options, now, out);
        }
        if self.notice_at.is_some_and(|at| at <= now) {
            self.notice_at = None;
            let unaware = self.peers.iter_mut().filter(|peer| peer.told < ledger.committed());
            unaware.for_each(|peer| peer.send(ledger, Vec::new(), out));
        }
    }

    /// Commits what the own log and all secondaries vouch for.
    pub(crate) fn try_commit(&mut self, ledger: &mut Ledger, options: &Options, now: Time, out: &mut Vec<Output>) {
        let Some(own) = ledger.vote() else { return };
        let all = self.peers.iter().map(|peer| peer.held).fold(own, Decree::min);
        if all <= ledger.committed() {
            return;
        }
        ledger.commit(all, out);
        if !self.peers.is_empty() && self.notice_at.is_none() {
            self.notice_at = Some(now + options.notice);
        }
        if !self.reconciled {
            self.reconciled = true;
            if self.serving() {
                out.push(Output::Role(Role::Primary));
            }
        }
        self.fill_up(ledger, options, now, out);
    }

    /// Orders empty mutations where void records lie in some log, as far as the window lets it: a log can only forget a record when its
    /// decree is applied, and a partition that nobody writes to would keep a node's log from being trimmed.
    fn fill_up(&mut self, ledger: &mut Ledger, options: &Options, now: Time, out: &mut Vec<Output>) {
        while self.serving() && ledger.prepared() < self.fill && ledger.in_flight() < options.window {
            self.on_write(ledger, now, Bytes::new(), out);
        }
    }
}

impl Peer {
    fn new(id: NodeId, committed: Decree, options: &Options) -> Peer {
        Peer { id, held: Decree(0), sent: committed, told: Decree(0), resend_at: None, patience: options.resend }
    }

    /// Believes that it has nothing behind `upto`, but does have what is committed. Its fence it gets in any case until it acknowledged it.
    fn set_back(&mut self, ledger: &Ledger, upto: Decree) {
        let fence = ledger.fence.expect("a primary has its fence").decree;
        let has = if self.held < fence { upto.min(fence.before()) } else { upto.max(self.held) };
        self.sent = has.max(ledger.committed());
    }

    /// Sends the next part of what it lacks, or the commit point alone.
    fn feed(&mut self, ledger: &Ledger, options: &Options, now: Time, out: &mut Vec<Output>) {
        let mutations = ledger.run(self.sent.next(), options.resend_bytes);
        if let Some(last) = mutations.last() {
            self.sent = last.decree;
            self.resend_at = self.resend_at.or(Some(now + self.patience));
        }
        self.send(ledger, mutations, out);
    }

    fn send(&mut self, ledger: &Ledger, mutations: Vec<Mutation>, out: &mut Vec<Output>) {
        let (ballot, committed) = (ledger.ballot, ledger.committed());
        self.told = committed;
        out.push(Output::Send { to: self.id.clone(), message: Message::Prepare { ballot, committed, mutations } });
    }
}

/// How far past the prepared decree a fill is believed to be needed; more than any window leaves behind.
const FILL_MAX: u64 = 4096;
