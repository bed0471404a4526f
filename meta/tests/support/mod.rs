//! A meta core and nodes that are no more than what meta sees of nodes: copies with a ballot and a log, and a role per life.
//!
//! The copies follow the rules of `pacifica` in one stroke each: a primary takes its log over to each secondary, then serves; a write is
//! acknowledged when all have it. Logs may be unsynced: a process that is killed keeps them, a machine that loses power does not.
#![allow(dead_code, reason = "each test uses its part")]

pub mod dice;
pub mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use meta::core::{Bootstrap, Core, Handled, Options};
use meta::store::memory::Memory;
use pacifica::message::Change;
use types::group::GroupConfig;
use types::id::{Ballot, Decree, NodeId, PartitionId, TableId};
use types::time::Time;
use wire::rpc::{Assignment, ChangeRequest, ClusterView, ControlRequest, ControlResponse, Duty, NodeReport, ReplicaReport, ReplicaState};

pub struct Cluster {
    pub store: Memory,
    pub core: Core,
    pub nodes: BTreeMap<String, Node>,
    pub now: Time,
    options: Options,
    lives: u64,
    /// Every configuration that a node acted under.
    acted: BTreeMap<(PartitionId, Ballot), GroupConfig>,
    /// The life of each node that acted under a ballot with a primary.
    acting: BTreeMap<(PartitionId, Ballot, String), u64>,
}

pub struct Node {
    pub name: String,
    pub address: String,
    pub incarnation: u64,
    pub up: bool,
    pub copies: BTreeMap<PartitionId, Copy>,
}

/// One replica: what is on the disk, then what this life of the process knows.
#[derive(Clone, Default)]
pub struct Copy {
    pub ballot: Ballot,
    /// Ballot and contents of each mutation, from decree 1.
    pub log: Vec<(Ballot, u64)>,
    pub synced: usize,
    pub committed: usize,
    pub failed: bool,
    pub role: Option<GroupConfig>,
    /// As primary: which secondaries took over the log, and whether it serves.
    pub followers: Vec<String>,
    pub serves: bool,
}

impl Cluster {
    /// Nodes `n1`..., and a first table of `partitions` with as many members as there are nodes.
    pub fn of(nodes: u32, partitions: u32) -> Cluster {
        Cluster::with(nodes, Some(Bootstrap { table: "default".to_owned(), partitions, replicas: nodes, nodes }))
    }

    pub fn with(nodes: u32, bootstrap: Option<Bootstrap>) -> Cluster {
        let options = options(bootstrap);
        let store = Memory::new();
        let now = Time::at(Duration::from_secs(100));
        let core = Core::open(Box::new(store.clone()), options.clone(), now).expect("an empty store");
        let mut cluster =
            Cluster { store, core, nodes: BTreeMap::new(), now, options, lives: 0, acted: BTreeMap::new(), acting: BTreeMap::new() };
        for i in 1..=nodes {
            cluster.add(&format!("n{i}"));
        }
        cluster
    }

    pub fn add(&mut self, name: &str) {
        self.lives += 1;
        let address = format!("{name}.host:34801");
        let node = Node { name: name.to_owned(), address, incarnation: self.lives, up: true, copies: BTreeMap::new() };
        self.nodes.insert(name.to_owned(), node);
    }

    pub fn node(&mut self, name: &str) -> &mut Node {
        self.nodes.get_mut(name).expect("a node")
    }

    /// The process ends and another begins, with what is on the disk.
    pub fn restart(&mut self, name: &str) {
        self.kill(name);
        self.start(name);
    }

    pub fn kill(&mut self, name: &str) {
        self.node(name).up = false;
    }

    /// The machine stops: what was not synced is gone.
    pub fn cut_power(&mut self, name: &str) {
        self.kill(name);
        for copy in self.node(name).copies.values_mut() {
            copy.log.truncate(copy.synced);
            copy.committed = copy.committed.min(copy.synced);
        }
    }

