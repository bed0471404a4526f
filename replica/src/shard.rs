//! A shard: the task that owns some of a node's partitions, with one place to wait.
//!
//! A turn takes all events that are there, lets every partition they touch evaluate and apply, then hands the whole turn's log records to
//! the log in one call and the whole turn's messages to each peer in one call. So the fixed costs of a turn are shared by all partitions
//! of the node, which is why several share one owner.
//!
//! Invariant: the core of a partition hears `Logged` in the order of its records, although appends may fail and be made again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use net::service::{CallError, Network, Service};
use pacifica::message::{Change, Message};
use pacifica::replica::{Answer, Input, LogToken, Role, Suggestion};
use pegasus_log::error::AppendError;
use pegasus_log::log::Log;
use pegasus_log::record::Record;
use smallvec::SmallVec;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tracing::{error, info, warn};
use types::group::GroupConfig;
use types::id::{Ballot, NodeId, PartitionId};
use types::time::Time;
use types::txn::{Call, Coprocessor};
use wire::rpc::{Assignment, ChangeRequest, ControlRequest, ControlResponse, Duty, Refusal, Replicate};

use crate::clock::Clock;
use crate::home::Home;
use crate::learn::{Fetched, Remembered, Sought};
use crate::metrics::Metrics;
use crate::partition::{Context, Entry, Partition, Wishes};
use crate::pool::Pool;
use crate::queue::Group;
use crate::record;
use crate::rehearsal::rehearse;

/// Something that happened to a shard's partitions.
pub(crate) enum Event {
    /// A client's calls for a partition.
    Client(PartitionId, Group),
    /// Messages of groups from another node.
    Messages(NodeId, Vec<(PartitionId, Message)>),
    /// What became of an append.
    Appended(u64, Result<(), AppendError>),
    /// What the meta server says of a group. Its ballot is on disk, if the node has a part in it.
    Configure(Assignment),
    /// A configuration heard of from a member, as a learner or not; its ballot is on disk.
    Adopted(PartitionId, GroupConfig, bool),
    /// A learner's fetch has ended.
    Fetched(PartitionId, Box<Fetched>),
    /// A copy of the requests that a partition remembers, for a learner.
    Sessions(PartitionId, oneshot::Sender<Remembered>),
    /// The copy is not needed any more: the partition is to be closed.
    Discard(PartitionId, oneshot::Sender<()>),
    /// The process at the other end of a connection does not seem to be there.
    Suspect(NodeId),
    /// Hand over what is led here.
    Retire,
    /// A replica that was opened.
    Open(Box<Partition>),
    /// The data the partition's first group needs is in memory.
    Warmed(PartitionId),
    /// Finish what is under way, take nothing new, then say so.
    Close(oneshot::Sender<()>),
}

/// The way to a shard. What clients and peers may queue is bounded; the shard's own events are bounded by what it has under way.
#[derive(Clone)]
pub(crate) struct Inbox {
    events: UnboundedSender<Event>,
    queued: Arc<Queued>,
}

#[derive(Default)]
struct Queued {
    groups: AtomicUsize,
    bytes: AtomicUsize,
    messages: AtomicUsize,
}

/// Bounds of an inbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InboxLimits {
    pub(crate) groups: usize,
    pub(crate) bytes: usize,
    pub(crate) messages: usize,
}

impl Inbox {
    /// Queues a group, or refuses it when too much waits already, here or at the shard's partitions.
    pub(crate) fn submit(&self, limits: &InboxLimits, partition: PartitionId, mut group: Group) {
        let ticket = Ticket::take(&self.queued, group.weight());
        if ticket.groups > limits.groups || ticket.bytes > limits.bytes {
            return group.refuse(Refusal::Busy);
        }
        group.ticket = Some(ticket);
        if let Err(unsent) = self.events.send(Event::Client(partition, group))
            && let Event::Client(_, group) = unsent.0
        {
            group.refuse(Refusal::NotReady);
        }
    }

