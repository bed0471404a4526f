//! A replica node: its data directory, its partitions, and what it offers to proxies, peers and the meta server.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use engine::shared::Shared;
use engine::store::{Litter, Store, Tier};
use engine::txn::Reader;
use net::service::{CallError, Network, Pending, Service};
use parking_lot::Mutex;
use pegasus_log::log::Log;
use smallvec::SmallVec;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use types::group::GroupConfig;
use types::id::{Ballot, Decree, NodeId, PartitionId, TableId};
use types::reply::{Finished, Reply};
use types::txn::{Abort, Call, Coprocessor};
use wire::rpc::{
    Assignment, ControlRequest, ControlResponse, Duty, Execute, Executed, NodeReport, Outcome, Refusal, ReplicaState, Replicate,
};

use crate::clock::Clock;
use crate::frame::Frame;
use crate::home::Home;
use crate::learn::{Meter, Sources};
use crate::machine::Machine;
use crate::metrics::Metrics;
use crate::partition::View;
use crate::pool::Pool;
use crate::queue::Group;
use crate::reads::{self, Asker, Reads};
use crate::recovery::{self, Entries, OpenError};
use crate::report;
use crate::shard::{Event, Inbox, InboxLimits, Shard, Tools};
use crate::spool::Spools;

/// What a node is told at its start.
#[derive(Clone)]
pub struct NodeOptions {
    /// Its name.
    pub node: NodeId,
    /// Its failure domain; empty for none.
    pub zone: String,
    /// Where others reach it: `host:port`.
    pub address: String,
    /// Directory of its log and stores.
    pub data: PathBuf,
    /// Threads that read from the disk, and flush.
    pub pool_threads: usize,
    /// Mutations of one partition under way at once.
    pub pipeline_max: usize,
    /// Requests that may wait at one shard.
    pub queue_max: usize,
    /// Client sessions a partition remembers the last write of.
    pub sessions_max: usize,
    /// How long a primary may serve without hearing from a secondary.
    pub lease: Duration,
    /// How long a secondary waits for its primary before it asks to take over. Longer than `lease`, see [`pacifica::replica::Options`].
    pub grace: Duration,
    /// How often a primary says that it is here.
    pub beacon: Duration,
    /// Members that a write needs in the configuration, where the table has as many.
    pub min_write_members: usize,
    /// Bytes a second that leave for learners, and as many that learners of this node take in.
    pub learn_rate: u64,
    /// Learners that are sent files at once.
    pub learn_concurrent_max: usize,
    /// Bytes that long replies may take on the disk until their clients have taken them.
    pub reply_spool_max: u64,
    /// The log's options.
    pub log: pegasus_log::options::Options,
}

/// What a node works with, besides its options.
#[derive(Clone)]
pub struct NodeWorld {
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The machine: disk and threads.
    pub machine: Arc<dyn Machine>,
    /// What runs commands.
    pub coprocessor: Arc<dyn Coprocessor>,
    /// How other nodes are reached.
    pub network: Arc<dyn Network>,
    /// The meta server.
    pub meta: Arc<dyn Service>,
    /// Memory that all stores of the process share.
    pub shared: Shared,
    /// A runtime for each shard; partitions are dealt out over them.
    pub runtimes: Vec<Handle>,
}

/// A replica node. Offers [`Service`]; [`Node::close`] ends it.
pub struct Node {
    pub(crate) options: NodeOptions,
    pub(crate) world: NodeWorld,
    /// Of this process.
    incarnation: u64,
    pub(crate) log: Arc<Log>,
    pub(crate) pool: Arc<Pool>,
    /// `None` once closed.
    pub(crate) state: Mutex<Option<Entries>>,
    home: Home,
    pub(crate) sources: Sources,
    reads: Arc<Reads>,
    /// Whether garbage is being collected.
    collecting: Arc<AtomicBool>,
    /// What learners of this node take in.
    pub(crate) intake: Meter,
    /// Stores that were replaced.
    retired: Mutex<Vec<Retired>>,
    pub(crate) stop: CancellationToken,
    inboxes: Vec<Inbox>,
    limits: InboxLimits,
    views: ArcSwap<Views>,
    metrics: Arc<Metrics>,
    seeds: AtomicU64,
    news: Notify,
}

/// Views and inboxes of a table's partitions, by index.
type Views = HashMap<TableId, Vec<Option<(Arc<View>, Inbox)>>>;

