//! A node: its disk, its process, and what the driver in `replica` does with a core, in small.
//!
//! ```text
//!   Disk    logs, ballots, stores: what a crash leaves       survives, but for what was not synced
//!   Part    core, state, overlay, queue, answers              of one process
//! ```
//! Invariant: an answer leaves when the mutation that holds its writes, or the last one it may have seen, is applied here.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use pacifica::message::{Message, Mutation};
use pacifica::recovery::Recovery;
use pacifica::replica::{Answer, Blocked, Input, LogToken, Output, Replica, Role, Suggestion};
use types::group::GroupConfig;
use types::id::{Ballot, Decree};
use types::time::Time;
use wire::rpc::{Assignment, ControlRequest, Duty, NodeReport, ReplicaReport, ReplicaState};

use crate::client::{Ask, Outcome, Refusal};
use crate::clock::{Clock, MS, Nanos, SECOND};
use crate::data::{Body, Request, State};
use crate::linear::Reply;
use crate::meta::address;
use crate::rng::Rng;
use crate::settings::Settings;
use crate::world::{Event, Raised, World, say};

/// One record of a log.
#[derive(Debug, Clone)]
pub(crate) struct Rec {
    /// Place in the node's log.
    pub(crate) seq: u64,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Mutation(Mutation),
    Mark(Ballot, Decree),
}

impl Kind {
    pub(crate) fn decree(&self) -> Decree {
        match self {
            Kind::Mutation(mutation) => mutation.decree,
            Kind::Mark(_, decree) => *decree,
        }
    }
}

/// What a node has on its disk.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// One log, seen by partition.
    pub(crate) logs: Vec<VecDeque<Rec>>,
    /// The last record's place.
    pub(crate) last: u64,
    /// Through here it is on stable storage.
    pub(crate) synced: u64,
    pub(crate) ballots: Vec<Ballot>,
    /// What the stores flushed; `None`: no copy.
    pub(crate) stores: Vec<Option<State>>,
    /// The copy cannot be read.
    pub(crate) damaged: Vec<bool>,
}

impl Disk {
    pub(crate) fn create(&mut self, p: usize) {
        self.stores[p] = Some(State::default());
    }

    /// Power is lost: of what was not synced a part is left.
    pub(crate) fn lose_power(&mut self, rng: &mut Rng) {
        let kept = rng.within(self.synced, self.last);
        for log in &mut self.logs {
            while log.back().is_some_and(|rec| rec.seq > kept) {
                log.pop_back();
            }
        }
        self.last = kept;
        self.synced = self.synced.min(kept);
    }
}

/// One replica of a process.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) core: Replica,
    pub(crate) state: State,
    overlay: State,
    pub(crate) serving: bool,
    pub(crate) failed: bool,
    /// The fetch that works on the copy.
    pub(crate) fetching: Option<u64>,
    queue: VecDeque<Ask>,
    answers: VecDeque<(u64, Ask, Option<Reply>)>,
    /// Requests in mutations that are not applied: session, number, decree.
    under_way: Vec<(u64, u64, u64)>,
    /// Records that the core was not told of: places and tokens.
    unlogged: VecDeque<(u64, LogToken)>,
    /// When the next tick is due.
    tick: Nanos,
    told_stalled: bool,
    /// Whether there was a lease when this was last looked at.
    leased: bool,
    /// The question put to the meta server.
    pub(crate) changing: Option<u64>,
}

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) up: bool,
    /// Counts processes.
    pub(crate) epoch: u32,
    pub(crate) life: u64,
    pub(crate) paused_until: Nanos,
    pub(crate) clock: Clock,
    pub(crate) disk: Disk,
    pub(crate) parts: Vec<Option<Part>>,
    /// The sync that runs: through which record.
    syncing: Option<u64>,
    /// How much slower the disk is now.
    pub(crate) slow: Nanos,
    pub(crate) full: bool,
    /// Records that found no room, in order.
    pub(crate) pending: VecDeque<(usize, LogToken, Kind)>,
    stalled: bool,
    report_number: u64,
    report_at: Nanos,
}

impl Node {
    pub(crate) fn new(rng: &mut Rng, settings: &Settings) -> Node {
        let n = settings.partitions;
        let ppm = rng.within(0, 2 * settings.drift) as i64 - settings.drift as i64;
        Node {
            up: false,
            epoch: 0,
            life: 0,
            paused_until: 0,
            clock: Clock::new(0, SECOND + rng.below(10_000 * SECOND), ppm),
            disk: Disk {
                logs: vec![VecDeque::new(); n],
                ballots: vec![Ballot(0); n],
                stores: vec![None; n],
                damaged: vec![false; n],
                ..Disk::default()
            },
            parts: (0..n).map(|_| None).collect(),
            syncing: None,
            slow: 0,
            full: false,
            pending: VecDeque::new(),
            stalled: false,
            report_number: 0,
            report_at: 0,
        }
    }
}

