//! Three replicas, their disks, a bad network, a meta server, and an observer who sees everything.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use pacifica::invariants::{commit_invariant, primary_invariant};
use pacifica::message::{Message, Mutation};
use pacifica::replica::{Input, LogToken, Options, Output, Replica, Role};
use types::group::GroupConfig;
use types::id::{Ballot, Decree, NodeId};
use types::time::Time;

use crate::disk::{Disk, Store, body, parse};
use crate::rng::Rng;

/// A lie of the world below the replicas, to see that the observer notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    /// `Logged` is said before the record is on the disk.
    LoggedBeforeSync,
    /// A restart comes back with the ballot before its last.
    BallotForgotten,
    /// A restart loses the last synced record.
    TailDropped,
    /// The log drops every record that is applied, not oldest first: a fence before what it voided.
    FenceTrimmed,
}

/// What a run did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Summary {
    pub steps: u64,
    pub commits: u64,
    pub ballots: u64,
    pub crashes: u64,
    pub filled: u64,
    /// Of every output, in order.
    pub trace: u64,
}

struct Node {
    id: NodeId,
    disk: Disk,
    /// `None`: down.
    replica: Option<Replica>,
    store: Store,
    /// Id of the last write ordered here: what the next one is evaluated on.
    evaluated: u64,
    incarnation: u64,
    tick_at: Option<Time>,
}

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Deliver { from: usize, to: usize, message: Message },
    Configure { to: usize, config: GroupConfig },
    Sync { node: usize, incarnation: u64 },
    Logged { node: usize, incarnation: u64, upto: LogToken },
    Tick { node: usize, incarnation: u64 },
    Write { node: usize },
    Flush { node: usize },
    Crash { node: usize },
    Restart { node: usize },
    Meta,
    Cut,
}

pub struct World {
    rng: Rng,
    lie: Lie,
    now: Time,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    events: BTreeMap<u64, Event>,
    serial: u64,
    nodes: Vec<Node>,
    config: GroupConfig,
    /// Incarnations that the configuration was issued for.
    issued: Vec<u64>,
    /// `from * 3 + to`: nothing gets through before.
    cut: Vec<Time>,
    faults: bool,
    /// How far crashes lie apart, 1 to 10.
    calm: u64,
    /// How seldom the meta server changes its mind without need.
    steady: u64,
    /// What was applied under each decree, by whoever did it first.
    history: BTreeMap<Decree, Option<u64>>,
    writes: u64,
    summary: Summary,
}

impl World {
    pub fn new(seed: u64, lie: Lie) -> World {
        let nodes: Vec<Node> = (0..NODES).map(Node::new).collect();
        let config = GroupConfig { ballot: Ballot(0), primary: None, secondaries: Vec::new() };
        let mut rng = Rng::new(seed);
        let (calm, steady) = (1 + rng.below(10), 10 << rng.below(6));
        let mut world = World {
            rng,
            lie,
            now: Time::at(Duration::from_secs(1)),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            serial: 0,
            nodes,
            config,
            issued: vec![0; NODES],
            cut: vec![Time::default(); NODES * NODES],
            faults: true,
            calm,
            steady,
            history: BTreeMap::new(),
            writes: 0,
            summary: Summary::default(),
        };
        for node in 0..NODES {
            for event in [Event::Write { node }, Event::Flush { node }, Event::Crash { node }] {
                world.after(1, 300, event);
            }
        }
        world.after(0, 1, Event::Meta);
        world.after(1, 500, Event::Cut);
        world
    }

    /// Faults for `span`, then peace, in which everything has to come right.
    pub fn run(mut self, span: Duration) -> Result<Summary, String> {
        let peace = self.now + span;
        self.until(peace)?;
        self.faults = false;
        self.cut.fill(Time::default());
        self.until(peace + Duration::from_secs(20))?;
        self.check_peace()?;
        self.order_everywhere()?;
        self.until(peace + Duration::from_secs(21))?;
        self.check_peace()?;
        Ok(self.summary)
    }