    /// Queues messages, or drops them when the queue is full: the sender sends again. Whether they were taken.
    pub(crate) fn deliver(&self, limits: &InboxLimits, from: NodeId, messages: Vec<(PartitionId, Message)>) -> bool {
        if self.queued.messages.fetch_add(1, Ordering::Relaxed) >= limits.messages {
            self.queued.messages.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.send(Event::Messages(from, messages))
    }

    /// Queues one of the node's own events. Whether the shard is still there.
    pub(crate) fn send(&self, event: Event) -> bool {
        self.events.send(event).is_ok()
    }
}

/// A group's place in the queue, from the inbox until it is evaluated or refused.
pub(crate) struct Ticket {
    queued: Arc<Queued>,
    weight: usize,
    /// How many groups and bytes had a place when this one got its own, itself included.
    groups: usize,
    bytes: usize,
}

impl Ticket {
    fn take(queued: &Arc<Queued>, weight: usize) -> Ticket {
        let groups = queued.groups.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = queued.bytes.fetch_add(weight, Ordering::Relaxed) + weight;
        Ticket { queued: Arc::clone(queued), weight, groups, bytes }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.queued.groups.fetch_sub(1, Ordering::Relaxed);
        self.queued.bytes.fetch_sub(self.weight, Ordering::Relaxed);
    }
}

/// What a shard works with.
pub(crate) struct Tools {
    pub(crate) node: NodeId,
    /// Of this process.
    pub(crate) incarnation: u64,
    /// The node, for what its shards cannot do by themselves.
    pub(crate) home: Home,
    pub(crate) meta: Arc<dyn Service>,
    /// Members that a write needs, where the table has as many.
    pub(crate) min_write_members: usize,
    /// An fdatasync that takes longer than this is a log that does not get on.
    pub(crate) lease: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) coprocessor: Arc<dyn Coprocessor>,
    pub(crate) log: Arc<Log>,
    pub(crate) network: Arc<dyn Network>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The owner of some partitions.
pub(crate) struct Shard {
    tools: Tools,
    inbox: Inbox,
    events: UnboundedReceiver<Event>,
    partitions: HashMap<PartitionId, Partition>,
    /// Partitions touched in this turn.
    touched: HashSet<PartitionId>,
    /// Where the members of its groups are.
    addresses: HashMap<NodeId, String>,
    wishes: Wishes,
    appends: VecDeque<Append>,
    next_append: u64,
    /// When failed appends are tried again; set while there are any.
    append_again: Option<Time>,
    /// The disk was full when the log was last asked; said once.
    disk_full: bool,
    /// Changes of groups that the meta server was asked for.
    changes: FuturesUnordered<Pin<Box<dyn Future<Output = Changed> + Send>>>,
    /// Which those are.
    changing: HashSet<PartitionId>,
    stalled: bool,
    closing: Option<oneshot::Sender<()>>,
}

/// Records handed to the log, until the log has them all.
struct Append {
    number: u64,
    tokens: SmallVec<[(PartitionId, LogToken); 4]>,
    records: Vec<Record>,
    state: AppendState,
}

#[derive(PartialEq, Eq)]
enum AppendState {
    UnderWay,
    Done,
    /// The disk or the log's queue was full: to be made again.
    Full(Refusal),
}

impl Shard {
    pub(crate) fn new(tools: Tools) -> (Shard, Inbox) {
        let (sender, events) = unbounded_channel();
        let inbox = Inbox { events: sender, queued: Arc::default() };
        let shard = Shard {
            tools,
            inbox: inbox.clone(),
            events,
            partitions: HashMap::new(),
            touched: HashSet::new(),
            addresses: HashMap::new(),
            wishes: Wishes::default(),
            appends: VecDeque::new(),
            next_append: 0,
            append_again: None,
            disk_full: false,
            changes: FuturesUnordered::new(),
            changing: HashSet::new(),
            stalled: false,
            closing: None,
        };
        (shard, inbox)
    }