impl Part {
    fn new(core: Replica, state: State) -> Part {
        Part {
            core,
            overlay: State::default(),
            state,
            serving: false,
            failed: false,
            fetching: None,
            queue: VecDeque::new(),
            answers: VecDeque::new(),
            under_way: Vec::new(),
            unlogged: VecDeque::new(),
            tick: Nanos::MAX,
            told_stalled: false,
            leased: false,
            changing: None,
        }
    }

    pub(crate) fn role(&self) -> Role {
        self.core.role()
    }

    /// Whether reads are answered.
    pub(crate) fn readable(&self, now: Time) -> bool {
        let leased = now < self.core.lease_until() || pacifica::mutant!(LeaseByTimer) && self.leased;
        !self.failed && self.serving && self.role() == Role::Primary && leased
    }

    fn report_state(&self) -> ReplicaState {
        if self.failed {
            return ReplicaState::Failed;
        }
        match self.role() {
            Role::Waiting => ReplicaState::Waiting,
            Role::Reconciling => ReplicaState::Reconciling,
            Role::Primary if self.serving => ReplicaState::Primary,
            Role::Primary => ReplicaState::Reconciling,
            Role::Secondary => ReplicaState::Secondary,
            Role::Learner => ReplicaState::Learner,
        }
    }

    fn unsettled(&self) -> bool {
        match self.report_state() {
            ReplicaState::Waiting => self.core.config().is_none(),
            ReplicaState::Reconciling => true,
            _ => false,
        }
    }
}

impl World {
    pub(crate) fn clock(&self, n: usize) -> Time {
        self.nodes[n].clock.read(self.now)
    }

    pub(crate) fn body(&self, body: &Bytes) -> (u64, Rc<Body>) {
        let id = body.get(..8).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
        (id, Rc::clone(&self.bodies[id as usize]))
    }

    // Starting and stopping.

    pub(crate) fn restart(&mut self, n: usize) {
        if self.nodes[n].up {
            return;
        }
        let node = &mut self.nodes[n];
        node.up = true;
        node.epoch += 1;
        node.life += 1 + self.rng.below(1000);
        if pacifica::mutant!(LogTailDropped) && self.rng.chance(50) {
            node.disk.logs.iter_mut().for_each(|log| drop(log.pop_back()));
        }
        node.disk.synced = node.disk.last;
        node.syncing = None;
        node.stalled = false;
        node.pending.clear();
        say!(self, "{} starts, life {}", self.ids[n], self.nodes[n].life);
        for p in 0..self.parts.len() {
            self.open(n, p);
        }
        let epoch = self.nodes[n].epoch;
        let flush = self.rng.below(1000 * MS);
        self.after(flush, Event::Flush { node: n, epoch });
        self.nodes[n].report_at = Nanos::MAX;
        self.report_in(n, MS);
        for p in 0..self.parts.len() {
            self.step(n, p, Input::Tick);
        }
    }

    /// Makes the replica out of what the disk holds.
    fn open(&mut self, n: usize, p: usize) {
        self.nodes[n].parts[p] = None;
        let Some(store) = self.nodes[n].disk.stores[p].clone() else { return };
        let ballot = self.nodes[n].disk.ballots[p];
        let (mut state, damaged) = (store, self.nodes[n].disk.damaged[p]);
        let mut recovery = Recovery::new(ballot, Decree(state.applied));
        let mut failed = damaged;
        if !damaged {
            let log = std::mem::take(&mut self.nodes[n].disk.logs[p]);
            let mut released = Vec::new();
            for rec in &log {
                let taken = match &rec.kind {
                    Kind::Mutation(mutation) => recovery.take(mutation.clone()),
                    Kind::Mark(ballot, decree) => recovery.mark(*ballot, *decree),
                };
                if let Err(error) = taken {
                    say!(self, "{} p{p} cannot be recovered: {error}", self.ids[n]);
                    self.violation("recovery", format_args!("{} p{p}: {error}", self.ids[n]));
                }
                if self.rng.chance(100) {
                    recovery.release(&mut released);
                }
            }
            recovery.release(&mut released);
            self.nodes[n].disk.logs[p] = log;
            for mutation in released {
                let (id, body) = self.body(&mutation.body);
                self.on_commit(n, p, mutation.decree, id, state.applied, false);
                state.apply(mutation.decree.0, &body);
            }
        } else {
            recovery = Recovery::new(ballot, Decree(0));
            state = State::default();
            failed = true;
        }
        let core = recovery.finish(self.ids[n].clone(), self.settings.core.clone(), self.nodes[n].life);
        let mut part = Part::new(core, state);
        part.failed = failed;
        part.core.set_floor(self.settings.floor);
        self.check_recovered(n, p, &part);
        self.nodes[n].parts[p] = Some(part);
    }