    pub fn start(&mut self, name: &str) {
        self.lives += 1;
        let lives = self.lives;
        let node = self.node(name);
        (node.up, node.incarnation) = (true, lives);
        for copy in node.copies.values_mut() {
            (copy.role, copy.serves) = (None, false);
            copy.followers.clear();
        }
    }

    /// The meta process ends and another begins over the same store.
    pub fn restart_meta(&mut self) {
        self.core = Core::open(Box::new(self.store.clone()), self.options.clone(), self.now).expect("the store is well");
    }

    /// The node reports and takes in the answer.
    pub fn report(&mut self, name: &str) -> Handled {
        let report = self.node(name).report();
        let handled = self.core.handle(self.now, ControlRequest::Report(report));
        if let ControlResponse::Assignments(assignments) = &handled.answer {
            self.adopt(name, assignments.clone());
        }
        handled
    }

    /// All nodes that are up report, several times, and groups do what they can.
    pub fn settle(&mut self) {
        for _ in 0..6 {
            for name in self.nodes.keys().cloned().collect::<Vec<_>>() {
                if self.nodes[&name].up {
                    self.report(&name);
                }
            }
            for id in self.partitions() {
                self.reconcile(id);
            }
            self.pass(50);
        }
    }

    pub fn pass(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
        self.core.tick(self.now);
    }

    /// A node takes in what it was told, as the replica server does: newer ballots only, and a copy is made at ballot 0 only.
    pub fn adopt(&mut self, name: &str, assignments: Vec<Assignment>) {
        let life = self.nodes[name].incarnation;
        for Assignment { partition, config, duty, .. } in assignments {
            if duty != Duty::Member && !self.is_overtaken(name, partition, &config) {
                continue;
            }
            let known = self.acted.entry((partition, config.ballot)).or_insert_with(|| config.clone());
            assert_eq!(*known, config, "{partition}: two configurations of one ballot");
            let node = self.nodes.get_mut(name).expect("a node");
            assert!(node.copies.contains_key(&partition) || config.ballot == Ballot(0), "{name} was to begin {partition} with nothing");
            let copy = node.copies.entry(partition).or_default();
            if config.ballot <= copy.ballot && config.ballot > Ballot(0) {
                continue;
            }
            if copy.failed {
                copy.ballot = config.ballot;
                continue;
            }
            let member = config.members().any(|node| node.name() == name);
            if config.primary.is_some() && member {
                let first = *self.acting.entry((partition, config.ballot, name.to_owned())).or_insert(life);
                assert_eq!(first, life, "{partition}: two lives of {name} under {}", config.ballot);
            }
            copy.ballot = config.ballot;
            (copy.role, copy.serves) = (Some(config).filter(|_| member), false);
            copy.followers.clear();
        }
    }

    /// Whether a copy believes to be a member under an older ballot: that ends, whatever the node is told to be.
    fn is_overtaken(&self, name: &str, partition: PartitionId, config: &GroupConfig) -> bool {
        self.nodes[name].copies.get(&partition).is_some_and(|copy| copy.role.is_some() && copy.ballot < config.ballot)
    }

    pub fn partitions(&self) -> Vec<PartitionId> {
        self.core.cluster().groups().map(|(id, _)| id).collect()
    }

    /// The primary of a partition, as far as a node that is up believes to be it under the newest ballot.
    pub fn primary(&self, id: PartitionId) -> Option<String> {
        let leads = |node: &&Node| node.up && node.copies.get(&id).is_some_and(|copy| copy.leads(&node.name));
        self.nodes.values().filter(leads).max_by_key(|node| node.copies[&id].ballot).map(|node| node.name.clone())
    }

    /// One primary takes its log over to all secondaries it can reach, then serves.
    pub fn reconcile(&mut self, id: PartitionId) {
        let Some(primary) = self.primary(id) else { return };
        for name in self.followers(id, &primary) {
            self.take_over(id, &primary, &name);
        }
        self.serve(id, &primary);
    }