    fn until(&mut self, end: Time) -> Result<(), String> {
        while let Some(Reverse((at, serial))) = self.queue.peek().copied().filter(|Reverse((at, _))| *at <= end) {
            self.queue.pop();
            self.now = at;
            let event = self.events.remove(&serial).expect("queued");
            self.summary.steps += 1;
            self.happen(event)?;
        }
        self.now = end;
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Deliver { from, to, message } => {
                let from = self.nodes[from].id.clone();
                self.step(to, Input::Received { from, message })
            }
            Event::Configure { to, config } => self.configure(to, config),
            Event::Sync { node, incarnation } if self.nodes[node].lives(incarnation) => {
                let upto = self.nodes[node].disk.sync();
                self.after(0, 5, Event::Logged { node, incarnation, upto });
                Ok(())
            }
            Event::Logged { node, incarnation, upto } if self.nodes[node].lives(incarnation) => self.step(node, Input::Logged { upto }),
            Event::Tick { node, incarnation } if self.nodes[node].lives(incarnation) => {
                self.nodes[node].tick_at = None;
                self.step(node, Input::Tick)
            }
            Event::Sync { .. } | Event::Logged { .. } | Event::Tick { .. } => Ok(()),
            Event::Write { node } => {
                if self.faults {
                    self.after(0, 40, Event::Write { node });
                    for _ in 0..=self.rng.below(4) {
                        self.order(node)?;
                    }
                }
                Ok(())
            }
            Event::Flush { node } => {
                self.after(50, 800, Event::Flush { node });
                let lie = self.lie == Lie::FenceTrimmed;
                let Node { disk, store, replica, .. } = &mut self.nodes[node];
                if replica.is_some() {
                    disk.flush(*store);
                    if lie {
                        let kept = |(_, record): &(LogToken, Mutation)| record.decree > store.applied;
                        let synced = disk.records[..disk.synced].iter().filter(|record| kept(record)).count();
                        disk.records.retain(kept);
                        disk.synced = synced;
                    }
                }
                Ok(())
            }
            Event::Crash { node } => {
                if self.faults {
                    self.after(100, 2000 * self.calm, Event::Crash { node });
                    self.crash(node);
                    if self.rng.once_in(4) {
                        (0..NODES).for_each(|node| self.crash(node)); // the power
                    }
                }
                Ok(())
            }
            Event::Restart { node } => self.restart(node),
            Event::Meta => {
                self.meta();
                Ok(())
            }
            Event::Cut => {
                if self.faults {
                    self.after(50, 1000, Event::Cut);
                    let pair = self.rng.below((NODES * NODES) as u64) as usize;
                    self.cut[pair] = self.now + Duration::from_millis(self.rng.below(800));
                }
                Ok(())
            }
        }
    }

    /// The meta server: a new ballot for new incarnations once all are up, or without need; and the nodes' reports.
    fn meta(&mut self) {
        self.after(20, 60, Event::Meta);
        let current: Vec<u64> = self.nodes.iter().map(|node| node.incarnation).collect();
        let up = self.nodes.iter().all(|node| node.replica.is_some());
        if (up && current != self.issued) || (self.faults && self.rng.once_in(self.steady)) {
            let mut primary = self.rng.below(NODES as u64) as usize;
            if self.rng.once_in(2) && up {
                let rank = |node: &Node| node.replica.as_ref().map(|replica| (replica.prepared_ballot(), replica.prepared()));
                primary = (0..NODES).max_by_key(|i| rank(&self.nodes[*i])).expect("three");
            }
            let id = |i: usize| self.nodes[i].id.clone();
            let secondaries = (0..NODES).filter(|i| *i != primary).map(id).collect();
            self.config = GroupConfig { ballot: self.config.ballot.next(), primary: Some(id(primary)), secondaries };
            self.issued = current;
            self.summary.ballots += 1;
        }
        for to in 0..NODES {
            if !self.faults || self.rng.once_in(2) {
                let config = self.config.clone();
                self.after(0, 200, Event::Configure { to, config });
            }
        }
    }

    fn configure(&mut self, to: usize, config: GroupConfig) -> Result<(), String> {
        let node = &mut self.nodes[to];
        if node.replica.is_none() || config.ballot < node.disk.ballot {
            return Ok(());
        }
        node.disk.ballot = config.ballot;
        if self.faults && self.rng.once_in(50) {
            self.crash(to);
            return Ok(());
        }
        self.step(to, Input::Configured(config))
    }

    fn order(&mut self, node: usize) -> Result<(), String> {
        let Node { replica: Some(replica), evaluated, .. } = &mut self.nodes[node] else { return Ok(()) };
        if replica.may_write().is_err() {
            return Ok(());
        }
        self.writes += 1;
        let body = body(self.writes, *evaluated);
        *evaluated = self.writes;
        self.step(node, Input::Write { body })
    }

    fn step(&mut self, at: usize, input: Input) -> Result<(), String> {
        let Some(replica) = &mut self.nodes[at].replica else { return Ok(()) };
        let mut outputs = Vec::new();
        replica.step(self.now, input, &mut outputs);
        self.perform(at, outputs)?;
        self.set_timer(at);
        self.check_group()
    }

    fn perform(&mut self, at: usize, outputs: Vec<Output>) -> Result<(), String> {
        for output in outputs {
            self.note(&output);
            match output {
                Output::Log { token, mutation } => {
                    let incarnation = self.nodes[at].incarnation;
                    self.nodes[at].disk.append(token, mutation);
                    let slow = if self.rng.once_in(50) { 400 } else { 10 };
                    self.after(0, slow, Event::Sync { node: at, incarnation });
                    if self.lie == Lie::LoggedBeforeSync && self.rng.once_in(2) {
                        self.after(0, 5, Event::Logged { node: at, incarnation, upto: token });
                    }
                }
                Output::Send { to, message } => self.send(at, &to, message),
                Output::Apply(mutation) => self.apply(at, mutation)?,
                Output::Role(Role::Primary) => self.nodes[at].evaluated = self.nodes[at].store.tip,
                Output::Role(_) => {}
                Output::Behind { expected, received } => {
                    return Err(format!("{} is behind: expected {expected}, received {received}", self.nodes[at].id));
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, from: usize, to: &NodeId, message: Message) {
        let to = self.nodes.iter().position(|node| node.id == *to).expect("a member");
        if self.faults && (self.rng.once_in(20) || self.cut[from * NODES + to] > self.now) {
            return;
        }
        let slow = if self.faults && self.rng.once_in(20) { 600 } else { 10 };
        if self.faults && self.rng.once_in(20) {
            self.after(0, 300, Event::Deliver { from, to, message: message.clone() });
        }
        self.after(0, slow, Event::Deliver { from, to, message });
    }

    /// Agreement, and that every write is applied on the one it was evaluated on; what commits first is on every disk.
    fn apply(&mut self, at: usize, mutation: Mutation) -> Result<(), String> {
        let Node { store, id, .. } = &mut self.nodes[at];
        if mutation.decree != store.applied.next() {
            return Err(format!("{id} applies {} after {}", mutation.decree, store.applied));
        }
        store.applied = mutation.decree;
        let write = parse(mutation.body);
        if let Some((write, after)) = write {
            if after != store.tip {
                return Err(format!("{id} applies write {write} at {} on {}, it was evaluated on {after}", mutation.decree, store.tip));
            }
            store.tip = write;
        } else if !mutation.fence {
            self.summary.filled += 1;
        }
        let write = write.map(|(write, _)| write);
        if let Some(other) = self.history.get(&mutation.decree) {
            if *other != write {
                return Err(format!("{id} applies {write:?} at {}, another {other:?}", mutation.decree));
            }
            return Ok(());
        }
        self.history.insert(mutation.decree, write);
        self.summary.commits += 1;
        if self.rng.once_in(8) {
            for i in 0..NODES {
                let mut disk = self.nodes[i].disk.clone();
                disk.lose_power(0);
                self.check_survives(i, &disk)?;
            }
        }
        Ok(())
    }

    fn crash(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.replica.take().is_none() {
            return;
        }
        self.summary.crashes += 1;
        node.incarnation += 1;
        let unsynced = node.disk.records.len() - node.disk.synced;
        let kept = self.rng.below(unsynced as u64 + 1) as usize;
        node.disk.lose_power(kept);
        match self.lie {
            Lie::BallotForgotten => node.disk.ballot = Ballot(node.disk.ballot.0.saturating_sub(1)),
            Lie::TailDropped => {
                node.disk.records.pop();
                node.disk.synced = node.disk.records.len();
            }
            _ => {}
        }
        self.after(1, 500, Event::Restart { node: at });
    }

    fn restart(&mut self, at: usize) -> Result<(), String> {
        if self.nodes[at].replica.is_some() {
            return Ok(());
        }
        if matches!(self.lie, Lie::None) {
            self.check_survives(at, &self.nodes[at].disk)?;
        }
        let batch = 1 + self.rng.below(7) as usize;
        let node = &mut self.nodes[at];
        let (replica, store, released) = node.disk.start(node.id.clone(), options(), batch);
        node.replica = Some(replica);
        node.store = store;
        node.tick_at = None;
        released.into_iter().try_for_each(|mutation| self.apply(at, mutation))
    }

    /// Everything that was ever committed can be found on this disk.
    fn check_survives(&self, at: usize, disk: &Disk) -> Result<(), String> {
        let (replica, store, released) = disk.start(self.nodes[at].id.clone(), options(), usize::MAX);
        let found: BTreeMap<Decree, Option<u64>> = released
            .into_iter()
            .chain(replica.tail().cloned())
            .map(|mutation| (mutation.decree, parse(mutation.body).map(|(write, _)| write)))
            .collect();
        for (decree, write) in self.history.range(store.applied.next()..) {
            if found.get(decree) != Some(write) {
                return Err(format!("{}: the disk lost {write:?} at {decree}, has {:?}", self.nodes[at].id, found.get(decree)));
            }
        }
        Ok(())
    }

    fn check_group(&self) -> Result<(), String> {
        let group: Vec<_> = self.nodes.iter().filter_map(|node| node.replica.as_ref().map(Replica::standing)).collect();
        primary_invariant(&group).map_err(|broken| broken.to_string())?;
        for primary in &group {
            for secondary in &group {
                commit_invariant(primary, secondary).map_err(|broken| broken.to_string())?;
            }
        }
        Ok(())
    }

    /// In peace: one primary, all alike, nobody waits for anything, and every log can be emptied.
    fn check_peace(&mut self) -> Result<(), String> {
        let last = self.history.keys().next_back().copied().unwrap_or_default();
        let mut primaries = 0;
        for node in &mut self.nodes {
            let replica = node.replica.as_ref().ok_or("a node is down in peace")?;
            primaries += usize::from(replica.role() == Role::Primary);
            let s = replica.standing();
            if s.applied != last || s.prepared != last || s.ballot != self.config.ballot || replica.deadline().is_some() {
                return Err(format!("{} has not come to rest at {last}: {s:?}, deadline {:?}", node.id, replica.deadline()));
            }
            node.disk.flush(node.store);
            if !node.disk.records.is_empty() {
                return Err(format!("{}: the log cannot forget {:?}", node.id, node.disk.records));
            }
        }
        if primaries == 1 { Ok(()) } else { Err(format!("{primaries} primaries in peace")) }
    }

    fn order_everywhere(&mut self) -> Result<(), String> {
        let before = self.writes;
        (0..NODES).try_for_each(|node| self.order(node))?;
        if self.writes == before + 1 { Ok(()) } else { Err("nobody takes a write in peace".to_owned()) }
    }

    fn set_timer(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let Some(deadline) = node.replica.as_ref().and_then(Replica::deadline) else { return };
        if node.tick_at.is_none_or(|tick| deadline < tick) {
            node.tick_at = Some(deadline);
            let event = Event::Tick { node: at, incarnation: node.incarnation };
            self.at(deadline.max(self.now), event);
        }
    }

    fn after(&mut self, least: u64, most: u64, event: Event) {
        let millis = least * 1000 + self.rng.below((most - least) * 1000);
        self.at(self.now + Duration::from_micros(millis), event);
    }

    fn at(&mut self, time: Time, event: Event) {
        self.serial += 1;
        self.queue.push(Reverse((time, self.serial)));
        self.events.insert(self.serial, event);
    }

    fn note(&mut self, output: &Output) {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (self.summary.trace, self.now).hash(&mut hasher);
        match output {
            Output::Log { token, mutation } => (token, &mutation.body[..], mutation.ballot, mutation.decree).hash(&mut hasher),
            Output::Send { to, message } => (to, message.ballot()).hash(&mut hasher),
            Output::Apply(mutation) => (mutation.decree, mutation.ballot).hash(&mut hasher),
            Output::Role(role) => (*role as u8).hash(&mut hasher),
            Output::Behind { expected, received } => (expected, received).hash(&mut hasher),
        }
        self.summary.trace = hasher.finish();
    }
}

impl Node {
    fn new(index: usize) -> Node {
        let id = NodeId::new(["a", "b", "c"][index]);
        let disk = Disk::default();
        let (replica, store, _) = disk.start(id.clone(), options(), 1);
        Node { id, disk, replica: Some(replica), store, evaluated: 0, incarnation: 1, tick_at: None }
    }

    fn lives(&self, incarnation: u64) -> bool {
        self.replica.is_some() && self.incarnation == incarnation
    }
}

/// Small, so that windows fill up and parts are many.
fn options() -> Options {
    Options {
        window: 8,
        window_bytes: 16 * 8,
        resend_bytes: 40,
        resend: Duration::from_millis(60),
        resend_max: Duration::from_millis(800),
        notice: Duration::from_millis(10),
    }
}

const NODES: usize = 3;