    /// Runs until closed.
    pub(crate) async fn run(mut self) {
        let mut taken = Vec::with_capacity(TURN_EVENTS);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                n = self.events.recv_many(&mut taken, TURN_EVENTS) => if n == 0 { return },
                Some(changed) = self.changes.next(), if !self.changes.is_empty() => self.on_changed(changed),
                _ = tick.tick() => self.on_tick(),
            }
            for event in taken.drain(..) {
                self.take(event);
            }
            self.turn();
            if self.closed() {
                return;
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Client(id, group) => match self.partitions.get_mut(&id) {
                _ if self.closing.is_some() => group.refuse(Refusal::NotReady),
                None => group.refuse(Refusal::NotReady),
                Some(partition) => {
                    partition.enqueue(group);
                    self.touched.insert(id);
                }
            },
            Event::Messages(from, messages) => {
                self.inbox.queued.messages.fetch_sub(1, Ordering::Relaxed);
                for (id, message) in messages {
                    self.step(id, |from| Input::Received { from, message }, &from);
                }
            }
            Event::Appended(number, result) => self.on_appended(number, result),
            Event::Configure(assignment) => self.on_configure(assignment),
            Event::Adopted(id, config, learn) => self.with(id, |partition, cx| partition.configure(cx, config, learn)),
            Event::Fetched(id, fetched) => self.on_fetched(id, *fetched),
            Event::Sessions(id, answer) => {
                let remembered = self.partitions.get(&id).map(|partition| partition.sessions().export());
                let _ = answer.send(remembered.unwrap_or_default()); // who asked may have given up
            }
            Event::Discard(id, done) => {
                if self.partitions.get(&id).is_some_and(|partition| !partition.fetching()) {
                    self.partitions.remove(&id);
                    self.forget_appends(id);
                    let _ = done.send(()); // who asked may have given up
                }
            }
            Event::Suspect(node) => {
                for id in self.ids() {
                    self.with(id, |partition, cx| partition.step(cx, Input::Suspect(node.clone())));
                }
            }
            Event::Retire => {
                for id in self.ids() {
                    self.with(id, |partition, cx| {
                        if let Some(suggestion) = partition.successor() {
                            partition.step(cx, Input::Suggested(suggestion));
                        }
                    });
                }
            }
            Event::Open(partition) => {
                self.touched.insert(partition.id());
                self.partitions.insert(partition.id(), *partition);
            }
            Event::Warmed(id) => {
                if let Some(partition) = self.partitions.get_mut(&id) {
                    partition.warmed();
                    self.touched.insert(id);
                }
            }
            Event::Close(done) => {
                info!(node = %self.tools.node, "shard is closing");
                self.closing = Some(done);
            }
        }
    }

    fn step(&mut self, id: PartitionId, input: impl FnOnce(NodeId) -> Input, from: &NodeId) {
        self.with(id, |partition, cx| partition.step(cx, input(from.clone())));
    }

    fn with(&mut self, id: PartitionId, work: impl FnOnce(&mut Partition, &mut Context<'_>)) {
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        let mut cx = context(&self.tools, &mut self.wishes, self.append_again.is_some(), &self.appends);
        work(partition, &mut cx);
        self.touched.insert(id);
    }

    fn ids(&self) -> Vec<PartitionId> {
        self.partitions.keys().copied().collect()
    }

    fn on_configure(&mut self, assignment: Assignment) {
        let Assignment { partition: id, config, addresses, duty, replicas, suggestion, .. } = assignment;
        for (node, address) in addresses {
            if node != self.tools.node {
                self.addresses.insert(node, address);
            }
        }
        let floor = self.tools.min_write_members.min(replicas.max(1) as usize);
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.set_floor(floor);
        }
        let known = self.partitions.get(&id).map(|partition| (partition.core().ballot(), partition.core().role()));
        if let (Duty::Learner, Some((ballot, Role::Primary | Role::Reconciling | Role::Secondary))) = (duty, known)
            && ballot < config.ballot
        {
            // It believes that it is a member: that ends first.
            self.with(id, |partition, cx| partition.configure(cx, config.clone(), false));
        }
        let ballot_said = config.ballot;
        match (duty, known) {
            (Duty::Learner, Some((ballot, role))) if role != Role::Learner || ballot < config.ballot => {
                // A member that was removed has to hear that it is none before anything can take the place of what it holds.
                if ballot < config.ballot && !matches!(role, Role::Waiting | Role::Learner) {
                    self.with(id, |partition, cx| partition.configure(cx, config.clone(), false));
                }
                self.fetch(id, config);
            }
            (Duty::Member, _) => self.with(id, |partition, cx| partition.configure(cx, config, false)),
            // What is no member goes on as it is, unless it believes that it is one.
            (Duty::Bystander | Duty::Discard, Some((ballot, Role::Primary | Role::Reconciling | Role::Secondary)))
                if ballot < config.ballot =>
            {
                self.with(id, |partition, cx| partition.configure(cx, config, false));
            }
            _ => {}
        }
        // What was suggested under another ballot may be wrong under this one.
        let current = self.partitions.get(&id).is_some_and(|partition| partition.core().ballot() == ballot_said);
        if let Some(suggestion) = suggestion.filter(|_| current) {
            self.with(id, |partition, cx| partition.step(cx, Input::Suggested(translate(suggestion))));
        }
    }