    /// Nodes that are up and secondaries of `primary` under its ballot.
    pub fn followers(&self, id: PartitionId, primary: &str) -> Vec<String> {
        let Some(role) = self.nodes[primary].copies[&id].role.clone() else { return Vec::new() };
        let follows = |node: &&NodeId| {
            let node = &self.nodes[node.name()];
            node.up && node.copies.get(&id).is_some_and(|copy| copy.role.as_ref() == Some(&role))
        };
        role.secondaries.iter().filter(follows).map(|node| node.name().to_owned()).collect()
    }

    /// A secondary puts the new primary's log, up to its fence, in the place of its own.
    pub fn take_over(&mut self, id: PartitionId, primary: &str, secondary: &str) {
        let lead = self.copy(primary, id);
        if lead.serves || lead.followers.iter().any(|name| name == secondary) {
            return;
        }
        if lead.log.last().is_none_or(|(ballot, _)| *ballot != lead.ballot) {
            let (ballot, committed) = (lead.ballot, lead.committed);
            lead.log[committed..].iter_mut().for_each(|entry| entry.0 = ballot);
            lead.log.push((ballot, FENCE));
        }
        lead.followers.push(secondary.to_owned());
        let log = lead.log.clone();
        let copy = self.copy(secondary, id);
        let same = copy.log.iter().zip(&log).take_while(|(a, b)| a == b).count();
        copy.synced = copy.synced.min(same);
        copy.log = log;
    }

    /// The primary commits what it took over, if all its secondaries have it.
    pub fn serve(&mut self, id: PartitionId, primary: &str) {
        let copy = self.copy(primary, id);
        let Some(role) = copy.role.clone() else { return };
        if copy.followers.len() == role.secondaries.len() && !copy.serves {
            if role.secondaries.is_empty() && copy.log.last().is_none_or(|(ballot, _)| *ballot != copy.ballot) {
                copy.log.push((copy.ballot, FENCE));
            }
            copy.serves = true;
            copy.committed = copy.log.len();
            let committed = copy.committed;
            for name in self.followers(id, primary) {
                self.copy(&name, id).committed = committed;
            }
        }
    }

    /// A write that every member has: `true` if it was acknowledged.
    pub fn write(&mut self, id: PartitionId, op: u64) -> bool {
        let Some(primary) = self.primary(id).filter(|name| self.nodes[name].copies[&id].serves) else { return false };
        let wanted = self.copy(&primary, id).role.as_ref().map_or(0, |role| role.secondaries.len());
        let followers = self.followers(id, &primary);
        if followers.len() < wanted {
            return false;
        }
        self.prepare(id, &primary, op);
        for name in &followers {
            self.receive(id, &primary, name);
        }
        self.commit(id, &primary);
        true
    }

    /// The primary puts a write on its own log.
    pub fn prepare(&mut self, id: PartitionId, primary: &str, op: u64) {
        let copy = self.copy(primary, id);
        copy.log.push((copy.ballot, op));
    }

    /// A secondary gets all the primary has.
    pub fn receive(&mut self, id: PartitionId, primary: &str, secondary: &str) {
        let (log, committed) = (self.copy(primary, id).log.clone(), self.copy(primary, id).committed);
        let copy = self.copy(secondary, id);
        copy.log = log;
        copy.committed = copy.committed.max(committed);
    }

    /// The primary commits what all have.
    pub fn commit(&mut self, id: PartitionId, primary: &str) {
        let role = self.copy(primary, id).role.clone().expect("a primary has a configuration");
        let held = role.members().map(|node| self.nodes[node.name()].copies[&id].log.len()).min().unwrap_or(0);
        let copy = self.copy(primary, id);
        copy.committed = copy.committed.max(held);
    }

    pub fn copy(&mut self, name: &str, id: PartitionId) -> &mut Copy {
        self.node(name).copies.get_mut(&id).expect("a copy")
    }

    pub fn sync_all(&mut self) {
        for copy in self.nodes.values_mut().flat_map(|node| node.copies.values_mut()) {
            copy.synced = copy.log.len();
        }
    }