impl Node {
    /// Opens the node's data directory, recovers every replica in it and starts reporting to the meta server. Blocks for as long as
    /// reading the log takes.
    ///
    /// # Errors
    /// A directory that is in use, of another version or another node, or damaged; a disk that fails.
    pub fn open(options: NodeOptions, world: NodeWorld) -> Result<Arc<Node>, OpenError> {
        let recovered = recovery::open(&options, &world)?;
        let incarnation = recovered.state.incarnation;
        let _ = std::fs::remove_dir_all(options.data.join("learn/in")); // of an earlier process
        let pool = world.machine.pool(&format!("{}-disk", options.node), options.pool_threads, POOL_QUEUE).map_err(OpenError::Thread)?;
        let pool = Arc::new(pool);
        let long = world.machine.pool(&format!("{}-long", options.node), LONG_THREADS, POOL_QUEUE).map_err(OpenError::Thread)?;
        let (spool, clock, machine) = (options.data.join("spool"), Arc::clone(&world.clock), Arc::clone(&world.machine));
        let reads = Arc::new(Reads {
            coprocessor: Arc::clone(&world.coprocessor),
            clock: Arc::clone(&world.clock),
            pool: Arc::clone(&pool),
            long,
            spools: Arc::new(Spools::new(spool, options.reply_spool_max, incarnation, clock, machine)),
        });
        let log = Arc::new(recovered.log);
        let metrics = Arc::new(Metrics::default());
        let home = Home::default();
        let limits = InboxLimits { groups: options.queue_max, bytes: QUEUE_BYTES, messages: QUEUE_MESSAGES };
        let mut inboxes = Vec::new();
        for runtime in &world.runtimes {
            let (shard, inbox) = Shard::new(Tools {
                node: options.node.clone(),
                incarnation,
                home: home.clone(),
                meta: Arc::clone(&world.meta),
                min_write_members: options.min_write_members,
                lease: options.lease,
                clock: Arc::clone(&world.clock),
                coprocessor: Arc::clone(&world.coprocessor),
                log: Arc::clone(&log),
                network: Arc::clone(&world.network),
                pool: Arc::clone(&pool),
                metrics: Arc::clone(&metrics),
            });
            runtime.spawn(shard.run());
            inboxes.push(inbox);
        }
        let node = Arc::new(Node {
            incarnation,
            log,
            pool,
            state: Mutex::new(Some(recovered.state)),
            home: home.clone(),
            sources: Sources::new(options.data.join("learn/out"), incarnation),
            reads,
            collecting: Arc::default(),
            intake: Meter::default(),
            retired: Mutex::default(),
            stop: CancellationToken::new(),
            inboxes,
            limits,
            views: ArcSwap::default(),
            metrics,
            seeds: AtomicU64::new(incarnation | 1),
            news: Notify::new(),
            options,
            world,
        });
        home.settle(&node);
        for (view, partition) in recovered.replicas {
            node.add(view, partition);
        }
        let reporter = Arc::clone(&node);
        node.world.runtimes[0].spawn(report::run(reporter));
        Ok(node)
    }

    /// Hands over what is led here, as long as others can lead it, for at most `patience`. Clients notice nothing but a short pause.
    pub async fn retire(&self, patience: Duration) {
        let led = || self.all_views().iter().filter(|view| view.state() == ReplicaState::Primary).count();
        let before = led();
        let rounds = patience.as_millis() / RETIRE_EVERY.as_millis();
        for _ in 0..rounds {
            if led() == 0 {
                break;
            }
            for inbox in &self.inboxes {
                inbox.send(Event::Retire);
            }
            tokio::time::sleep(RETIRE_EVERY).await;
        }
        info!(node = %self.options.node, led = before, left = led(), "handed over");
    }

    /// The process of another node does not seem to be there: its connection broke, and a new one is refused.
    pub fn suspect(&self, node: &NodeId) {
        for inbox in &self.inboxes {
            inbox.send(Event::Suspect(node.clone()));
        }
    }

    /// Takes nothing new, finishes what is under way, flushes the stores and closes the log. Gives up waiting for peers after `patience`.
    pub async fn close(&self, patience: Duration) {
        self.stop.cancel();
        self.reads.spools.close();
        let closing = self.inboxes.iter().map(|inbox| {
            let (done, closed) = oneshot::channel();
            inbox.send(Event::Close(done));
            closed
        });
        for closed in closing.collect::<Vec<_>>() {
            if tokio::time::timeout(patience, closed).await.is_err() {
                warn!(node = %self.options.node, "closing with writes under way");
            }
        }
        let (done, flushed) = oneshot::channel();
        let views: Vec<_> = self.all_views();
        let job = move || {
            for view in views {
                if let Some(store) = &view.store
                    && let Err(error) = store.flush()
                {
                    warn!(partition = %view.id, %error, "flush at closing");
                }
            }
            let _ = done.send(());
        };
        if self.pool.submit(job).is_ok() {
            let _ = flushed.await;
        }
        self.trim();
        self.log.close();
        // Whoever still holds the node holds nothing of its files.
        self.views.store(Arc::default());
        self.state.lock().take();
        info!(node = %self.options.node, "closed");
    }

