//! One run: the events in their order, the network between nodes, and the meta server's place in it.
//!
//! ```text
//!   queue ──▶ event ──▶ node (node.rs) ──▶ Replica::step ──▶ log, sends, applies ──▶ queue
//!                   ├─▶ meta.rs                                   │
//!                   ├─▶ client.rs                                 ╰──▶ oracle.rs, after every step
//!                   ╰─▶ faults.rs
//! ```
//! Invariant: what happens depends on the seed alone.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use meta::core::Push;
use pacifica::message::{Change, Message};
use pacifica::replica::{Answer, Input, Output};
use types::group::GroupConfig;
use types::id::{Ballot, NodeId, PartitionId};
use types::time::Time;
use wire::rpc::{Assignment, ChangeRequest, ControlRequest, ControlResponse};

use crate::client::{Ask, Client, Outcome, Record};
use crate::clock::{MS, Nanos, SECOND};
use crate::data::{Body, State};
use crate::faults::Heal;
use crate::meta::Meta;
use crate::node::Node;
use crate::oracle::Oracle;
use crate::rng::{Rng, mix};
use crate::settings::Settings;
use crate::stats::Stats;

/// Something that happens.
#[derive(Debug)]
pub(crate) enum Event {
    Deliver {
        to: usize,
        from: usize,
        part: usize,
        message: Box<Message>,
    },
    Tick {
        node: usize,
        epoch: u32,
        part: usize,
        at: Nanos,
    },
    Synced {
        node: usize,
        epoch: u32,
        upto: u64,
    },
    StallCheck {
        node: usize,
        epoch: u32,
        upto: u64,
    },
    Raised {
        node: usize,
        epoch: u32,
        part: usize,
        what: Box<Raised>,
    },
    Flush {
        node: usize,
        epoch: u32,
    },
    ReportDue {
        node: usize,
        epoch: u32,
        number: u64,
    },
    Restart {
        node: usize,
    },
    /// At the meta server.
    Request {
        node: usize,
        epoch: u32,
        request: Box<ControlRequest>,
        change: Option<(usize, Ballot, u64)>,
    },
    Response {
        node: usize,
        epoch: u32,
        response: Box<ControlResponse>,
        change: Option<(usize, Ballot, u64)>,
    },
    Pushed {
        node: usize,
    },
    ChangeLost {
        node: usize,
        epoch: u32,
        part: usize,
        ballot: Ballot,
        number: u64,
        answer: Answer,
    },
    MetaTick {
        epoch: u32,
    },
    Suspected {
        node: usize,
        epoch: u32,
        peer: NodeId,
    },
    /// A learner's question at its primary's node.
    FetchAsked {
        node: usize,
        from: usize,
        epoch: u32,
        part: usize,
        config: Box<GroupConfig>,
        has: u64,
        whole: bool,
        number: u64,
    },
    Fetched {
        node: usize,
        epoch: u32,
        part: usize,
        config: Box<GroupConfig>,
        copy: Option<Box<State>>,
        number: u64,
    },
    FetchFailed {
        node: usize,
        epoch: u32,
        part: usize,
        number: u64,
    },
    Asked {
        node: usize,
        ask: Box<Ask>,
    },
    Told {
        client: usize,
        operation: usize,
        attempt: u32,
        outcome: Outcome,
    },
    Patience {
        client: usize,
        operation: usize,
        attempt: u32,
    },
    Next {
        client: usize,
    },
    Fault,
    Healed(Heal),
    Calm,
    Settling,
}

/// What is on a node's disk now.
#[derive(Debug)]
pub(crate) enum Raised {
    Assigned(Assignment),
    Adopted(GroupConfig, bool),
}

struct Scheduled {
    at: Nanos,
    number: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}
impl Eq for Scheduled {}
impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// The wires. Places are the nodes, then the meta server, then the clients.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) cut: Vec<Vec<bool>>,
    pub(crate) loss: u64,
    pub(crate) doubled: u64,
    pub(crate) delay: Nanos,
}