    /// The process ends; with `power` the machine does.
    pub(crate) fn stop(&mut self, n: usize, power: bool) {
        let node = &mut self.nodes[n];
        if power {
            node.disk.lose_power(&mut self.rng);
            let ppm = self.rng.within(0, 2 * self.settings.drift) as i64 - self.settings.drift as i64;
            node.clock = Clock::new(self.now, SECOND, ppm);
        }
        if !node.up {
            return;
        }
        say!(self, "{} stops{}", self.ids[n], if power { ", its power is lost" } else { "" });
        let node = &mut self.nodes[n];
        node.up = false;
        node.epoch += 1;
        node.paused_until = 0;
        node.pending.clear();
        node.parts.iter_mut().for_each(|part| *part = None);
        // Its connections break: some notice.
        for peer in 0..self.nodes.len() {
            if peer != n && self.rng.chance(500) && !self.network.cut[n][peer] {
                let (epoch, name) = (self.nodes[peer].epoch, self.ids[n].clone());
                let delay = self.rng.below(5 * MS);
                self.after(delay, Event::Suspected { node: peer, epoch, peer: name });
            }
        }
    }

    // The core.

    pub(crate) fn step(&mut self, n: usize, p: usize, input: Input) {
        if !self.nodes[n].up {
            return;
        }
        let now = self.clock(n);
        let Some(part) = self.nodes[n].parts[p].as_mut() else { return };
        if part.failed {
            if let Input::Received { from, message: Message::Prepare { ballot, .. } | Message::Beacon { ballot, .. } } = input {
                let to = self.index(&from);
                self.send(n, to, p, Message::Stranger { ballot, renew: true });
            }
            return;
        }
        if part.fetching.is_some() {
            return;
        }
        let mut out = std::mem::take(&mut self.outputs);
        part.core.step(now, input, &mut out);
        self.perform(n, p, &mut out);
        self.outputs = out;
        self.go_on(n, p);
    }

    fn replica(&mut self, n: usize, p: usize) -> &mut Part {
        self.nodes[n].parts[p].as_mut().expect("the replica is there")
    }

    fn perform(&mut self, n: usize, p: usize, out: &mut Vec<Output>) {
        for output in out.drain(..) {
            match output {
                Output::Log { token, mutation } => self.append(n, p, token, Kind::Mutation(mutation)),
                Output::Mark { token, ballot, decree } => self.append(n, p, token, Kind::Mark(ballot, decree)),
                Output::Send { to, message } => {
                    if let Message::Prepared { ballot, upto, .. } = message {
                        self.check_vouched(n, p, ballot, upto);
                    }
                    let to = self.index(&to);
                    self.send(n, to, p, message);
                }
                Output::Apply(mutation) => {
                    let (id, body) = self.body(&mutation.body);
                    let part = self.replica(n, p);
                    let applied = part.state.applied;
                    let leads = matches!(part.role(), Role::Primary | Role::Reconciling);
                    self.on_commit(n, p, mutation.decree, id, applied, leads);
                    let part = self.replica(n, p);
                    part.state.apply(mutation.decree.0, &body);
                    part.under_way.retain(|(session, number, _)| {
                        !body.requests.iter().any(|request| (request.session, request.number) == (*session, *number))
                    });
                    for request in &body.requests {
                        self.on_request_applied(n, p, request.operation, mutation.decree);
                    }
                }
                Output::Role(role) => self.on_role(n, p, role),
                Output::Adopt { config, learn } => {
                    let (epoch, delay) = (self.nodes[n].epoch, self.raise_delay(n));
                    let what = Box::new(Raised::Adopted(config, learn));
                    self.after(delay, Event::Raised { node: n, epoch, part: p, what });
                }
                Output::Propose { ballot, change } => self.propose(n, p, ballot, change),
                Output::Outdated { .. } => self.report_in(n, MS / 10),
                Output::TooFar { .. } => {
                    let config = self.replica(n, p).core.config().cloned();
                    if let Some(config) = config {
                        self.fetch(n, p, config);
                    }
                }
                Output::Behind { expected, received } => {
                    say!(self, "{} p{p} cannot follow: expects {expected}, is offered {received}", self.ids[n]);
                    self.on_behind(n, p, expected, received);
                }
            }
        }
    }