    /// Begins to fetch what a learner lacks.
    fn fetch(&mut self, id: PartitionId, config: GroupConfig) {
        self.with(id, |partition, cx| partition.renew(cx, &config));
        let Some(partition) = self.partitions.get_mut(&id).filter(|partition| partition.may_fetch(config.ballot)) else { return };
        let Some(primary) = config.primary.clone() else { return };
        let Some(address) = self.addresses.get(&primary) else { return };
        partition.begin_fetch();
        let sought =
            Sought { partition: id, config, view: Arc::clone(&partition.view), primary: self.tools.network.node(&primary, address) };
        self.tools.home.fetch(sought, self.inbox.clone());
    }

    fn on_fetched(&mut self, id: PartitionId, fetched: Fetched) {
        let Some(mut partition) = self.partitions.remove(&id) else { return };
        let config = match fetched {
            Fetched::Nothing => {
                partition.end_fetch();
                None
            }
            Fetched::Same { config, remembered } => {
                partition.end_fetch();
                partition.remember(remembered);
                Some(config)
            }
            Fetched::Anew { config, partition: anew } => {
                partition = *anew;
                self.forget_appends(id);
                Some(config)
            }
        };
        self.partitions.insert(id, partition);
        match config {
            Some(config) => self.with(id, |partition, cx| partition.configure(cx, config, true)),
            None => drop(self.touched.insert(id)),
        }
    }

    /// The replica of the partition is another from here on, or none. What the log will say of the records of the one before is not about
    /// its own: they have tokens of their own, which begin again.
    fn forget_appends(&mut self, id: PartitionId) {
        self.wishes.log.retain(|(of, ..)| *of != id);
        for append in &mut self.appends {
            append.tokens.retain(|(of, _)| *of != id);
        }
    }

    /// Puts what a partition asks for to the meta server: one question a partition at a time.
    fn propose(&mut self, id: PartitionId, ballot: Ballot, change: Change) {
        if !self.changing.insert(id) {
            return;
        }
        let Tools { node, incarnation, meta, .. } = &self.tools;
        let request = ChangeRequest { partition: id, node: node.clone(), incarnation: *incarnation, ballot, change };
        let answer = meta.control(ControlRequest::Change(request), CHANGE_PATIENCE);
        self.changes.push(Box::pin(async move { Changed { id, ballot, answer: answer.await } }));
    }

    fn on_changed(&mut self, changed: Changed) {
        let Changed { id, ballot, answer } = changed;
        self.changing.remove(&id);
        let answer = match answer {
            Ok(ControlResponse::Group { assignment, .. }) if assignment.config.ballot > ballot => {
                return self.tools.home.configure(vec![assignment]);
            }
            Ok(ControlResponse::Group { refused: Some(reason), .. }) => {
                warn!(partition = %id, %ballot, reason, "the meta server refused to change the group");
                Answer::Refused
            }
            Err(CallError::Unreachable(_) | CallError::Overloaded | CallError::NotOffered) => Answer::Unsent,
            Ok(_) | Err(CallError::Broken(_) | CallError::Timeout) => Answer::Unknown,
        };
        self.with(id, |partition, cx| partition.step(cx, Input::Answered { ballot, answer }));
    }

    /// Tells the cores whether the log gets on.
    fn watch_log(&mut self) {
        let stalled = self.tools.log.stats().syncing.is_some_and(|took| took >= self.tools.lease);
        if std::mem::replace(&mut self.stalled, stalled) != stalled {
            if stalled {
                warn!(node = %self.tools.node, "the log's disk hangs: what is led here is left to others");
            } else {
                info!(node = %self.tools.node, "the log's disk answers again");
            }
        }
        if stalled || self.partitions.values().any(Partition::told_stalled) {
            for id in self.ids() {
                self.with(id, |partition, cx| partition.on_stalled(cx, stalled));
            }
        }
    }

