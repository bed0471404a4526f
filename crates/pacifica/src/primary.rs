//! The primary's part: order, send, count, commit; and keep the group such that it can.
//!
//! ```text
//!   reconciling ── fence committed ──▶ serving ── told of a higher ballot ──▶ superseded
//!
//!   asked for, one at a time:   Remove   a secondary whose lease lapsed, that holds commits up, that cannot follow
//!                               Add      a learner that holds all that is committed
//!                               HandOver on request, when nothing is in flight
//! ```
//! While a change is under way both configurations may be in force. *Remove*: the old one asks for more than the new one, so going on under it
//! is enough. *Add*: the learner is counted, with acknowledgement and lease, before it is proposed and until the ballot changes. *HandOver*: the new primary cannot
//! serve before this one acknowledged its fence, or before it is removed, which takes longer than the lease that the new primary does not renew.
//!
//! Invariant: the commit point passes a decree only under the lease of every secondary, and when the own log and every secondary vouched
//! for it under this ballot.

use bytes::Bytes;
use types::group::GroupConfig;
use types::id::{Decree, NodeId};
use types::time::Time;

use crate::ledger::Ledger;
use crate::message::{Change, Message, Mutation};
use crate::peer::{Peer, Standing};
use crate::proposal::Proposal;
use crate::replica::{Answer, Blocked, Options, Output, Role};

/// Primary under the ledger's ballot.
#[derive(Debug)]
pub(crate) struct Primary {
    config: GroupConfig,
    /// Life of the member that the configuration added; 0: none.
    added: u64,
    /// Members that were primary before, and until when they may hold a lease that began then.
    predecessors: Vec<(NodeId, Time)>,
    begun: Time,
    peers: Vec<Peer>,
    /// Whether the fence is committed.
    reconciled: bool,
    /// Whether a member told of a higher ballot: another may be serving under it.
    superseded: bool,
    /// When the commit point is told to those who have not heard it.
    notice_at: Option<Time>,
    /// When all are told that the primary is here.
    beacon_at: Time,
    /// The own log does not get on: no beacons.
    stalled: bool,
    /// Empty mutations are ordered up to here: some log has void records there.
    fill: Decree,
    /// The change asked for.
    proposal: Option<Proposal>,
    /// After a no: nothing is asked for before this.
    quiet_until: Time,
    handing: Option<Handing>,
}

/// A hand-over being prepared.
#[derive(Debug)]
struct Handing {
    to: NodeId,
    /// Until then no writes are taken.
    until: Time,
    asked: bool,
}

/// What a primary knows at the beginning of a ballot, from the one before.
pub(crate) struct Heritage {
    /// Other nodes that were primary lately, and until when they may believe that they are.
    pub(crate) predecessors: Vec<(NodeId, Time)>,
    /// The learner that the configuration may have added, with its life.
    pub(crate) joining: Option<(NodeId, u64)>,
    /// Those that are still learning.
    pub(crate) learners: Vec<NodeId>,
}

impl Primary {
    /// Begins to reconcile.
    pub(crate) fn begin(
        ledger: &mut Ledger,
        options: &Options,
        now: Time,
        us: &NodeId,
        config: GroupConfig,
        heritage: Heritage,
        out: &mut Vec<Output>,
    ) -> Primary {
        let committed = ledger.committed();
        let fill = ledger.reach();
        ledger.keep_recent(options.memory_bytes);
        ledger.prepare_again(out);
        let secondaries = config.secondaries.iter().filter(|member| *member != us);
        let peers: Vec<Peer> = secondaries.map(|id| Peer::member(id.clone(), committed, options)).collect();
        let added = heritage.joining.filter(|(node, _)| config.secondaries.contains(node)).map_or(0, |(_, life)| life);
        let predecessors = heritage.predecessors.into_iter().filter(|(node, _)| config.secondaries.contains(node)).collect();
        for node in heritage.learners.into_iter().filter(|node| !config.secondaries.contains(node)) {
            out.push(Output::Send { to: node, message: Message::Config { config: config.clone(), life: 0 } });
        }
        let mut primary = Primary {
            config,
            added,
            predecessors,
            begun: now,
            peers,
            reconciled: false,
            superseded: false,
            notice_at: None,
            beacon_at: next_beat(now, options),
            stalled: false,
            fill,
            proposal: None,
            quiet_until: Time::default(),
            handing: None,
        };
        for peer in &mut primary.peers {
            peer.introduce(&primary.config, added, out);
            peer.feed(ledger, options, now, out);
        }
        primary
    }