    fn on_role(&mut self, n: usize, p: usize, role: Role) {
        let ballot = self.replica(n, p).core.ballot();
        say!(self, "{} p{p} is {role:?} under {ballot}", self.ids[n]);
        self.note(ballot.0 << 8 | (n as u64) << 4 | role as u64);
        let part = self.replica(n, p);
        part.serving = false;
        part.told_stalled = false;
        if matches!(role, Role::Secondary | Role::Waiting | Role::Learner) {
            part.under_way.clear();
            self.give_up(n, p, Refusal::NotPrimary);
        }
        self.report_in(n, 20 * MS);
    }

    fn give_up(&mut self, n: usize, p: usize, refusal: Refusal) {
        let part = self.replica(n, p);
        let queue = std::mem::take(&mut part.queue);
        let answers = std::mem::take(&mut part.answers);
        for ask in queue {
            self.answer(n, &ask, Outcome::Refused(refusal));
        }
        for (_, ask, _) in answers {
            let refusal = if pacifica::mutant!(DefiniteError) { Refusal::NotPrimary } else { Refusal::Unknown };
            self.answer(n, &ask, Outcome::Refused(refusal));
        }
    }

    /// What a partition does when its core has been told something: serve, evaluate, answer, set its timer.
    fn go_on(&mut self, n: usize, p: usize) {
        let now = self.clock(n);
        let part = self.replica(n, p);
        if part.failed {
            return;
        }
        part.leased = now < part.core.lease_until();
        if !part.serving && part.role() == Role::Primary {
            part.overlay = part.state.clone();
            part.serving = true;
        }
        while self.evaluate(n, p) {}
        self.answer_applied(n, p);
        self.check_part(n, p);
        self.set_timer(n, p);
    }

    fn set_timer(&mut self, n: usize, p: usize) {
        let (now, clock, epoch) = (self.now, self.nodes[n].clock, self.nodes[n].epoch);
        let part = self.replica(n, p);
        let Some(deadline) = part.core.deadline() else { return };
        // A driver's timers are coarse.
        let at = clock.when(now, deadline).max(now + MS / 2);
        if at < part.tick {
            part.tick = at;
            self.at(at, Event::Tick { node: n, epoch, part: p, at });
        }
    }

    pub(crate) fn on_tick(&mut self, n: usize, p: usize, at: Nanos) {
        let now = self.clock(n);
        let Some(part) = self.nodes[n].parts[p].as_mut() else { return };
        if part.tick != at {
            return;
        }
        part.tick = Nanos::MAX;
        if part.core.deadline().is_some_and(|deadline| deadline <= now) {
            self.step(n, p, Input::Tick);
        } else if !part.failed && part.fetching.is_none() {
            self.set_timer(n, p);
        }
    }

    /// The replica closes; its process lives.
    pub(crate) fn fail(&mut self, n: usize, p: usize) {
        if self.nodes[n].parts[p].is_none() {
            return;
        }
        say!(self, "{} p{p} fails", self.ids[n]);
        self.replica(n, p).failed = true;
        self.give_up(n, p, Refusal::NotPrimary);
        self.report_in(n, MS);
    }

    // The log.

    fn append(&mut self, n: usize, p: usize, token: LogToken, kind: Kind) {
        let node = &mut self.nodes[n];
        if node.full || !node.pending.is_empty() {
            node.pending.push_back((p, token, kind));
            return;
        }
        node.disk.last += 1;
        let seq = node.disk.last;
        node.disk.logs[p].push_back(Rec { seq, kind });
        if let Some(part) = node.parts[p].as_mut() {
            part.unlogged.push_back((seq, token));
        }
        self.sync(n);
    }

    /// The disk has room again: what found none is appended in its order.
    pub(crate) fn resume_appends(&mut self, n: usize) {
        if self.nodes[n].full {
            return;
        }
        for (p, token, kind) in std::mem::take(&mut self.nodes[n].pending) {
            self.append(n, p, token, kind);
        }
    }

    fn sync(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        if node.syncing.is_some() || node.disk.synced == node.disk.last {
            return;
        }
        let upto = node.disk.last;
        node.syncing = Some(upto);
        let (epoch, slow) = (node.epoch, node.slow);
        let lease = u64::try_from(self.settings.core.lease.as_nanos()).unwrap_or(u64::MAX);
        let span = MS / 20 + self.rng.below(self.settings.sync) + if slow > 0 { self.rng.below(slow) } else { 0 };
        self.after(span, Event::Synced { node: n, epoch, upto });
        if span > lease {
            self.after(lease, Event::StallCheck { node: n, epoch, upto });
        }
    }