    /// What the node counts.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The node's name.
    pub fn name(&self) -> &NodeId {
        &self.options.node
    }

    /// How the log is doing.
    pub fn log_stats(&self) -> pegasus_log::log::Stats {
        self.log.stats()
    }

    /// The stores of the replicas here, for whoever compares them.
    pub fn stores(&self) -> Vec<(PartitionId, Arc<Store>)> {
        self.all_views().iter().filter_map(|view| Some((view.id, Arc::clone(view.store.as_ref()?)))).collect()
    }

    /// Bytes of long replies that wait for their clients, and how many these are.
    pub fn long_replies(&self) -> (u64, usize) {
        self.reads.spools.usage()
    }

    /// State of each replica, by partition.
    pub fn replicas(&self) -> Vec<wire::rpc::ReplicaReport> {
        let now = self.world.clock.now();
        self.all_views().iter().map(|view| view.report(now)).collect()
    }

    /// Whether a replica waits for its role, or its group for its primary.
    pub(crate) fn unsettled(&self) -> bool {
        self.all_views().iter().any(|view| view.unsettled())
    }

    /// What the meta server is told.
    pub(crate) fn report(&self) -> NodeReport {
        NodeReport {
            node: self.options.node.clone(),
            address: self.options.address.clone(),
            zone: self.options.zone.clone(),
            incarnation: self.incarnation,
            replicas: self.replicas(),
        }
    }

    /// Carries out what the meta server said of groups: new ballots go to the disk first, then to the partitions' owners. Blocks: runs on
    /// the pool.
    pub(crate) fn configure(self: &Arc<Self>, assignments: Vec<Assignment>) {
        // One batch at a time.
        let mut state = self.state.lock();
        let Some(entries) = &mut *state else { return };
        if self.stop.is_cancelled() {
            return;
        }
        let mut discard = Vec::new();
        let mut raised = Vec::new();
        for assignment in &assignments {
            let id = assignment.partition;
            let known = self.view(id);
            match assignment.duty {
                Duty::Discard => {
                    if let Some((view, inbox)) = known {
                        discard.push((id, view, inbox));
                    }
                    continue;
                }
                Duty::Bystander if known.is_none() => continue,
                Duty::Bystander | Duty::Member if known.is_some() => {}
                Duty::Learner if known.as_ref().is_some_and(|(view, _)| view.store.is_some()) => {}
                _ => match recovery::assign(&self.options, &self.world, entries, assignment) {
                    Ok((view, partition)) => self.add(view, partition),
                    Err(error) => {
                        warn!(partition = %id, %error, "cannot take part in the group");
                        continue;
                    }
                },
            }
            raised.push((id, assignment.config.ballot));
        }
        if let Err(error) = entries.raise(&raised) {
            return warn!(%error, "write down ballots");
        }
        for assignment in assignments {
            if let Some((view, inbox)) = self.view(assignment.partition) {
                view.learn_ballot(assignment.config.ballot);
                inbox.send(Event::Configure(assignment));
            }
        }
        drop(state);
        for (id, view, inbox) in discard {
            self.discard(id, &view, &inbox);
        }
    }

    /// Configurations that members told of: as [`Node::configure`].
    pub(crate) fn adopt(&self, configs: Vec<(PartitionId, GroupConfig, bool)>) {
        let mut state = self.state.lock();
        let Some(entries) = &mut *state else { return };
        let raised: Vec<(PartitionId, Ballot)> = configs.iter().map(|(id, config, _)| (*id, config.ballot)).collect();
        if let Err(error) = entries.raise(&raised) {
            return warn!(%error, "write down ballots");
        }
        for (id, config, learn) in configs {
            if let Some((_, inbox)) = self.view(id) {
                inbox.send(Event::Adopted(id, config, learn));
            }
        }
    }