    /// A node asks for a change of a group that it believes to be at `ballot`: the ballot and members, primary first, that it is told, or why not.
    pub fn change(&mut self, name: &str, index: u32, ballot: u64, change: Change) -> String {
        let request = ChangeRequest {
            partition: p(index),
            node: NodeId::new(name),
            incarnation: self.nodes[name].incarnation,
            ballot: Ballot(ballot),
            change,
        };
        match self.ask(ControlRequest::Change(request)) {
            ControlResponse::Group { assignment, refused: None } => {
                self.adopt(name, vec![assignment.clone()]);
                let members: Vec<&str> = assignment.config.members().map(NodeId::name).collect();
                format!("{} {}", assignment.config.ballot, members.join(" "))
            }
            ControlResponse::Group { refused: Some(reason), .. } => reason,
            other => format!("{other:?}"),
        }
    }

    /// What a node is told of a partition: its duty and a suggestion.
    pub fn told(&mut self, name: &str, index: u32) -> String {
        let report = self.node(name).report();
        let ControlResponse::Assignments(assignments) = self.ask(ControlRequest::Report(report)) else { return "refused".to_owned() };
        match assignments.iter().find(|a| a.partition == p(index)) {
            None => "nothing".to_owned(),
            Some(a) => match &a.suggestion {
                None => format!("{:?}", a.duty),
                Some(suggestion) => format!("{:?} {suggestion:?}", a.duty),
            },
        }
    }

    pub fn ask(&mut self, request: ControlRequest) -> ControlResponse {
        self.core.handle(self.now, request).answer
    }

    pub fn view(&mut self) -> ClusterView {
        match self.ask(ControlRequest::Cluster) {
            ControlResponse::Cluster(view) => view,
            other => panic!("{other:?}"),
        }
    }

    /// Ballot and primary as recorded.
    pub fn group(&self, index: u32) -> (u64, Option<String>) {
        let group = self.core.cluster().group(p(index)).expect("a group");
        (group.ballot.0, group.primary.as_ref().map(|node| node.name().to_owned()))
    }

    /// Whether every group's primary serves with all members, as meta sees it.
    pub fn healthy(&mut self) -> bool {
        let view = self.view();
        !view.tables.is_empty() && view.tables.iter().all(|table| table.healthy == table.partitions)
    }

    pub fn obstacles(&self, index: u32) -> String {
        let list = self.core.obstacles().get(&p(index));
        list.map_or(String::new(), |list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }
}

impl Node {
    pub fn report(&self) -> NodeReport {
        let replica = |(partition, copy): (&PartitionId, &Copy)| ReplicaReport {
            partition: *partition,
            ballot: copy.ballot,
            prepared_ballot: copy.log.last().map_or(Ballot(0), |entry| entry.0),
            prepared: Decree(copy.log.len() as u64),
            committed: Decree(copy.committed as u64),
            state: copy.state(&self.name),
            lease: None,
        };
        NodeReport {
            node: NodeId::new(&self.name),
            address: self.address.clone(),
            zone: String::new(),
            incarnation: self.incarnation,
            replicas: self.copies.iter().map(replica).collect(),
        }
    }
}

impl Copy {
    pub fn leads(&self, name: &str) -> bool {
        self.role.as_ref().is_some_and(|role| role.primary.as_ref().is_some_and(|primary| primary.name() == name))
    }

    fn state(&self, name: &str) -> ReplicaState {
        match &self.role {
            _ if self.failed => ReplicaState::Failed,
            Some(role) if role.primary.is_some() && !self.leads(name) => ReplicaState::Secondary,
            Some(_) if self.leads(name) && self.serves => ReplicaState::Primary,
            Some(_) if self.leads(name) => ReplicaState::Reconciling,
            _ => ReplicaState::Waiting,
        }
    }
}

/// Times that tests count on.
pub fn options(bootstrap: Option<Bootstrap>) -> Options {
    Options {
        bootstrap,
        silent_after: Duration::from_secs(3),
        dead_after: Duration::from_secs(60),
        min_write_members: 2,
        learns_max: 8,
        learns_per_node: 2,
    }
}

/// Partition `index` of the first table.
pub fn p(index: u32) -> PartitionId {
    PartitionId { table: TableId(1), index }
}

/// What a fence holds; no write does.
pub const FENCE: u64 = 0;