    pub(crate) fn on_synced(&mut self, n: usize, upto: u64) {
        let node = &mut self.nodes[n];
        node.disk.synced = upto;
        node.syncing = None;
        let stalled = std::mem::take(&mut node.stalled);
        for p in 0..self.parts.len() {
            let Some(part) = self.nodes[n].parts[p].as_mut() else { continue };
            let mut last = None;
            while part.unlogged.front().is_some_and(|(seq, _)| *seq <= upto) {
                last = part.unlogged.pop_front();
            }
            if let Some((_, token)) = last {
                self.step(n, p, Input::Logged { upto: token });
            }
            if stalled {
                self.tell_stalled(n, p, false);
            }
        }
        self.sync(n);
    }

    pub(crate) fn on_stall_check(&mut self, n: usize, upto: u64) {
        if self.nodes[n].syncing == Some(upto) {
            self.nodes[n].stalled = true;
            for p in 0..self.parts.len() {
                self.tell_stalled(n, p, true);
            }
        }
    }

    fn tell_stalled(&mut self, n: usize, p: usize, stalled: bool) {
        if let Some(part) = self.nodes[n].parts[p].as_mut().filter(|part| part.told_stalled != stalled) {
            part.told_stalled = stalled;
            self.step(n, p, Input::Stalled(stalled));
        }
    }

    /// The stores write down what they hold, and the log forgets that.
    pub(crate) fn on_flush(&mut self, n: usize) {
        for p in 0..self.parts.len() {
            let chosen = self.rng.chance(600);
            let node = &mut self.nodes[n];
            let Some(part) = node.parts[p].as_ref() else { continue };
            if !chosen || part.failed || part.fetching.is_some() || node.full {
                continue;
            }
            let applied = part.state.applied;
            node.disk.stores[p] = Some(part.state.clone());
            if self.rng.chance(700) {
                let synced = self.nodes[n].disk.synced;
                let log = &mut self.nodes[n].disk.logs[p];
                while log.front().is_some_and(|rec| rec.kind.decree().0 <= applied && rec.seq <= synced) {
                    log.pop_front();
                }
            }
        }
        let epoch = self.nodes[n].epoch;
        let next = self.rng.within(200, 2000) * MS;
        self.after(next, Event::Flush { node: n, epoch });
    }

    // What the meta server says.

    fn raise_delay(&mut self, n: usize) -> Nanos {
        let slow = self.nodes[n].slow;
        MS / 10 + self.rng.below(self.settings.sync) + if slow > 0 { self.rng.below(slow) } else { 0 }
    }

    pub(crate) fn report_in(&mut self, n: usize, span: Nanos) {
        let at = self.now + span;
        if self.nodes[n].report_at <= at {
            return;
        }
        self.nodes[n].report_at = at;
        self.nodes[n].report_number += 1;
        let (epoch, number) = (self.nodes[n].epoch, self.nodes[n].report_number);
        self.at(at, Event::ReportDue { node: n, epoch, number });
    }

    pub(crate) fn on_report_due(&mut self, n: usize, number: u64) {
        if self.nodes[n].report_number != number {
            return;
        }
        let now = self.clock(n);
        let node = &self.nodes[n];
        let mut unsettled = false;
        let mut replicas = Vec::new();
        for (p, part) in node.parts.iter().enumerate() {
            let Some(part) = part else { continue };
            unsettled |= part.unsettled();
            let lease_until = part.core.lease_until();
            let state = part.report_state();
            let leased = state == ReplicaState::Primary && lease_until != Time::MAX;
            replicas.push(ReplicaReport {
                partition: self.parts[p],
                // A replica that can take no part knows of later ballots, too: what it says of itself is not from before.
                ballot: if part.failed { node.disk.ballots[p] } else { part.core.ballot() },
                prepared_ballot: part.core.prepared_ballot(),
                prepared: part.core.prepared(),
                committed: part.core.committed(),
                state,
                lease: leased.then(|| lease_until.since(now)),
            });
        }
        let report =
            NodeReport { node: self.ids[n].clone(), address: address(&self.ids[n]), zone: String::new(), incarnation: node.life, replicas };
        self.request(n, ControlRequest::Report(report), None);
        self.nodes[n].report_at = Nanos::MAX;
        self.report_in(n, if unsettled { 50 * MS } else { SECOND });
    }