/// Everything.
pub struct World {
    pub(crate) now: Nanos,
    queue: BinaryHeap<Reverse<Scheduled>>,
    number: u64,
    pub(crate) rng: Rng,
    pub(crate) settings: Settings,
    pub(crate) ids: Vec<NodeId>,
    pub(crate) parts: Vec<PartitionId>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) meta: Meta,
    pub(crate) meta_up: bool,
    /// Who was removed by an administrator.
    pub(crate) removed: Vec<(PartitionId, NodeId)>,
    /// The next addition gets into trouble.
    pub(crate) hold_addition: bool,
    pub(crate) meta_epoch: u32,
    pub(crate) meta_hangs_until: Nanos,
    pub(crate) network: Network,
    pub(crate) clients: Vec<Client>,
    pub(crate) history: Vec<Record>,
    pub(crate) bodies: Vec<Rc<Body>>,
    pub(crate) oracle: Oracle,
    pub(crate) stats: Stats,
    pub(crate) outputs: Vec<Output>,
    pub(crate) calm: Option<Nanos>,
    pub(crate) over: bool,
    /// What is to be read once more.
    pub(crate) finals: Vec<(usize, usize)>,
    pub(crate) ending: bool,
    /// Fetches begun.
    pub(crate) fetches: u64,
    verbose: bool,
    hash: u64,
}

/// Writes a line if the run is to be told.
macro_rules! say {
    ($world:expr, $($text:tt)*) => {
        if $world.is_verbose() {
            $world.say(format_args!($($text)*));
        }
    };
}
pub(crate) use say;

