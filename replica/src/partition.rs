//! One replica of one partition: its PacificA core, its store, what waits at it.
//!
//! ```text
//!   queue ──evaluate──▶ batch ──seal──▶ core ──Log, Send──▶ shard
//!                                        │ Apply
//!                                        ▼
//!                        store.apply ──▶ sessions ──▶ answers
//! ```
//! Owned by one shard. Readers on other threads see only [`View`].
//! Invariant: an answer leaves when the mutation that holds its writes, or the last one its reads may have seen, is applied here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use engine::error::ApplyError;
use engine::overlay::Overlay;
use engine::store::{Store, Tier};
use engine::txn::{Context as TxnContext, Txn};
use engine::write_set::WriteSet;
use pacifica::message::{Change, Message, Mutation};
use pacifica::replica::{Blocked, Input, LogToken, Output, Replica, Role, Suggestion};
use smallvec::SmallVec;
use tracing::{error, info, warn};
use types::group::GroupConfig;
use types::id::{Ballot, Decree, NodeId, PartitionId};
use types::reply::{Finished, Reply, Sink, Stop};
use types::time::{Time, UnixMs};
use types::txn::{Abort, Coprocessor};
use wire::rpc::{Refusal, ReplicaReport, ReplicaState};

use crate::body::Body;
use crate::frame::Replies;
use crate::metrics::Metrics;
use crate::queue::{Answer, AnswerKind, Answers, Group};
use crate::sessions::{Seen, Sessions};
use crate::spool::LONG;

/// What other threads may see of a replica.
pub(crate) struct View {
    pub(crate) id: PartitionId,
    /// `None`: the store could not be opened.
    pub(crate) store: Option<Arc<Store>>,
    state: AtomicU8,
    ballot: AtomicU64,
    prepared_ballot: AtomicU64,
    prepared: AtomicU64,
    committed: AtomicU64,
    /// Reading of the node's clock, in nanoseconds, up to which a primary may serve.
    lease_until: AtomicU64,
    /// First decree a learner can be fed from the primary's memory.
    memory_from: AtomicU64,
    /// Waits for the meta server to say what it is.
    adrift: AtomicBool,
}

impl View {
    pub(crate) fn new(id: PartitionId, store: Option<Arc<Store>>) -> View {
        let state = if store.is_some() { ReplicaState::Waiting } else { ReplicaState::Failed };
        let zero = || AtomicU64::new(0);
        View {
            id,
            store,
            state: AtomicU8::new(state as u8),
            ballot: zero(),
            prepared_ballot: zero(),
            prepared: zero(),
            committed: zero(),
            lease_until: zero(),
            memory_from: zero(),
            adrift: AtomicBool::new(true),
        }
    }

    /// The store, if reads that began at `now` or later may be served from it: the primary's, under the lease of every secondary.
    ///
    /// A read may take longer than the lease lasts: what it sees was committed when it began or later, and nobody else had served by then.
    pub(crate) fn readable(&self, now: Time) -> Result<&Arc<Store>, Refusal> {
        match (self.state(), &self.store) {
            (ReplicaState::Primary, Some(store)) if nanos(now) < self.lease_until.load(Ordering::Acquire) => Ok(store),
            (ReplicaState::Primary | ReplicaState::Reconciling | ReplicaState::Waiting, _) => Err(Refusal::NotReady),
            _ => Err(Refusal::NotPrimary),
        }
    }

    pub(crate) fn state(&self) -> ReplicaState {
        match self.state.load(Ordering::Acquire) {
            s if s == ReplicaState::Waiting as u8 => ReplicaState::Waiting,
            s if s == ReplicaState::Reconciling as u8 => ReplicaState::Reconciling,
            s if s == ReplicaState::Primary as u8 => ReplicaState::Primary,
            s if s == ReplicaState::Secondary as u8 => ReplicaState::Secondary,
            s if s == ReplicaState::Learner as u8 => ReplicaState::Learner,
            _ => ReplicaState::Failed,
        }
    }