    /// Assignments arrive: new ballots go to the disk first.
    pub(crate) fn assign(&mut self, n: usize, assignments: Vec<Assignment>) {
        for assignment in assignments {
            let p = self.part(assignment.partition);
            let news = match &self.nodes[n].parts[p] {
                None => !matches!(assignment.duty, Duty::Bystander | Duty::Discard),
                Some(part) => {
                    let role = match part.report_state() {
                        ReplicaState::Primary | ReplicaState::Reconciling | ReplicaState::Secondary => Duty::Member,
                        ReplicaState::Learner => Duty::Learner,
                        _ => Duty::Bystander,
                    };
                    part.core.ballot() < assignment.config.ballot || assignment.suggestion.is_some() || role != assignment.duty
                }
            };
            if news {
                let (epoch, delay) = (self.nodes[n].epoch, self.raise_delay(n));
                let what = Box::new(Raised::Assigned(assignment));
                self.after(delay, Event::Raised { node: n, epoch, part: p, what });
            }
        }
    }

    fn raise(&mut self, n: usize, p: usize, ballot: Ballot) {
        let disk = &mut self.nodes[n].disk;
        disk.ballots[p] = disk.ballots[p].max(ballot);
    }

    pub(crate) fn on_assigned(&mut self, n: usize, p: usize, assignment: Assignment) {
        let Assignment { config, duty, suggestion, .. } = assignment;
        let ballot = config.ballot;
        let known = self.nodes[n].parts[p].as_ref().map(|part| (part.core.ballot(), part.role(), part.failed));
        match (duty, known) {
            (Duty::Discard, Some((ballot, role, failed))) => {
                let fetching = self.replica(n, p).fetching.is_some();
                if (failed || matches!(role, Role::Waiting | Role::Learner)) && !fetching && ballot <= config.ballot {
                    say!(self, "{} p{p} is discarded", self.ids[n]);
                    self.discard(n, p);
                }
                return;
            }
            (Duty::Discard | Duty::Bystander, None) => return,
            (Duty::Member, None) if config.ballot > Ballot(0) => return,
            (Duty::Learner, None) => {
                self.nodes[n].disk.create(p);
                self.nodes[n].disk.logs[p].clear();
                self.raise(n, p, config.ballot);
                self.open(n, p);
            }
            _ => {}
        }
        self.raise(n, p, config.ballot);
        let known = self.nodes[n].parts[p].as_ref().map(|part| (part.core.ballot(), part.role()));
        let failed = self.nodes[n].parts[p].as_ref().is_some_and(|part| part.failed);
        if let (Duty::Learner, Some((ballot, Role::Primary | Role::Reconciling | Role::Secondary))) = (duty, known)
            && ballot < config.ballot
        {
            // It believes that it is a member: that ends first.
            self.configure(n, p, config.clone(), false);
        }
        match (duty, known) {
            (Duty::Learner, Some((ballot, role))) if failed || role != Role::Learner || ballot < config.ballot => self.fetch(n, p, config),
            (Duty::Member, _) => self.configure(n, p, config, false),
            (Duty::Bystander | Duty::Discard, Some((ballot, Role::Primary | Role::Reconciling | Role::Secondary)))
                if ballot < config.ballot =>
            {
                self.configure(n, p, config, false);
            }
            _ => {}
        }
        let current =
            self.nodes[n].parts[p].as_ref().is_some_and(|part| part.core.ballot() == ballot || pacifica::mutant!(StaleSuggestion));
        if let Some(suggestion) = suggestion.filter(|_| current) {
            let suggestion = match suggestion {
                wire::rpc::Suggestion::HandOver(to) => Suggestion::HandOver(to),
                wire::rpc::Suggestion::Remove(node) => Suggestion::Remove(node),
                wire::rpc::Suggestion::TakeOver => Suggestion::TakeOver,
            };
            self.step(n, p, Input::Suggested(suggestion));
        }
    }

    pub(crate) fn discard(&mut self, n: usize, p: usize) {
        let node = &mut self.nodes[n];
        node.parts[p] = None;
        node.disk.stores[p] = None;
        node.disk.damaged[p] = false;
        node.disk.logs[p].clear();
        node.pending.retain(|(part, ..)| *part != p);
        node.disk.ballots[p] = Ballot(0);
        self.oracle.forget_ballot(n, p);
    }

    pub(crate) fn configure(&mut self, n: usize, p: usize, config: GroupConfig, learn: bool) {
        if !self.nodes[n].parts[p].as_ref().is_some_and(|part| !part.failed && part.fetching.is_none()) {
            return;
        }
        self.raise(n, p, config.ballot);
        self.step(n, p, if learn { Input::Learn(config) } else { Input::Configured(config) });
    }

    pub(crate) fn on_answer(&mut self, n: usize, p: usize, ballot: Ballot, number: u64, answer: Answer) {
        if self.end_change(n, p, number) {
            self.step(n, p, Input::Answered { ballot, answer });
        }
    }