    /// Has a copy removed that the group does not need any more, once its owner has let go of it.
    fn discard(self: &Arc<Self>, id: PartitionId, view: &Arc<View>, inbox: &Inbox) {
        if !matches!(view.state(), ReplicaState::Waiting | ReplicaState::Learner | ReplicaState::Failed) {
            return;
        }
        let (done, closed) = oneshot::channel();
        inbox.send(Event::Discard(id, done));
        let (node, opened) = (Arc::clone(self), view.store.is_some());
        self.world.runtimes[0].spawn(async move {
            // A partition that is fetching stays; the meta server says it again, as it does when the pool is full.
            if !opened || closed.await.is_ok() {
                let worker = Arc::clone(&node);
                let _ = node.pool.submit(move || worker.remove_copy(id));
            }
        });
    }

    fn remove_copy(&self, id: PartitionId) {
        self.remove(id);
        let mut state = self.state.lock();
        let Some(entries) = &mut *state else { return };
        match recovery::discard(&self.options.data, entries, id) {
            Ok(()) => info!(partition = %id, "the copy was not needed any more: removed"),
            Err(error) => warn!(partition = %id, %error, "remove a copy that is not needed any more"),
        }
        self.log.forget(id);
    }

    /// Tells the log what the stores have made durable, and flushes the store that holds the log back when it is too large. Blocks.
    pub(crate) fn maintain(&self) {
        self.sources.expire(self.world.clock.now());
        self.reads.spools.expire();
        self.trim();
        self.remove_retired();
        self.collect();
        let mut rounds = 0;
        while self.log.stats().over && rounds < self.all_views().len() {
            rounds += 1;
            let Some((id, _)) = self.log.oldest_blocking() else { return };
            let Some((view, _)) = self.view(id) else {
                self.log.forget(id);
                continue;
            };
            let Some(store) = &view.store else { return };
            match store.flush() {
                // What a learner needs is not the flush's to free.
                Ok(durable) if !self.trim_log(id, durable) => return,
                Ok(_) => {}
                Err(error) => {
                    warn!(partition = %id, %error, "flush to trim the log");
                    return;
                }
            }
        }
    }

    /// Trims a partition's log through `durable`, but for what a learner is going to ask for, unless the log is far too large. Whether all
    /// of it was trimmed.
    fn trim_log(&self, id: PartitionId, durable: Decree) -> bool {
        let spared = self.sources.floor(id).filter(|floor| *floor < durable && self.log.stats().bytes <= 2 * self.options.log.bytes_max);
        self.log.trim(id, spared.unwrap_or(durable));
        spared.is_none()
    }

    /// Begins to collect the garbage of a store, if one has much of it and none is being collected.
    fn collect(&self) {
        if self.collecting.swap(true, Ordering::AcqRel) {
            return;
        }
        let littered =
            self.all_views().into_iter().filter_map(|view| Some((view.id, view.store.clone()?))).find(|(_, store)| store.is_littered());
        let begun = littered.is_some_and(|(id, store)| {
            let (collecting, stop) = (Arc::clone(&self.collecting), self.stop.clone());
            let job = move || {
                if let Err(error) = store.collect(&|| stop.is_cancelled()) {
                    warn!(partition = %id, %error, "collect garbage");
                }
                collecting.store(false, Ordering::Release);
            };
            self.pool.submit(job).is_ok()
        });
        if !begun {
            self.collecting.store(false, Ordering::Release);
        }
    }

    /// A store that was replaced: its directory goes when nobody reads it any more.
    pub(crate) fn retire_store(&self, view: &View, directory: PathBuf, damaged: bool) {
        let store = view.store.as_ref().map_or_else(Weak::new, Arc::downgrade);
        self.retired.lock().push(Retired { id: view.id, store, directory, damaged });
    }

    fn remove_retired(&self) {
        let free = |retired: &mut Retired| retired.store.strong_count() == 0;
        let gone: Vec<_> = self.retired.lock().extract_if(.., free).collect();
        for Retired { id, directory, damaged, .. } in gone {
            let removed = if damaged {
                recovery::set_aside(&self.options.data, id, &directory).map_err(|error| error.to_string())
            } else {
                std::fs::remove_dir_all(&directory).map_err(|error| error.to_string())
            };
            if let Err(error) = removed {
                warn!(partition = %id, error, "remove a store that was replaced");
            }
        }
    }

    fn trim(&self) {
        for view in self.all_views() {
            if let Some(store) = &view.store {
                match store.durable() {
                    Ok(durable) => drop(self.trim_log(view.id, durable)),
                    Err(error) => warn!(partition = %view.id, %error, "ask what is durable"),
                }
            }
        }
    }