    fn on_tick(&mut self) {
        let now = self.tools.clock.now();
        let due: Vec<PartitionId> =
            self.partitions.values().filter(|p| p.deadline().is_some_and(|at| at <= now)).map(Partition::id).collect();
        for id in due {
            let node = self.tools.node.clone();
            self.step(id, |_| Input::Tick, &node);
        }
        if self.append_again.is_some_and(|at| at <= now) {
            self.append_failed_again();
        }
        self.watch_log();
        for partition in self.partitions.values_mut().filter(|_| self.closing.is_none()) {
            if partition.sweep(now, self.tools.clock.unix(), &*self.tools.coprocessor) {
                Metrics::add(&self.tools.metrics.sweeps, 1);
                self.touched.insert(partition.id());
            }
        }
        // Partitions whose store stalled, and those whose queue waits for room in the log, go on here.
        self.touched.extend(self.partitions.values().filter(|p| !p.idle()).map(Partition::id));
    }

    /// Everything the events of this turn made possible.
    fn turn(&mut self) {
        for id in self.touched.drain() {
            if let Some(partition) = self.partitions.get_mut(&id) {
                let mut cx = context(&self.tools, &mut self.wishes, self.append_again.is_some(), &self.appends);
                partition.run(&mut cx);
            }
        }
        self.flush();
    }

    /// Hands over what the partitions wished for in this turn.
    fn flush(&mut self) {
        if !self.wishes.log.is_empty() {
            let wishes = std::mem::take(&mut self.wishes.log);
            let tokens = wishes.iter().map(|(id, token, _)| (*id, *token)).collect();
            let encode = |(id, _, entry): &(PartitionId, LogToken, Entry)| match entry {
                Entry::Mutation(mutation) => record::encode(*id, mutation),
                Entry::Mark(ballot, decree) => record::encode_mark(*id, *ballot, *decree),
            };
            let records = wishes.iter().map(encode).collect();
            let number = self.next_append;
            self.next_append += 1;
            let state = if self.append_again.is_some() { AppendState::Full(Refusal::DiskFull) } else { AppendState::UnderWay };
            let under_way = state == AppendState::UnderWay;
            self.appends.push_back(Append { number, tokens, records, state });
            if under_way {
                self.append(self.appends.len() - 1);
            }
        }
        if !self.wishes.send.is_empty() {
            let mut by_node: HashMap<NodeId, Vec<(PartitionId, Message)>> = HashMap::new();
            for (id, to, message) in self.wishes.send.drain(..) {
                by_node.entry(to).or_default().push((id, message));
            }
            for (to, messages) in by_node {
                Metrics::add(&self.tools.metrics.messages, messages.len());
                if let Some(address) = self.addresses.get(&to) {
                    self.tools.network.node(&to, address).replicate(Replicate { from: self.tools.node.clone(), messages });
                }
            }
        }
        for (id, store, calls) in std::mem::take(&mut self.wishes.warm) {
            self.warm(id, store, calls);
        }
        if !self.wishes.adopt.is_empty() {
            self.tools.home.adopt(std::mem::take(&mut self.wishes.adopt));
        }
        for (id, ballot, change) in std::mem::take(&mut self.wishes.propose) {
            self.propose(id, ballot, change);
        }
        for id in std::mem::take(&mut self.wishes.fetch) {
            if let Some(config) = self.partitions.get(&id).and_then(|partition| partition.core().config().cloned()) {
                self.fetch(id, config);
            }
        }
        if std::mem::take(&mut self.wishes.outdated) {
            self.tools.home.wake_reporter();
        }
    }

    /// Reads from the disk what a group's calls need, elsewhere, so that they find it in memory afterwards.
    fn warm(&mut self, id: PartitionId, store: Arc<engine::store::Store>, calls: Vec<Call>) {
        let coprocessor = Arc::clone(&self.tools.coprocessor);
        let clock = Arc::clone(&self.tools.clock);
        let inbox = self.inbox.clone();
        let job = move || {
            rehearse(&*coprocessor, &store, clock.unix(), &calls);
            inbox.send(Event::Warmed(id));
        };
        if self.tools.pool.submit(job).is_err()
            && let Some(partition) = self.partitions.get_mut(&id)
        {
            // The pool is full: the next evaluation tries again, the last one reads by itself.
            partition.warmed();
            self.inbox.send(Event::Warmed(id));
        }
    }