    /// Whether that was the question.
    pub(crate) fn end_change(&mut self, n: usize, p: usize, number: u64) -> bool {
        let part = self.nodes[n].parts[p].as_mut();
        part.is_some_and(|part| part.changing.take_if(|asked| *asked == number).is_some())
    }

    // Learning.

    fn fetch(&mut self, n: usize, p: usize, config: GroupConfig) {
        let Some(part) = self.nodes[n].parts[p].as_mut() else { return };
        let idle = matches!(part.role(), Role::Waiting | Role::Learner);
        // One that failed may have acknowledged what it lost: it begins again under a later ballot than that.
        let (own, waits) = (part.core.ballot(), part.role() == Role::Waiting);
        let acted = part.failed && (config.ballot < own || config.ballot == own && !waits);
        if acted && let Some(primary) = &config.primary {
            let to = self.index(primary);
            return self.send(n, to, p, Message::Stranger { ballot: config.ballot, renew: true });
        }
        if part.fetching.is_some() || !(part.failed || idle) {
            return;
        }
        let Some(primary) = config.primary.clone() else { return };
        self.fetches += 1;
        let number = self.fetches;
        part.fetching = Some(number);
        let (has, whole) = (part.state.applied, part.failed);
        let to = self.index(&primary);
        let epoch = self.nodes[n].epoch;
        say!(self, "{} p{p} fetches from {primary}", self.ids[n]);
        let config = Box::new(config);
        if let Some(span) = self.transit(n, to) {
            self.after(span, Event::FetchAsked { node: to, from: n, epoch, part: p, config, has, whole, number });
        }
        self.after(2 * SECOND, Event::FetchFailed { node: n, epoch, part: p, number });
    }

    /// A learner asks for what it lacks, at its primary's node.
    #[expect(clippy::too_many_arguments, reason = "what the event says, field by field")]
    pub(crate) fn on_fetch_asked(
        &mut self,
        n: usize,
        from: (usize, u32),
        p: usize,
        config: Box<GroupConfig>,
        has: u64,
        whole: bool,
        number: u64,
    ) {
        let (to, epoch) = from;
        if !self.nodes[n].up {
            return;
        }
        let memory = self.rng.chance(700);
        let Some(part) = self.nodes[n].parts[p].as_ref() else { return };
        if part.failed || part.role() != Role::Primary || !part.serving || part.core.ballot() < config.ballot {
            return;
        }
        let near = memory && !whole && part.core.memory_from().0 <= has + 1;
        let copy = (!near).then(|| Box::new(part.state.clone()));
        let size = if copy.is_some() { MS + self.rng.below(400 * MS) } else { 0 };
        if let Some(span) = self.transit(n, to) {
            self.after(span + size, Event::Fetched { node: to, epoch, part: p, config, copy, number });
        }
    }

    pub(crate) fn on_fetch_failed(&mut self, n: usize, p: usize, number: u64) {
        let Some(part) = self.nodes[n].parts[p].as_mut() else { return };
        if part.fetching == Some(number) {
            part.fetching = None;
            self.go_on(n, p);
        }
    }

    pub(crate) fn on_fetched(&mut self, n: usize, p: usize, config: GroupConfig, copy: Option<State>, number: u64) {
        let Some(part) = self.nodes[n].parts[p].as_mut().filter(|part| part.fetching == Some(number)) else { return };
        part.fetching = None;
        match copy {
            // Older than what is here.
            Some(copy) if !part.failed && copy.applied < part.state.applied => return,
            Some(copy) => {
                self.stats.fetched += 1;
                let ballot = self.nodes[n].disk.ballots[p];
                say!(self, "{} p{p} installs a copy through {}", self.ids[n], copy.applied);
                let disk = &mut self.nodes[n].disk;
                disk.damaged[p] = false;
                disk.stores[p] = Some(copy.clone());
                let (id, options, life) = (self.ids[n].clone(), self.settings.core.clone(), self.nodes[n].life);
                let core = Recovery::new(ballot, Decree(copy.applied)).finish(id, options, life);
                // Records of the old core that found no room yet are void, like those in the log.
                self.nodes[n].pending.retain(|(part, ..)| *part != p);
                let mut part = Part::new(core, copy);
                part.core.set_floor(self.settings.floor);
                self.nodes[n].parts[p] = Some(part);
            }
            None if part.failed => return,
            None => {}
        }
        self.configure(n, p, config, true);
    }

    // Requests of clients.