    /// What the primary of the next ballot, should it be this one, has to know.
    pub(crate) fn heritage(&self) -> (Option<(NodeId, u64)>, Vec<NodeId>) {
        let joining = self.peers.iter().find_map(|peer| match peer.standing {
            Standing::Joining { life, proposed: true, .. } => Some((peer.id.clone(), life)),
            _ => None,
        });
        let learners = self.peers.iter().filter(|peer| !peer.is_member()).map(|peer| peer.id.clone()).collect();
        (joining, learners)
    }

    pub(crate) fn serving(&self) -> bool {
        (self.reconciled || mutant!(ServeBeforeFence)) && !self.superseded
    }

    /// Stops serving for good; true if it was. What is on its way may still commit under this ballot, or in the configuration that comes.
    pub(crate) fn supersede(&mut self) -> bool {
        let served = self.serving();
        self.superseded = true;
        served
    }

    pub(crate) fn secondaries(&self) -> impl Iterator<Item = (&NodeId, Decree)> {
        self.peers.iter().filter(|peer| peer.is_member()).map(|peer| (&peer.id, peer.held))
    }

    pub(crate) fn learners(&self) -> impl Iterator<Item = (&NodeId, Decree)> {
        self.peers.iter().filter(|peer| !peer.is_member()).map(|peer| (&peer.id, peer.held))
    }

    /// Until when another primary cannot be serving, if no secondary were heard of any more.
    pub(crate) fn lease_until(&self, options: &Options) -> Time {
        let leases = self.peers.iter().filter(|peer| peer.leases()).map(|peer| peer.lease_until(options));
        leases.min().unwrap_or(Time::MAX)
    }

    pub(crate) fn may_write(&self, ledger: &Ledger, options: &Options, floor: usize, now: Time) -> Result<(), Blocked> {
        if !self.serving() {
            return Err(Blocked::NotReady);
        }
        if now >= self.lease_until(options) {
            return Err(Blocked::NoLease);
        }
        if 1 + self.secondaries().count() < floor {
            return Err(Blocked::TooFewMembers);
        }
        if self.handing.as_ref().is_some_and(|handing| now < handing.until) {
            return Err(Blocked::HandingOver);
        }
        let full = ledger.in_flight() >= options.window || ledger.bytes() >= options.window_bytes;
        if full { Err(Blocked::WindowFull) } else { Ok(()) }
    }

    pub(crate) fn deadline(&self, options: &Options) -> Option<Time> {
        if self.peers.is_empty() && self.proposal.is_none() && self.handing.is_none() {
            return None;
        }
        let overdue = (self.proposal.is_none() && !self.superseded).then(|| self.overdue(options).map(|(at, _)| at).min()).flatten();
        let resends = self.peers.iter().filter_map(|peer| peer.resend_at);
        let asked = self.proposal.as_ref().map(Proposal::again_at);
        let handing = self.handing.as_ref().filter(|handing| !handing.asked).map(|handing| handing.until);
        resends.chain(self.notice_at).chain(overdue).chain(asked).chain(handing).chain([self.beacon_at]).min()
    }