    pub(crate) fn fail(&self) {
        self.state.store(ReplicaState::Failed as u8, Ordering::Release);
    }

    /// First decree a learner can be fed from the primary's memory.
    pub(crate) fn memory_from(&self) -> Decree {
        Decree(self.memory_from.load(Ordering::Acquire))
    }

    /// The ballot it adopted last.
    pub(crate) fn ballot(&self) -> Ballot {
        Ballot(self.ballot.load(Ordering::Acquire))
    }

    /// A replica that can take no part knows of this ballot, too: what it says of itself is not from before.
    pub(crate) fn learn_ballot(&self, ballot: Ballot) {
        if self.state() == ReplicaState::Failed {
            self.ballot.fetch_max(ballot.0, Ordering::AcqRel);
        }
    }

    /// Whether it waits for the meta server to say what it is, or for its group to serve.
    pub(crate) fn unsettled(&self) -> bool {
        match self.state() {
            ReplicaState::Waiting => self.adrift.load(Ordering::Acquire),
            ReplicaState::Reconciling => true,
            ReplicaState::Primary | ReplicaState::Secondary | ReplicaState::Learner | ReplicaState::Failed => false,
        }
    }

    pub(crate) fn report(&self, now: Time) -> ReplicaReport {
        let lease_until = self.lease_until.load(Ordering::Acquire);
        let leased = self.state() == ReplicaState::Primary && lease_until != u64::MAX;
        let decree = |a: &AtomicU64| types::id::Decree(a.load(Ordering::Acquire));
        let ballot = |a: &AtomicU64| types::id::Ballot(a.load(Ordering::Acquire));
        ReplicaReport {
            partition: self.id,
            ballot: ballot(&self.ballot),
            prepared_ballot: ballot(&self.prepared_ballot),
            prepared: decree(&self.prepared),
            committed: decree(&self.committed),
            state: self.state(),
            lease: leased.then(|| Duration::from_nanos(lease_until.saturating_sub(nanos(now)))),
        }
    }
}

fn nanos(time: Time) -> u64 {
    u64::try_from(time.since_start().as_nanos()).unwrap_or(u64::MAX)
}

/// What a partition needs of its shard while it works.
pub(crate) struct Context<'a> {
    pub(crate) now: Time,
    pub(crate) unix: UnixMs,
    pub(crate) coprocessor: &'a dyn Coprocessor,
    pub(crate) metrics: &'a Metrics,
    /// Whether the log takes no more for now: its disk is full, or its queue is.
    pub(crate) log_stalled: Option<Refusal>,
    /// What the partition wants done.
    pub(crate) out: &'a mut Wishes,
}

/// What partitions want done; the shard gathers them for all its partitions and does each kind at once.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) log: Vec<(PartitionId, LogToken, Entry)>,
    pub(crate) send: Vec<(PartitionId, NodeId, Message)>,
    /// Partitions whose next group's data has to be read from the disk first, with that group's calls.
    pub(crate) warm: Vec<(PartitionId, Arc<Store>, Vec<types::txn::Call>)>,
    /// Configurations heard of from members, to be made durable and adopted; whether as a learner.
    pub(crate) adopt: Vec<(PartitionId, GroupConfig, bool)>,
    /// Changes to ask the meta server for.
    pub(crate) propose: Vec<(PartitionId, Ballot, Change)>,
    /// Learners that have to fetch what their primary's memory does not hold, and from whom.
    pub(crate) fetch: Vec<PartitionId>,
    /// The meta server knows something newer.
    pub(crate) outdated: bool,
}

/// What a partition puts on the log.
pub(crate) enum Entry {
    Mutation(Mutation),
    /// A learner begins here.
    Mark(Ballot, Decree),
}