    /// What the stores' compactions have to drop, and what they dropped since they were opened.
    pub fn litter(&self) -> Litter {
        let litters = self.all_views().into_iter().filter_map(|view| Some(view.store.as_ref()?.litter()));
        litters.fold(Litter::default(), |sum, litter| Litter {
            values: sum.values + litter.values,
            elements: sum.elements + litter.elements,
            dropped_roots: sum.dropped_roots + litter.dropped_roots,
            dropped_elements: sum.dropped_elements + litter.dropped_elements,
        })
    }

    pub(crate) fn all_views(&self) -> Vec<Arc<View>> {
        self.views.load().values().flatten().flatten().map(|(view, _)| Arc::clone(view)).collect()
    }

    pub(crate) fn view(&self, id: PartitionId) -> Option<(Arc<View>, Inbox)> {
        self.views.load().get(&id.table)?.get(id.index as usize)?.clone()
    }

    /// Deals a replica out to a shard and makes it visible.
    pub(crate) fn add(&self, view: Arc<View>, partition: Option<crate::partition::Partition>) {
        let id = view.id;
        let inbox = self.inboxes[id.index as usize % self.inboxes.len()].clone();
        if let Some(partition) = partition {
            inbox.send(Event::Open(Box::new(partition)));
        }
        self.views.rcu(|views| {
            let mut views = Views::clone(views);
            let table = views.entry(id.table).or_default();
            if table.len() <= id.index as usize {
                table.resize(id.index as usize + 1, None);
            }
            table[id.index as usize] = Some((Arc::clone(&view), inbox.clone()));
            views
        });
    }

    fn remove(&self, id: PartitionId) {
        self.views.rcu(|views| {
            let mut views = Views::clone(views);
            if let Some(place) = views.get_mut(&id.table).and_then(|table| table.get_mut(id.index as usize)) {
                *place = None;
            }
            views
        });
    }

    /// A seed for one command's random numbers.
    fn seed(&self) -> u64 {
        self.seeds.fetch_add(SEED_STEP, Ordering::Relaxed)
    }

    /// Work that goes on after this call; a node that is going takes none.
    fn hosted(&self, work: impl FnOnce(&Arc<Node>) -> Pending<ControlResponse>) -> Pending<ControlResponse> {
        match self.home.node() {
            Some(node) => work(&node),
            None => Pending::ready(Err(CallError::NotOffered)),
        }
    }

    /// Wakes the reporter: the meta server has news.
    pub(crate) fn wake_reporter(&self) {
        self.news.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.news.notified().await;
    }
}

impl Service for Node {
    /// Reads run here and now, where their data is in memory; the calls of a partition that is also written go to its owner, all of
    /// them, so that a read sees the writes before it.
    fn execute(&self, request: Execute) -> Pending<Executed> {
        let views = self.views.load();
        let table = views.get(&request.table).map_or(&[][..], Vec::as_slice);
        let coprocessor = &*self.world.coprocessor;
        let mut written: SmallVec<[u32; 8]> = SmallVec::new();
        for (index, call) in &request.calls {
            if coprocessor.writes(call.command) && !written.contains(index) {
                written.push(*index);
            }
        }
        let (began, now) = (self.world.clock.now(), self.world.clock.unix());
        let mut outcomes = Vec::with_capacity(request.calls.len());
        let (mut hot, mut held) = (0, 0);
        let mut later: SmallVec<[(u32, Later); 4]> = SmallVec::new();
        let mut missing = 0;
        for (place, (index, call)) in request.calls.into_iter().enumerate() {
            let place = place as u32;
            let Some((view, inbox)) = table.get(index as usize).and_then(Option::as_ref) else {
                outcomes.push(Outcome::Refused(Refusal::NotPrimary));
                continue;
            };
            let write = written.contains(&index);
            let outcome = match (call.command == wire::rpc::UNRESOLVED, view.readable(began)) {
                (true, _) => Some(Outcome::Refused(Refusal::UnknownCommand)),
                (_, Err(refusal)) => Some(Outcome::Refused(refusal)),
                (_, Ok(_)) if write => None,
                (_, Ok(store)) => {
                    let mut reply = Reply::bounded(reads::limit(held));
                    let ran = coprocessor.execute(&mut Reader::new(store, Tier::Memory, now, self.seed()), &call, &mut reply);
                    match (ran, reply.finish()) {
                        (Ok(()), Finished::Held(reply)) => {
                            hot += 1;
                            held += reply.len();
                            Some(Outcome::Reply(reply.into()))
                        }
                        (Ok(()) | Err(Abort::Cold), _) => None,
                        (Err(Abort::Storage(error)), _) => {
                            warn!(partition = %view.id, %error, "read");
                            Some(Outcome::Refused(Refusal::NotPrimary))
                        }
                    }
                }
            };
            // A place to be filled later holds what it will say if everything goes wrong.
            let here = outcome.is_some();
            outcomes.push(outcome.unwrap_or(Outcome::Refused(Refusal::Unknown)));
            if !here {
                missing += 1;
                match later.iter_mut().find(|(i, _)| *i == index) {
                    Some((_, group)) => group.calls.push((place, call)),
                    None => {
                        let calls = SmallVec::from_iter([(place, call)]);
                        later.push((index, Later { view: Arc::clone(view), inbox: inbox.clone(), write, calls }));
                    }
                }
            }
        }
        Metrics::add(&self.metrics.reads_hot, hot);
        if missing == 0 {
            return Pending::ready(Ok(Executed { outcomes }));
        }
        let deadline = began + request.patience;
        let (frame, pending) = Frame::new(outcomes, missing);
        for (_, Later { view, inbox, write, calls }) in later {
            if write {
                let asker = Some((request.request, Arc::clone(&frame)));
                inbox.submit(
                    &self.limits,
                    view.id,
                    Group { calls, writes: true, asker, again: request.again, deadline, cold: 0, ticket: None },
                );
            } else {
                Metrics::add(&self.metrics.reads_cold, calls.len());
                self.reads.cold(view, calls, Asker { frame: Arc::clone(&frame), deadline }, self.seed());
            }
        }
        pending
    }