    /// When each secondary has to be removed, as things stand.
    fn overdue<'a>(&'a self, options: &'a Options) -> impl Iterator<Item = (Time, &'a NodeId)> {
        let due = |peer: &'a Peer| (peer.overdue_at(options, self.begun).max(self.removable_at(&peer.id)).max(self.quiet_until), &peer.id);
        self.peers.iter().filter(|peer| peer.is_member()).map(due)
    }

    /// A predecessor's lease may outlive the change of primary by as long as secondaries are patient, however many ballots that takes; but not
    /// its first word as a secondary.
    fn removable_at(&self, member: &NodeId) -> Time {
        if mutant!(PredecessorRemovedAtOnce) {
            return Time::default();
        }
        let until = self.predecessors.iter().filter(|(node, _)| node == member).map(|(_, until)| *until);
        until.max().unwrap_or_default()
    }

    /// Orders `body`. Sends before it logs, so that all disks work at once.
    pub(crate) fn on_write(&mut self, ledger: &mut Ledger, now: Time, body: Bytes, out: &mut Vec<Output>) {
        let (ballot, committed) = (ledger.ballot, ledger.committed());
        let decree = ledger.prepared().next();
        let mutation = Mutation { ballot, decree, committed, fence: false, body };
        self.peers.iter_mut().for_each(|peer| peer.send_new(ledger, now, &mutation, out));
        ledger.append(mutation, out);
    }

    /// A peer gave a lease, and nothing else.
    pub(crate) fn on_granted(
        &mut self,
        ledger: &mut Ledger,
        options: &Options,
        now: Time,
        from: &NodeId,
        heard: Time,
        out: &mut Vec<Output>,
    ) {
        self.hear(now, from, heard);
        self.try_commit(ledger, options, now, out);
    }

    /// Whoever says something as a secondary has given up what it was under an earlier ballot.
    pub(crate) fn hear(&mut self, now: Time, from: &NodeId, heard: Time) {
        self.predecessors.retain(|(node, _)| node != from);
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == *from) {
            peer.grant(now, heard);
        }
    }

    pub(crate) fn on_prepared(
        &mut self,
        ledger: &mut Ledger,
        options: &Options,
        now: Time,
        from: &NodeId,
        (upto, session): (Decree, u64),
        out: &mut Vec<Output>,
    ) {
        // Nobody holds under this ballot what was not prepared under it; a secondary vouches for nothing before it has the fence.
        let fence = ledger.fence.expect("a primary has its fence").decree;
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == *from && peer.session() == session) else { return };
        let sensible = if peer.is_member() { upto >= fence && upto <= ledger.prepared() } else { upto <= peer.sent };
        if !sensible {
            return;
        }
        let all = upto >= peer.sent;
        peer.acknowledge(ledger, options, now, upto);
        if all && upto < ledger.prepared() {
            peer.feed(ledger, options, now, out);
        }
        self.admit(ledger, options, now, from, out);
        self.try_commit(ledger, options, now, out);
    }

    /// Counts a learner that has caught up, and asks for it to be added once it holds all that is committed.
    fn admit(&mut self, ledger: &Ledger, options: &Options, now: Time, from: &NodeId, out: &mut Vec<Output>) {
        let free = self.serving() && self.proposal.is_none() && self.handing.is_none() && now >= self.quiet_until;
        let alone = !self.peers.iter().any(|peer| matches!(peer.standing, Standing::Joining { .. }) && peer.id != *from);
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == *from) else { return };
        if let Standing::Learner { life, session } = peer.standing
            && free
            && alone
            && (peer.sent == ledger.prepared() || mutant!(EarlyAdd))
            && ledger.prepared().0 - peer.held.0 <= options.window as u64
        {
            peer.standing = Standing::Joining { life, session, proposed: false };
        }
        if let Standing::Joining { life, session, proposed: false } = peer.standing
            && free
            && (peer.held >= ledger.committed() || mutant!(EarlyAdd))
            && now < peer.lease_until(options)
        {
            peer.standing = Standing::Joining { life, session, proposed: true };
            let change = Change::Add { node: from.clone(), life };
            self.proposal = Some(Proposal::begin(change, ledger.ballot, now, out));
        }
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
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.id == *from && peer.is_member()) else { return };
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

    /// Begins, or goes on, to feed a learner.
    pub(crate) fn on_learn(
        &mut self,
        ledger: &Ledger,
        options: &Options,
        now: Time,
        from: &NodeId,
        (life, session, upto): (u64, u64, Decree),
        out: &mut Vec<Output>,
    ) {
        if !self.serving() || upto > ledger.prepared() {
            return;
        }
        match self.peers.iter().position(|peer| peer.id == *from) {
            // A process that is no member any more: it was started anew.
            Some(at) if self.peers[at].is_member() => return self.remove(ledger, now, from, out),
            Some(at) if self.peers[at].session() == session => {}
            // Nothing can be said to the one that was proposed before the fate of that is known.
            Some(at) if self.peers[at].leases() => return,
            Some(at) => drop(self.peers.remove(at)),
            None => {}
        }
        if self.peers.iter().all(|peer| peer.id != *from) {
            if self.learners().count() >= LEARNERS_MAX {
                return;
            }
            self.peers.push(Peer::learner(from.clone(), life, session, upto, options));
        }
        let peer = self.peers.iter_mut().find(|peer| peer.id == *from).expect("it is there now");
        peer.heard_at = Some(now);
        peer.set_back(ledger, upto);
        if !peer.feed(ledger, options, now, out) && !peer.counts() {
            self.peers.retain(|peer| peer.id != *from);
            out.push(Output::Send { to: from.clone(), message: Message::TooFar { ballot: ledger.ballot } });
        }
    }

    /// A peer is of no use any more, or is said not to be.
    pub(crate) fn remove(&mut self, ledger: &Ledger, now: Time, node: &NodeId, out: &mut Vec<Output>) {
        self.peers.retain(|peer| peer.id != *node || peer.is_member() || peer.leases());
        let member = self.peers.iter().any(|peer| peer.id == *node && peer.is_member());
        let free = self.proposal.is_none() && now >= self.quiet_until && now >= self.removable_at(node);
        if member && free {
            self.handing = None;
            self.proposal = Some(Proposal::begin(Change::Remove(node.clone()), ledger.ballot, now, out));
        }
    }

    /// A learner can only begin again under another ballot: nothing that it said under this one counts then.
    pub(crate) fn renew(&mut self, ledger: &Ledger, now: Time, node: &NodeId, out: &mut Vec<Output>) {
        let member = self.peers.iter().any(|peer| peer.id == *node && peer.is_member());
        if !member && self.serving() && self.proposal.is_none() && self.handing.is_none() && now >= self.quiet_until {
            self.proposal = Some(Proposal::begin(Change::Remove(node.clone()), ledger.ballot, now, out));
        }
    }

    /// Prepares to hand over to `to`.
    pub(crate) fn hand_over(&mut self, ledger: &Ledger, options: &Options, now: Time, to: NodeId, out: &mut Vec<Output>) {
        let fit = self.peers.iter().any(|peer| peer.id == to && peer.is_member() && now < peer.lease_until(options));
        if fit && self.serving() && self.proposal.is_none() && self.handing.is_none() {
            self.handing = Some(Handing { to, until: now + options.lease / 2, asked: false });
            self.ask_to_hand_over(ledger, now, out);
        }
    }

    fn ask_to_hand_over(&mut self, ledger: &Ledger, now: Time, out: &mut Vec<Output>) {
        if let Some(handing) = self.handing.as_mut().filter(|handing| !handing.asked)
            && ledger.in_flight() == 0
            && self.proposal.is_none()
        {
            handing.asked = true;
            self.proposal = Some(Proposal::begin(Change::HandOver(handing.to.clone()), ledger.ballot, now, out));
        }
    }

    /// The change asked for was not carried out, or is not known to be.
    pub(crate) fn on_answer(&mut self, ledger: &Ledger, now: Time, answer: Answer, out: &mut Vec<Output>) {
        if !self.proposal.as_mut().is_some_and(|proposal| proposal.answered(now, answer)) {
            return;
        }
        let Some(over) = self.proposal.take() else { return };
        match over.change() {
            Change::Add { node, .. } if answer == Answer::Refused && !mutant!(RefusedAddForgotten) => {
                // An earlier request may be late: a new ballot makes it harmless. Until then the learner counts.
                self.proposal = Some(Proposal::begin(Change::Remove(node.clone()), ledger.ballot, now, out));
                return;
            }
            Change::Add { node, .. } => self.peers.retain(|peer| peer.id != *node),
            Change::HandOver(_) => self.handing = None,
            Change::Remove(_) | Change::TakeOver => {}
        }
        self.quiet_until = now + QUIET;
    }

    pub(crate) fn on_stalled(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    pub(crate) fn on_tick(&mut self, ledger: &Ledger, options: &Options, now: Time, out: &mut Vec<Output>) {
        let mut starved = Vec::new();
        for peer in self.peers.iter_mut().filter(|peer| peer.resend_at.is_some_and(|at| at <= now)) {
            peer.patience = (peer.patience * 2).min(options.resend_max);
            peer.resend_at = None;
            peer.introduce(&self.config, self.added, out);
            peer.set_back(ledger, peer.held);
            if !peer.feed(ledger, options, now, out) && !peer.counts() {
                starved.push(peer.id.clone());
            }
        }
        self.peers.retain(|peer| !starved.contains(&peer.id));
        if self.notice_at.is_some_and(|at| at <= now) {
            self.notice_at = None;
            let unaware = self.peers.iter_mut().filter(|peer| peer.told < ledger.committed());
            unaware.for_each(|peer| peer.beacon(ledger, now, out));
        }
        if self.beacon_at <= now {
            self.beacon_at = next_beat(now, options);
            if !self.stalled && !self.superseded {
                self.peers.iter_mut().for_each(|peer| peer.beacon(ledger, now, out));
            }
            self.forget_silent_learners(options, now);
        }
        if let Some(own) = ledger.vote() {
            self.peers.iter_mut().for_each(|peer| peer.compare(own, now));
        }
        if self.handing.as_ref().is_some_and(|handing| !handing.asked && handing.until <= now) {
            self.handing = None; // what is in flight does not get on
        }
        match &mut self.proposal {
            Some(proposal) => proposal.tick(ledger.ballot, now, out),
            None if self.superseded || now < self.quiet_until => {}
            None => {
                // One that was proposed counts until a new ballot says what became of it.
                let undecided = self.peers.iter().find(|peer| !peer.is_member() && peer.leases()).map(|peer| peer.id.clone());
                if let Some(node) = undecided {
                    self.proposal = Some(Proposal::begin(Change::Remove(node), ledger.ballot, now, out));
                    return;
                }
                let first = self.overdue(options).filter(|(at, _)| *at <= now).min_by_key(|(at, _)| *at);
                if let Some(node) = first.map(|(_, node)| node.clone()) {
                    self.remove(ledger, now, &node, out);
                }
            }
        }
    }

    /// A learner that is silent, or that holds up commits before it was proposed, has to begin again.
    fn forget_silent_learners(&mut self, options: &Options, now: Time) {
        self.peers.retain(|peer| {
            let silent = peer.heard_at.is_none_or(|at| at + options.lease <= now);
            let slow = peer.behind_since.is_some_and(|since| since + options.lease / 4 <= now);
            match peer.standing {
                Standing::Member | Standing::Joining { proposed: true, .. } => true,
                Standing::Learner { .. } => !silent,
                Standing::Joining { proposed: false, .. } => !silent && !slow,
            }
        });
    }

    /// Commits what the own log and all secondaries vouch for.
    pub(crate) fn try_commit(&mut self, ledger: &mut Ledger, options: &Options, now: Time, out: &mut Vec<Output>) {
        let Some(own) = ledger.vote() else { return };
        self.peers.iter_mut().for_each(|peer| peer.compare(own, now));
        let mut all = self.peers.iter().filter(|peer| peer.counts()).map(|peer| peer.held).fold(own, Decree::min);
        if mutant!(CommitOnMajority) {
            let mut held: Vec<Decree> = self.peers.iter().filter(|peer| peer.counts()).map(|peer| peer.held).chain([own]).collect();
            held.sort();
            all = held[(held.len() - 1) / 2].min(own);
        }
        if now >= self.lease_until(options) {
            return;
        }
        if all > ledger.committed() {
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
        self.ask_to_hand_over(ledger, now, out);
    }

    /// Orders empty mutations where void records lie in some log, as far as the window lets it: a log can only forget a record when its
    /// decree is applied, and a partition that nobody writes to would keep a node's log from being trimmed.
    fn fill_up(&mut self, ledger: &mut Ledger, options: &Options, now: Time, out: &mut Vec<Output>) {
        while self.serving() && self.handing.is_none() && ledger.prepared() < self.fill && ledger.in_flight() < options.window {
            self.on_write(ledger, now, Bytes::new(), out);
        }
    }
}

/// Beacons of all partitions of a node fall due together, so that they leave in one frame for each peer.
fn next_beat(now: Time, options: &Options) -> Time {
    let beat = options.beacon.as_nanos().max(1);
    let beats = now.since_start().as_nanos() / beat + 1;
    Time::at(std::time::Duration::from_nanos(u64::try_from(beats * beat).unwrap_or(u64::MAX)))
}

/// How far past the prepared decree a fill is believed to be needed; more than any window leaves behind.
const FILL_MAX: u64 = 4096;
/// Learners a primary feeds at once.
const LEARNERS_MAX: usize = 3;
/// After a change was refused.
const QUIET: std::time::Duration = std::time::Duration::from_millis(500);