    pub(crate) fn on_asked(&mut self, n: usize, ask: Ask) {
        let p = ask.part;
        if !self.nodes[n].up {
            if self.rng.chance(500) {
                self.answer(n, &ask, Outcome::Refused(Refusal::NotPrimary));
            }
            return;
        }
        let now = self.clock(n);
        let Some(part) = self.nodes[n].parts[p].as_mut() else {
            return self.answer(n, &ask, Outcome::Refused(Refusal::NotReady));
        };
        if part.failed || part.fetching.is_some() {
            return self.answer(n, &ask, Outcome::Refused(Refusal::NotPrimary));
        }
        if !ask.writes {
            if !part.readable(now) {
                return self.answer(n, &ask, Outcome::Refused(Refusal::NotPrimary));
            }
            let (key, _) = ask.calls[0];
            let reply = Reply::Saw(part.state.values[key].value());
            return self.answer(n, &ask, Outcome::Reply(reply));
        }
        let deadline = now + ask.patience;
        part.queue.push_back(Ask { deadline, ..ask });
        self.go_on(n, p);
    }

    /// Makes a mutation of what waits. Whether there may be more to do.
    fn evaluate(&mut self, n: usize, p: usize) -> bool {
        let now = self.clock(n);
        let full = self.nodes[n].full;
        let batch = self.rng.within(1, 4) as usize;
        let part = self.replica(n, p);
        if part.queue.is_empty() {
            return false;
        }
        match part.core.may_write(now) {
            Ok(()) if !part.serving => return false,
            Ok(()) => {}
            Err(Blocked::WindowFull | Blocked::HandingOver) => return false,
            Err(_) => {
                let queue = std::mem::take(&mut part.queue);
                for ask in queue {
                    self.answer(n, &ask, Outcome::Refused(Refusal::NotReady));
                }
                return false;
            }
        }
        let decree = part.core.next_decree().0;
        let mut body = Body::default();
        let mut refused = Vec::new();
        let mut answers = Vec::new();
        while answers.len() < batch
            && let Some(ask) = part.queue.pop_front()
        {
            if ask.deadline < now || full {
                refused.push((ask, Refusal::NotReady));
                continue;
            }
            let under_way = part.under_way.iter().any(|(session, number, _)| (*session, *number) == (ask.session, ask.number));
            let later = part.under_way.iter().any(|(session, number, _)| *session == ask.session && *number > ask.number);
            match part.state.session(ask.session) {
                Some((number, reply)) if number == ask.number => answers.push((ask, Some(reply))),
                Some((number, _)) if number > ask.number => refused.push((ask, Refusal::Unknown)),
                _ if later => refused.push((ask, Refusal::Unknown)),
                _ if under_way => answers.push((ask, None)),
                _ => {
                    let before = body.writes.len();
                    let reply = part.overlay.evaluate(&ask.calls, &mut body.writes);
                    if body.writes.len() > before || ask.attempt > 1 {
                        let Ask { session, number, operation, .. } = ask;
                        part.under_way.push((session, number, decree));
                        body.requests.push(Request { session, number, operation, reply });
                    }
                    answers.push((ask, Some(reply)));
                }
            }
        }
        if !body.requests.is_empty() {
            let padding = self.rng.index(48);
            let id = self.bodies.len() as u64;
            say!(self, "{} p{p} orders {decree}: body {id} {body:?}", self.ids[n]);
            self.bodies.push(Rc::new(body));
            let mut bytes = id.to_le_bytes().to_vec();
            bytes.resize(8 + padding, 0);
            self.check_order(n, p);
            let mut out = std::mem::take(&mut self.outputs);
            self.replica(n, p).core.step(now, Input::Write { body: bytes.into() }, &mut out);
            self.perform(n, p, &mut out);
            self.outputs = out;
        }
        let part = self.replica(n, p);
        let seen = part.core.prepared().0;
        part.answers.extend(answers.into_iter().map(|(ask, reply)| (seen, ask, reply)));
        for (ask, refusal) in refused {
            self.answer(n, &ask, Outcome::Refused(refusal));
        }
        true
    }

    fn answer_applied(&mut self, n: usize, p: usize) {
        loop {
            let part = self.replica(n, p);
            let applied = part.state.applied;
            if part.answers.front().is_none_or(|(seen, ..)| *seen > applied) {
                return;
            }
            let Some((_, ask, reply)) = part.answers.pop_front() else { return };
            let reply =
                reply.or_else(|| part.state.session(ask.session).filter(|(number, _)| *number == ask.number).map(|(_, reply)| reply));
            let outcome = reply.map_or(Outcome::Refused(Refusal::Unknown), Outcome::Reply);
            self.answer(n, &ask, outcome);
        }
    }

    fn answer(&mut self, n: usize, ask: &Ask, outcome: Outcome) {
        let place = self.client_place();
        if let Some(span) = self.transit(n, place) {
            self.after(span, Event::Told { client: ask.client, operation: ask.operation, attempt: ask.attempt, outcome });
        }
    }
}