    fn replicate(&self, batch: Replicate) {
        let mut by_shard: SmallVec<[Vec<_>; 4]> = SmallVec::from_iter((0..self.inboxes.len()).map(|_| Vec::new()));
        for (id, message) in batch.messages {
            by_shard[id.index as usize % self.inboxes.len()].push((id, message));
        }
        for (inbox, messages) in self.inboxes.iter().zip(by_shard) {
            let count = messages.len();
            if count > 0 && !inbox.deliver(&self.limits, batch.from.clone(), messages) {
                Metrics::add(&self.metrics.messages_dropped, count);
            }
        }
    }

    fn control(&self, request: ControlRequest, _patience: Duration) -> Pending<ControlResponse> {
        match request {
            ControlRequest::Ping => Pending::ready(Ok(ControlResponse::Done)),
            // The answer to the next report says the same and is carried out off this thread.
            ControlRequest::Configure(_) => {
                self.wake_reporter();
                Pending::ready(Ok(ControlResponse::Done))
            }
            ControlRequest::LearnBegin { partition, ballot, applied, session } => {
                self.hosted(|node| node.learn_begin(partition, ballot, applied, session))
            }
            ControlRequest::LearnFetch { session, file, offset, bytes_max } => {
                self.hosted(|node| node.learn_fetch(session, file, offset, bytes_max))
            }
            ControlRequest::LearnEnd { session } => self.hosted(|node| node.learn_end(session)),
            ControlRequest::ReplyPiece { reply, offset, bytes_max } => self.reads.spools.piece(&self.pool, reply, offset, bytes_max),
            ControlRequest::ReplyEnd { reply } => {
                self.reads.spools.end(&self.pool, reply);
                Pending::ready(Ok(ControlResponse::Done))
            }
            _ => Pending::ready(Err(CallError::NotOffered)),
        }
    }
}

/// A store that was replaced, until nobody reads it any more.
struct Retired {
    id: PartitionId,
    store: Weak<Store>,
    directory: PathBuf,
    /// It is to be set aside, not removed.
    damaged: bool,
}

/// Calls of one partition that cannot be answered at once.
struct Later {
    view: Arc<View>,
    inbox: Inbox,
    write: bool,
    calls: SmallVec<[(u32, Call); 1]>,
}

/// How often partitions are asked to hand over, until they have.
const RETIRE_EVERY: Duration = Duration::from_millis(20);
/// Between two seeds (an odd number: all seeds come up).
const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;
/// Jobs that may wait for the pool.
const POOL_QUEUE: usize = 4096;
/// Threads that make long replies.
const LONG_THREADS: usize = 2;
/// Bytes of requests that may wait at one shard.
const QUEUE_BYTES: usize = 256 << 20;
/// Batches of messages that may wait at one shard: what is dropped is sent again.
const QUEUE_MESSAGES: usize = 4096;