impl World {
    /// The world of a seed, at its beginning.
    pub fn new(seed: u64, verbose: bool) -> World {
        let mut rng = Rng::new(seed);
        let settings = Settings::draw(&mut rng);
        let ids: Vec<NodeId> = ["a", "b", "c", "d", "e"][..settings.nodes].iter().map(|name| NodeId::new(name)).collect();
        let places = settings.nodes + 2;
        let network =
            Network { cut: vec![vec![false; places]; places], loss: settings.loss, doubled: settings.doubled, delay: settings.delay };
        let meta = Meta::new(&ids, &settings);
        let parts: Vec<PartitionId> = meta.groups.keys().copied().collect();
        let nodes = (0..settings.nodes).map(|_| Node::new(&mut rng, &settings)).collect();
        let clients = (0..settings.clients).map(|_| Client::new(&mut rng, settings.partitions)).collect();
        let oracle = Oracle::new(settings.partitions);
        let mut world = World {
            now: 0,
            queue: BinaryHeap::new(),
            number: 0,
            rng,
            ids,
            parts,
            nodes,
            meta,
            meta_up: true,
            removed: Vec::new(),
            hold_addition: false,
            meta_epoch: 0,
            meta_hangs_until: 0,
            network,
            clients,
            history: Vec::new(),
            bodies: vec![Rc::default()],
            oracle,
            stats: Stats::default(),
            outputs: Vec::new(),
            calm: None,
            over: false,
            finals: Vec::new(),
            ending: false,
            fetches: 0,
            verbose,
            hash: seed,
            settings,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        say!(self, "{:?}", self.settings);
        for p in 0..self.parts.len() {
            for (node, _) in self.meta.groups[&self.parts[p]].seats.clone() {
                let n = self.index(&node);
                self.nodes[n].disk.create(p);
            }
        }
        for node in 0..self.nodes.len() {
            self.at(0, Event::Restart { node });
        }
        for client in 0..self.clients.len() {
            let at = self.rng.below(500 * MS);
            self.at(at, Event::Next { client });
        }
        self.at(100 * MS, Event::MetaTick { epoch: 0 });
        self.at(800 * MS, Event::Fault);
        self.at(self.settings.faults_until, Event::Calm);
    }

    /// Runs to the end. Returns what happened, and a number that tells two runs apart.
    pub fn run(&mut self) -> (Stats, u64) {
        while !self.over {
            let Reverse(Scheduled { at, event, .. }) = self.queue.pop().expect("something always comes");
            assert!(at >= self.now, "time goes back");
            self.now = at;
            self.stats.events += 1;
            self.handle(event);
        }
        self.check_histories();
        self.stats.time = self.now;
        self.stats.seals = self.meta.seals;
        (self.stats.clone(), self.hash)
    }

    pub(crate) fn at(&mut self, at: Nanos, event: Event) {
        self.number += 1;
        self.queue.push(Reverse(Scheduled { at, number: self.number, event }));
    }

    pub(crate) fn after(&mut self, span: Nanos, event: Event) {
        self.at(self.now + span, event);
    }

    pub(crate) fn is_verbose(&self) -> bool {
        self.verbose
    }

    pub(crate) fn say(&self, text: std::fmt::Arguments<'_>) {
        println!("{:>12.6} {text}", self.now as f64 / SECOND as f64);
    }

    pub(crate) fn note(&mut self, what: u64) {
        self.hash = mix(self.hash ^ self.now).wrapping_add(mix(what));
    }

    pub(crate) fn meta_place(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn client_place(&self) -> usize {
        self.ids.len() + 1
    }

    pub(crate) fn index(&self, node: &NodeId) -> usize {
        usize::from(node.name().as_bytes()[0] - b'a')
    }

    pub(crate) fn part(&self, id: PartitionId) -> usize {
        id.index as usize
    }

    /// How long a message takes; `None`: it is lost.
    pub(crate) fn transit(&mut self, from: usize, to: usize) -> Option<Nanos> {
        if self.network.cut[from][to] || self.rng.chance(self.network.loss) {
            return None;
        }
        let usual = MS / 20 + self.rng.below(self.network.delay);
        // Now and then it lies in a buffer until long after its sender gave it up.
        Some(match self.rng.below(1000) {
            0 => usual + self.rng.below(3 * SECOND),
            1..=3 => usual + self.rng.below(100 * MS),
            _ => usual,
        })
    }

    pub(crate) fn send(&mut self, from: usize, to: usize, part: usize, message: Message) {
        say!(self, "{}->{} p{part} {message:?}", self.ids[from], self.ids[to]);
        let twice = self.rng.chance(self.network.doubled);
        if twice && let Some(span) = self.transit(from, to) {
            self.after(span * 3, Event::Deliver { to, from, part, message: Box::new(message.clone()) });
        }
        if let Some(span) = self.transit(from, to) {
            self.after(span, Event::Deliver { to, from, part, message: Box::new(message) });
        }
    }

    /// A node asks the meta server.
    pub(crate) fn request(&mut self, node: usize, request: ControlRequest, change: Option<(usize, Ballot, u64)>) {
        let epoch = self.nodes[node].epoch;
        let place = self.meta_place();
        if let Some((part, ballot, number)) = change {
            // Refused at once: certain not to have been sent.
            let unreachable = !self.meta_up || self.network.cut[node][place];
            if unreachable && self.rng.chance(700) {
                return self.after(MS, Event::ChangeLost { node, epoch, part, ballot, number, answer: Answer::Unsent });
            }
            self.after(SECOND, Event::ChangeLost { node, epoch, part, ballot, number, answer: Answer::Unknown });
            if self.hold_addition
                && let ControlRequest::Change(ChangeRequest { change: Change::Add { node: learner, .. }, .. }) = &request
            {
                let span = self.addition_in_trouble(learner);
                return self.after(span, Event::Request { node, epoch, request: Box::new(request), change });
            }
        }
        if let Some(span) = self.transit(node, place) {
            let span = if change.is_some() && self.rng.chance(30) { span + self.rng.below(3 * SECOND) } else { span };
            self.after(span, Event::Request { node, epoch, request: Box::new(request), change });
        }
    }

    pub(crate) fn propose(&mut self, node: usize, part: usize, ballot: Ballot, change: Change) {
        let replica = self.nodes[node].parts[part].as_mut().expect("it proposes");
        if replica.changing.is_some() {
            return;
        }
        self.number += 1;
        let number = self.number;
        replica.changing = Some(number);
        let incarnation = self.nodes[node].life;
        let request = ChangeRequest { partition: self.parts[part], node: self.ids[node].clone(), incarnation, ballot, change };
        say!(self, "{} p{part} asks for {:?} under {ballot}", self.ids[node], request.change);
        self.request(node, ControlRequest::Change(request), Some((part, ballot, number)));
    }

    pub(crate) fn meta_time(&self) -> Time {
        Time::at(Duration::from_nanos(self.now))
    }

    fn handle(&mut self, event: Event) {
        // A node that is stopped takes everything in when it goes on.
        if let Some(node) = event.node()
            && self.nodes[node].paused_until > self.now
        {
            let at = self.nodes[node].paused_until;
            return self.at(at, event);
        }
        if let Some((node, epoch)) = event.life()
            && (self.nodes[node].epoch != epoch || !self.nodes[node].up)
        {
            return;
        }
        match event {
            Event::Deliver { to, from, part, message } => {
                let from = self.ids[from].clone();
                self.step(to, part, Input::Received { from, message: *message });
            }
            Event::Tick { node, part, at, .. } => self.on_tick(node, part, at),
            Event::Synced { node, upto, .. } => self.on_synced(node, upto),
            Event::StallCheck { node, upto, .. } => self.on_stall_check(node, upto),
            Event::Raised { node, part, what, .. } => match *what {
                Raised::Assigned(assignment) => self.on_assigned(node, part, assignment),
                Raised::Adopted(config, learn) => self.configure(node, part, config, learn),
            },
            Event::Flush { node, .. } => self.on_flush(node),
            Event::ReportDue { node, number, .. } => self.on_report_due(node, number),
            Event::Restart { node } => self.restart(node),
            Event::Request { node, epoch, request, change } => self.on_request(node, epoch, *request, change),
            Event::Response { node, response, change, .. } => self.on_response(node, *response, change),
            Event::Pushed { node } => {
                if self.nodes[node].up {
                    self.report_in(node, MS / 10);
                }
            }
            Event::ChangeLost { node, part, ballot, number, answer, .. } => self.on_answer(node, part, ballot, number, answer),
            Event::MetaTick { epoch } if epoch == self.meta_epoch && self.meta_up => {
                let pushes = self.meta.tick(self.meta_time());
                self.push(pushes);
                self.look_at_records();
                self.after(100 * MS, Event::MetaTick { epoch });
            }
            Event::MetaTick { .. } => {}
            Event::Suspected { node, peer, .. } => {
                for part in 0..self.parts.len() {
                    self.step(node, part, Input::Suspect(peer.clone()));
                }
            }
            Event::FetchAsked { node, from, epoch, part, config, has, whole, number } => {
                self.on_fetch_asked(node, (from, epoch), part, config, has, whole, number);
            }
            Event::Fetched { node, part, config, copy, number, .. } => self.on_fetched(node, part, *config, copy.map(|copy| *copy), number),
            Event::FetchFailed { node, part, number, .. } => self.on_fetch_failed(node, part, number),
            Event::Asked { node, ask } => self.on_asked(node, *ask),
            Event::Told { client, operation, attempt, outcome } => self.on_told(client, operation, attempt, outcome),
            Event::Patience { client, operation, attempt } => self.on_patience(client, operation, attempt),
            Event::Next { client } => self.on_next(client),
            Event::Fault => self.fault(),
            Event::Healed(heal) => self.heal(heal),
            Event::Calm => self.on_calm(),
            Event::Settling => self.on_settling(),
        }
    }

    fn on_request(&mut self, node: usize, epoch: u32, request: ControlRequest, change: Option<(usize, Ballot, u64)>) {
        if !self.meta_up {
            return;
        }
        if self.now < self.meta_hangs_until {
            // What waits on several connections is taken in in any order.
            let at = self.meta_hangs_until + self.rng.below(30 * MS);
            let request = Box::new(request);
            return self.at(at, Event::Request { node, epoch, request, change });
        }
        say!(self, "{} asks the meta server: {request:?}", self.ids[node]);
        let asked = match &request {
            ControlRequest::Change(request) => Some((self.part(request.partition), request.change.clone())),
            _ => None,
        };
        let before = asked.as_ref().map(|(part, _)| self.meta.groups[&self.parts[*part]].ballot);
        let (response, pushes) = self.meta.handle(self.meta_time(), request);
        if let Some((part, change)) = asked
            && before != Some(self.meta.groups[&self.parts[part]].ballot)
        {
            match change {
                Change::Add { .. } => self.stats.added += 1,
                Change::Remove(_) => self.stats.removed += 1,
                Change::TakeOver => self.stats.takeovers += 1,
                Change::HandOver(_) => self.stats.handovers += 1,
            }
        }
        self.look_at_records();
        self.push(pushes);
        let place = self.meta_place();
        if let Some(span) = self.transit(place, node) {
            self.after(span, Event::Response { node, epoch, response: Box::new(response), change });
        }
    }

    pub(crate) fn push(&mut self, pushes: Vec<Push>) {
        let place = self.meta_place();
        for push in pushes {
            let node = self.index(&push.node);
            if let Some(span) = self.transit(place, node) {
                self.after(span, Event::Pushed { node });
            }
        }
    }

    fn on_response(&mut self, node: usize, response: ControlResponse, change: Option<(usize, Ballot, u64)>) {
        say!(self, "the meta server answers {}: {response:?}", self.ids[node]);
        match (response, change) {
            (ControlResponse::Assignments(assignments), _) => self.assign(node, assignments),
            (ControlResponse::Group { assignment, refused }, Some((part, ballot, number))) => {
                if assignment.config.ballot > ballot {
                    self.end_change(node, part, number);
                    self.assign(node, vec![assignment]);
                } else {
                    let answer = if refused.is_some() { Answer::Refused } else { Answer::Unknown };
                    self.on_answer(node, part, ballot, number, answer);
                }
            }
            _ => {}
        }
    }
}

impl Event {
    /// The node that has to run for this.
    fn node(&self) -> Option<usize> {
        match self {
            Event::Deliver { to, .. } => Some(*to),
            Event::Tick { node, .. }
            | Event::Synced { node, .. }
            | Event::StallCheck { node, .. }
            | Event::Raised { node, .. }
            | Event::Flush { node, .. }
            | Event::ReportDue { node, .. }
            | Event::Response { node, .. }
            | Event::Pushed { node, .. }
            | Event::ChangeLost { node, .. }
            | Event::Suspected { node, .. }
            | Event::FetchAsked { node, .. }
            | Event::Fetched { node, .. }
            | Event::FetchFailed { node, .. }
            | Event::Asked { node, .. } => Some(*node),
            _ => None,
        }
    }

    /// The process that this is for; it is for no other.
    fn life(&self) -> Option<(usize, u32)> {
        match self {
            Event::Tick { node, epoch, .. }
            | Event::Synced { node, epoch, .. }
            | Event::StallCheck { node, epoch, .. }
            | Event::Raised { node, epoch, .. }
            | Event::Flush { node, epoch }
            | Event::ReportDue { node, epoch, .. }
            | Event::Response { node, epoch, .. }
            | Event::ChangeLost { node, epoch, .. }
            | Event::Suspected { node, epoch, .. }
            | Event::Fetched { node, epoch, .. }
            | Event::FetchFailed { node, epoch, .. } => Some((*node, *epoch)),
            _ => None,
        }
    }
}