/// One replica.
pub(crate) struct Partition {
    pub(crate) view: Arc<View>,
    store: Arc<Store>,
    core: Replica,
    overlay: Overlay,
    queue: VecDeque<Group>,
    answers: Answers,
    sessions: Sessions,
    to_apply: Vec<Mutation>,
    outputs: Vec<Output>,
    /// Starts the random numbers of each overlay.
    seed: u64,
    /// Primary, and all that was prepared before is applied: the overlay and readers may build on the store.
    serving: bool,
    warming: bool,
    failed: bool,
    /// A fetch works on the store: nothing is taken in meanwhile.
    fetching: bool,
    /// What the core was told of the log.
    stalled: bool,
    /// When to look next for what has expired.
    sweep_at: Time,
}

impl Partition {
    pub(crate) fn new(view: Arc<View>, store: Arc<Store>, core: Replica, sessions: Sessions, seed: u64) -> Partition {
        let overlay = Overlay::new(&store, seed);
        let partition = Partition {
            view,
            store,
            core,
            overlay,
            queue: VecDeque::new(),
            answers: Answers::default(),
            sessions,
            to_apply: Vec::new(),
            outputs: Vec::new(),
            seed,
            serving: false,
            warming: false,
            failed: false,
            fetching: false,
            stalled: false,
            sweep_at: Time::default(),
        };
        partition.publish();
        partition
    }

    pub(crate) fn id(&self) -> PartitionId {
        self.view.id
    }