    fn append(&mut self, index: usize) {
        let append = &mut self.appends[index];
        append.state = AppendState::UnderWay;
        let number = append.number;
        let inbox = self.inbox.clone();
        let done = Box::new(move |result| {
            inbox.send(Event::Appended(number, result));
        });
        if self.tools.log.append(append.records.clone(), done).is_err() {
            append.state = AppendState::Full(Refusal::Busy);
            self.append_again.get_or_insert(self.tools.clock.now() + APPEND_AGAIN);
        }
    }

    fn on_appended(&mut self, number: u64, result: Result<(), AppendError>) {
        let Some(append) = self.appends.iter_mut().find(|append| append.number == number) else { return };
        match result {
            Ok(()) => {
                append.state = AppendState::Done;
                if std::mem::take(&mut self.disk_full) {
                    info!(node = %self.tools.node, "the log's disk has room again");
                }
            }
            Err(AppendError::NoSpace) => {
                if !std::mem::replace(&mut self.disk_full, true) {
                    warn!(node = %self.tools.node, "the log's disk is full: writes are refused until there is room");
                }
                append.state = AppendState::Full(Refusal::DiskFull);
                self.append_again.get_or_insert(self.tools.clock.now() + APPEND_AGAIN);
            }
            Err(failure) => {
                error!(node = %self.tools.node, error = %failure, "the log failed: every replica of the shard is closed");
                for partition in self.partitions.values_mut() {
                    partition.fail(&failure);
                }
                self.appends.clear();
                return;
            }
        }
        while let Some(append) = self.appends.pop_front_if(|append| append.state == AppendState::Done) {
            for (id, token) in append.tokens {
                let node = self.tools.node.clone();
                self.step(id, |_| Input::Logged { upto: token }, &node);
            }
        }
    }

    /// Makes the appends again that found no room, in their order, once the log has answered all that were under way.
    fn append_failed_again(&mut self) {
        if self.appends.iter().any(|append| append.state == AppendState::UnderWay) {
            self.append_again = Some(self.tools.clock.now() + APPEND_AGAIN);
            return;
        }
        self.append_again = None;
        for (id, _) in self.appends.iter().flat_map(|append| &append.tokens) {
            self.tools.log.resume(*id);
        }
        for index in 0..self.appends.len() {
            if matches!(self.appends[index].state, AppendState::Full(_)) {
                self.append(index);
                if self.append_again.is_some() {
                    return; // no room in the queue: those behind it wait for their turn
                }
            }
        }
    }

    fn closed(&mut self) -> bool {
        if self.closing.is_none() || !(self.appends.is_empty() && self.partitions.values().all(Partition::idle)) {
            return false;
        }
        self.partitions.clear();
        self.closing.take().is_some_and(|done| done.send(()).is_ok())
    }
}

/// An answer of the meta server to a change that was asked for.
struct Changed {
    id: PartitionId,
    ballot: Ballot,
    answer: Result<ControlResponse, CallError>,
}

fn translate(suggestion: wire::rpc::Suggestion) -> Suggestion {
    match suggestion {
        wire::rpc::Suggestion::HandOver(to) => Suggestion::HandOver(to),
        wire::rpc::Suggestion::Remove(node) => Suggestion::Remove(node),
        wire::rpc::Suggestion::TakeOver => Suggestion::TakeOver,
    }
}

fn context<'a>(tools: &'a Tools, out: &'a mut Wishes, stalled: bool, appends: &VecDeque<Append>) -> Context<'a> {
    let refusal = || {
        appends.iter().find_map(|a| match a.state {
            AppendState::Full(refusal) => Some(refusal),
            _ => None,
        })
    };
    Context {
        now: tools.clock.now(),
        unix: tools.clock.unix(),
        coprocessor: &*tools.coprocessor,
        metrics: &tools.metrics,
        log_stalled: if stalled { refusal() } else { None },
        out,
    }
}

/// How long the meta server may take to change a group.
const CHANGE_PATIENCE: Duration = Duration::from_secs(2);
/// Events taken in one turn at most, so that a flood does not keep replies waiting.
const TURN_EVENTS: usize = 1024;
/// Resolution of the cores' timers.
const TICK: Duration = Duration::from_millis(10);
/// How soon an append that found the disk or the log's queue full is made again.
const APPEND_AGAIN: Duration = Duration::from_millis(50);