    /// When the core wants a tick.
    pub(crate) fn deadline(&self) -> Option<Time> {
        if self.failed { None } else { self.core.deadline() }
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn idle(&self) -> bool {
        self.failed || (self.queue.is_empty() && self.answers.is_empty())
    }

    pub(crate) fn enqueue(&mut self, group: Group) {
        self.queue.push_back(group);
    }

    /// Queues the removal of what has expired, if there is any at a serving primary and its time has come; says whether.
    ///
    /// The removal is an ordinary write: all members remove the same with the same mutation.
    pub(crate) fn sweep(&mut self, now: Time, unix: UnixMs, coprocessor: &dyn Coprocessor) -> bool {
        if now < self.sweep_at || !self.serving || self.failed || self.fetching {
            return false;
        }
        let waits = self.queue.iter().any(|group| group.asker.is_none());
        // A cold index says yes: the sweep itself then brings it into memory.
        let due = !waits && self.overlay.is_sweep_due(&self.store, unix).unwrap_or(true);
        self.sweep_at = now + if due { SWEEP_AGAIN } else { SWEEP_EVERY };
        if due {
            self.queue.push_back(Group {
                calls: SmallVec::from_iter([(0, coprocessor.sweep(SWEEP_KEYS))]),
                writes: true,
                asker: None,
                again: false,
                deadline: now + SWEEP_EVERY * 10,
                cold: 0,
                ticket: None,
            });
        }
        due
    }

    /// The data that the first group waits for is in memory now.
    pub(crate) fn warmed(&mut self) {
        self.warming = false;
    }

    pub(crate) fn step(&mut self, cx: &mut Context<'_>, input: Input) {
        if self.failed {
            return self.decline(cx, input);
        }
        if self.fetching {
            return;
        }
        self.core.step(cx.now, input, &mut self.outputs);
        self.perform(cx);
    }

    /// A failed replica tells its primary to go on without it.
    fn decline(&self, cx: &mut Context<'_>, input: Input) {
        if let Input::Received { from, message: Message::Prepare { ballot, .. } | Message::Beacon { ballot, .. } } = input {
            cx.out.send.push((self.id(), from, Message::Stranger { ballot, renew: true }));
        }
    }

    /// A configuration, which is durable: this node is a member, or a learner, or nothing of it.
    pub(crate) fn configure(&mut self, cx: &mut Context<'_>, config: GroupConfig, learn: bool) {
        if self.failed || self.fetching {
            return;
        }
        if config.ballot > self.core.ballot() {
            info!(partition = %self.id(), ballot = %config.ballot, primary = ?config.primary, secondaries = ?config.secondaries, learn, "new configuration");
        }
        self.step(cx, if learn { Input::Learn(config) } else { Input::Configured(config) });
    }

    /// Members that a write needs in the configuration.
    pub(crate) fn set_floor(&mut self, members: usize) {
        self.core.set_floor(members);
    }

    /// The core, for what only reads.
    pub(crate) fn core(&self) -> &Replica {
        &self.core
    }

    /// Whether a fetch may work on the store, to learn under `ballot`: nobody else does, and nothing is on its way to it.
    pub(crate) fn may_fetch(&self, ballot: Ballot) -> bool {
        let idle = matches!(self.core.role(), Role::Waiting | Role::Learner) && self.to_apply.is_empty();
        !self.fetching && if self.failed { !self.is_bound(ballot) } else { idle }
    }

    /// Whether it failed and may have acknowledged under `ballot`, or a later one, what it lost: it begins again under a later ballot than that.
    fn is_bound(&self, ballot: Ballot) -> bool {
        self.failed && (ballot < self.core.ballot() || ballot == self.core.ballot() && self.core.role() != Role::Waiting)
    }

    /// It is to learn under `config`. If it cannot under this ballot, its primary is asked for another.
    pub(crate) fn renew(&self, cx: &mut Context<'_>, config: &GroupConfig) {
        if let Some(primary) = config.primary.clone().filter(|_| self.is_bound(config.ballot)) {
            cx.out.send.push((self.id(), primary, Message::Stranger { ballot: config.ballot, renew: true }));
        }
    }

    /// From now on a fetch works on the store.
    pub(crate) fn begin_fetch(&mut self) {
        self.fetching = true;
        self.queue.drain(..).for_each(|group| group.refuse(Refusal::NotPrimary));
    }

    /// A fetch has ended, without having changed anything.
    pub(crate) fn end_fetch(&mut self) {
        self.fetching = false;
    }

    /// Whether a fetch works on the store.
    pub(crate) fn fetching(&self) -> bool {
        self.fetching
    }

    /// Tells the core whether the own log gets on; only what changes.
    pub(crate) fn on_stalled(&mut self, cx: &mut Context<'_>, stalled: bool) {
        if self.stalled != stalled {
            self.stalled = stalled;
            self.step(cx, Input::Stalled(stalled));
        }
    }

    pub(crate) fn told_stalled(&self) -> bool {
        self.stalled
    }

    /// The requests whose writes are applied here, with their replies: a copy for a learner.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Takes in what the primary remembers.
    pub(crate) fn remember(&mut self, remembered: crate::learn::Remembered) {
        for (request, decree, replies) in remembered {
            self.sessions.applied(request, decree, replies);
        }
    }

    /// The secondary that would take over soonest, if this is a primary.
    pub(crate) fn successor(&self) -> Option<Suggestion> {
        if self.failed || self.core.role() != Role::Primary {
            return None;
        }
        self.core.secondaries().max_by_key(|(_, held)| *held).map(|(node, _)| Suggestion::HandOver(node.clone()))
    }

    /// Evaluates what is queued, applies what is committed, answers what can be answered.
    pub(crate) fn run(&mut self, cx: &mut Context<'_>) {
        self.apply(cx);
        self.begin_to_serve();
        while self.evaluate(cx) {
            self.apply(cx);
        }
        self.apply(cx);
        self.answer();
        self.publish();
    }

    /// The replica cannot go on: it closes and stays closed; the process lives.
    pub(crate) fn fail(&mut self, why: &dyn std::fmt::Display) {
        if self.failed {
            return;
        }
        error!(partition = %self.id(), error = %why, "replica closed");
        self.failed = true;
        self.view.fail();
        self.give_up(Refusal::NotPrimary);
    }

    /// Refuses what waits: with `refusal` what was not begun, as unknown what was.
    pub(crate) fn give_up(&mut self, refusal: Refusal) {
        for group in self.queue.drain(..) {
            group.refuse(refusal);
        }
        for answer in self.answers.drain() {
            let begun = matches!(answer.kind, AnswerKind::Retry(_) | AnswerKind::Replies { writes: true, .. });
            answer.refuse(if begun { Refusal::Unknown } else { refusal });
        }
    }

    /// Makes one batch of the queue and seals it. Whether there may be more to do.
    fn evaluate(&mut self, cx: &mut Context<'_>) -> bool {
        if self.failed || self.warming || self.queue.is_empty() {
            return false;
        }
        match self.core.may_write(cx.now) {
            Ok(()) if !self.serving => return false, // the store is behind: its stall ends by itself
            Ok(()) => {}
            Err(Blocked::WindowFull | Blocked::HandingOver) => return false,
            Err(blocked) => {
                let refusal = match blocked {
                    Blocked::NotPrimary => Refusal::NotPrimary,
                    Blocked::TooFewMembers => Refusal::TooFewMembers,
                    _ => Refusal::NotReady,
                };
                self.queue.drain(..).for_each(|group| group.refuse(refusal));
                return false;
            }
        }
        let decree = self.core.next_decree();
        let mut writes = WriteSet::new();
        let mut body = Body::default();
        let mut answers = Vec::new();
        while writes.len() < BATCH_BYTES
            && answers.len() < BATCH_REQUESTS
            && let Some(group) = self.queue.pop_front()
        {
            if group.deadline < cx.now {
                group.refuse(Refusal::Expired);
                continue;
            }
            if group.writes
                && let Some(refusal) = cx.log_stalled
            {
                group.refuse(refusal);
                continue;
            }
            if let Some((request, frame)) = group.asker.as_ref().filter(|_| group.writes) {
                let kind = match self.sessions.look_up(*request) {
                    Seen::Never => None,
                    Seen::UnderWay(_) => Some(AnswerKind::Retry(*request)),
                    Seen::Applied(replies) => Some(AnswerKind::Replies { replies, writes: true }),
                    Seen::Superseded => {
                        group.refuse(Refusal::Unknown);
                        continue;
                    }
                };
                if let Some(kind) = kind {
                    Metrics::add(&cx.metrics.retries, 1);
                    answers.push(Answer { frame: Arc::clone(frame), places: group.places().collect(), kind });
                    continue;
                }
            }
            let tier = if group.cold < COLD_ATTEMPTS { Tier::Memory } else { Tier::Disk };
            let with = TxnContext { tier, now: cx.unix, decree };
            let mut txn = Txn::begin(&self.store, &mut self.overlay, &mut writes, with);
            match run_calls(cx.coprocessor, &mut txn, &group) {
                Ok(replies) => {
                    let wrote = txn.written() > 0;
                    // The replies to writes travel with the mutation.
                    if wrote && txn.written() + replies.bytes.len() > MUTATION_BYTES {
                        group.refuse(Refusal::TooLarge);
                        continue;
                    }
                    txn.commit();
                    Metrics::add(&cx.metrics.evaluated, group.calls.len());
                    let Some((request, frame)) = &group.asker else { continue };
                    // An earlier attempt that arrives later is not to write what this one did not.
                    let remembered = wrote || group.again;
                    if remembered {
                        self.sessions.begun(*request, decree);
                        body.requests.push((*request, replies.clone()));
                    }
                    let kind = AnswerKind::Replies { replies, writes: remembered };
                    answers.push(Answer { frame: Arc::clone(frame), places: group.places().collect(), kind });
                }
                Err(Abort::Cold) => {
                    drop(txn);
                    let calls = group.calls.iter().map(|(_, call)| call.clone()).collect();
                    cx.out.warm.push((self.id(), Arc::clone(&self.store), calls));
                    self.queue.push_front(Group { cold: group.cold + 1, ..group });
                    self.warming = true;
                    break;
                }
                Err(Abort::Storage(why)) => {
                    drop(txn);
                    group.refuse(Refusal::NotPrimary);
                    self.seal(cx, writes, body, answers);
                    self.fail(&why);
                    return false;
                }
            }
        }
        self.seal(cx, writes, body, answers);
        true
    }

    /// Hands the batch to the core as one mutation, if it wrote anything. Its answers wait for all they may have seen.
    fn seal(&mut self, cx: &mut Context<'_>, mut writes: WriteSet, mut body: Body, answers: Vec<Answer>) {
        if !writes.is_empty() || !body.requests.is_empty() {
            body.writes = writes.finish();
            Metrics::add(&cx.metrics.mutations, 1);
            self.core.step(cx.now, Input::Write { body: body.encode() }, &mut self.outputs);
        }
        let seen = self.core.prepared();
        for answer in answers {
            self.answers.push(seen, answer);
        }
        self.perform(cx);
    }

    /// Does what the core said.
    fn perform(&mut self, cx: &mut Context<'_>) {
        let id = self.id();
        for output in std::mem::take(&mut self.outputs) {
            match output {
                Output::Log { token, mutation } => cx.out.log.push((id, token, Entry::Mutation(mutation))),
                Output::Mark { token, ballot, decree } => cx.out.log.push((id, token, Entry::Mark(ballot, decree))),
                Output::Send { to, message } => cx.out.send.push((id, to, message)),
                Output::Apply(mutation) => self.to_apply.push(mutation),
                Output::Role(role) => self.on_role(role),
                Output::Adopt { config, learn } => cx.out.adopt.push((id, config, learn)),
                Output::Propose { ballot, change } => {
                    info!(partition = %id, %ballot, ?change, "asks for a change of the group");
                    cx.out.propose.push((id, ballot, change));
                }
                Output::Outdated { .. } => cx.out.outdated = true,
                Output::TooFar { .. } => cx.out.fetch.push(id),
                Output::Behind { expected, received } => {
                    warn!(partition = %id, %expected, %received, "replica cannot follow its primary: it has to learn");
                }
            }
        }
    }

    fn on_role(&mut self, role: Role) {
        info!(partition = %self.id(), ballot = %self.core.ballot(), ?role, prepared = %self.core.prepared(), "role");
        self.serving = false;
        self.stalled = false; // a new role has not been told
        self.store.keep_writes(role == Role::Primary);
        if matches!(role, Role::Secondary | Role::Waiting | Role::Learner) {
            self.give_up(Refusal::NotPrimary);
            self.sessions.void_after(self.core.applied());
        }
    }

    /// A primary serves from the moment when everything prepared before its fence is not only committed but applied: what it evaluates on is
    /// the store and, from here on, its own writes.
    fn begin_to_serve(&mut self) {
        if self.serving || self.failed || self.core.role() != Role::Primary || !self.to_apply.is_empty() {
            return;
        }
        self.seed = self.seed.wrapping_add(SEED_STEP);
        self.overlay = Overlay::new(&self.store, self.seed);
        self.serving = true;
    }

    /// Applies what the core said is committed.
    fn apply(&mut self, cx: &mut Context<'_>) {
        if self.failed || self.to_apply.is_empty() {
            return;
        }
        let mut batch = Vec::with_capacity(self.to_apply.len());
        let mut requests = Vec::new();
        for mutation in &self.to_apply {
            match Body::decode(mutation.body.clone()) {
                Ok(body) => {
                    batch.push((mutation.decree, body.writes));
                    requests.extend(body.requests.into_iter().map(|(request, replies)| (request, mutation.decree, replies)));
                }
                Err(damaged) => return self.fail(&damaged),
            }
        }
        match self.store.apply(&batch) {
            Ok(()) => {}
            Err(ApplyError::Stalled) => return, // compaction is behind; the next run tries again
            Err(failure) => return self.fail(&failure),
        }
        Metrics::add(&cx.metrics.applied, batch.len());
        self.to_apply.clear();
        self.overlay.retire(self.store.applied());
        for (request, decree, replies) in requests {
            self.sessions.applied(request, decree, replies);
        }
    }

    fn answer(&mut self) {
        let applied = self.store.applied();
        while let Some(answer) = self.answers.pop(applied) {
            match &answer.kind {
                AnswerKind::Replies { replies, .. } => {
                    let replies = replies.clone();
                    answer.tell(&replies);
                }
                AnswerKind::Retry(request) => match self.sessions.look_up(*request) {
                    Seen::Applied(replies) => answer.tell(&replies),
                    _ => answer.refuse(Refusal::Unknown),
                },
            }
        }
    }

    fn publish(&self) {
        if self.failed {
            return;
        }
        let view = &self.view;
        let store = |a: &AtomicU64, value: u64| a.store(value, Ordering::Release);
        store(&view.ballot, self.core.ballot().0);
        store(&view.prepared_ballot, self.core.prepared_ballot().0);
        store(&view.prepared, self.core.prepared().0);
        store(&view.committed, self.core.committed().0);
        store(&view.memory_from, self.core.memory_from().0);
        store(&view.lease_until, nanos(self.core.lease_until()));
        view.adrift.store(self.core.config().is_none(), Ordering::Release);
        let state = match self.core.role() {
            Role::Waiting => ReplicaState::Waiting,
            Role::Reconciling => ReplicaState::Reconciling,
            Role::Primary if self.serving => ReplicaState::Primary,
            Role::Primary => ReplicaState::Reconciling,
            Role::Secondary => ReplicaState::Secondary,
            Role::Learner => ReplicaState::Learner,
        };
        view.state.store(state as u8, Ordering::Release);
    }
}

/// Runs a group's calls in order over one transaction.
///
/// A read whose reply is long does not belong into a mutation, nor on this thread: there the request is cut, and so it is where its replies
/// are many. What is behind the cut has no reply.
fn run_calls(coprocessor: &dyn Coprocessor, txn: &mut Txn<'_>, group: &Group) -> Result<Replies, Abort> {
    let mut reply = Reply::default();
    reply.buffer().reserve(16 * group.calls.len());
    let mut ends = smallvec::SmallVec::with_capacity(group.calls.len());
    let mut reading = None;
    for (_, call) in &group.calls {
        if reply.len() > REPLIES_BYTES {
            break;
        }
        if coprocessor.writes(call.command) {
            coprocessor.execute(txn, call, &mut reply)?;
        } else {
            let read = reading.get_or_insert_with(|| {
                let stop = Stop::default();
                txn.stop_at(stop.clone());
                Reply::bounded(LONG).stopping(stop)
            });
            let ran = coprocessor.execute(txn, call, read);
            if read.is_lost() {
                break;
            }
            ran?;
            reply.extend_from_slice(read.buffer());
            read.truncate(0);
        }
        ends.push(reply.len() as u32);
    }
    let Finished::Held(bytes) = reply.finish() else { unreachable!("it has no limit") };
    Ok(Replies { bytes: bytes.into(), ends })
}

/// How often a primary looks for what has expired: about so long after its time it is gone.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// How soon it goes on where there was something: thousands of keys a second for some percent of a core.
const SWEEP_AGAIN: Duration = Duration::from_millis(20);
/// Keys and fields removed by one sweep, about: a millisecond's work.
const SWEEP_KEYS: usize = 256;
/// Between the seeds of two overlays (an odd number: all seeds come up).
const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;
/// A mutation is sealed when it holds this much: large enough that its fixed costs vanish, small enough not to delay others.
const BATCH_BYTES: usize = 1 << 20;
/// Or this many requests.
const BATCH_REQUESTS: usize = 1024;
/// Replies to one request above this are not added to.
const REPLIES_BYTES: usize = 16 << 20;
/// Writes of one request above this are refused: they travel and are applied as one.
const MUTATION_BYTES: usize = 160 << 20;
/// Evaluations of a group that may give up because its data is not in memory; the next one waits for the disk, so that it ends.
const COLD_ATTEMPTS: u8 = 3;
