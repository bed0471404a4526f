//! The meta core under random requests, lives and deaths of nodes, and failures of its store: after each request the rules of the records hold
//! ([`support::rules`]), a primary that serves has all that was acknowledged, and when the troubles are over every group serves again.
//!
//! A failure prints its seed; `SEED=7` runs that one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use meta::cluster::Group;
use meta::core::Bootstrap;
use meta::store::memory::Fault;
use pacifica::message::Change;
use types::id::{Ballot, NodeId, PartitionId};
use wire::rpc::{ChangeRequest, ControlRequest, ControlResponse, Duty, NodeReport, Suggestion};

use support::dice::Dice;
use support::rules::Rules;
use support::{Cluster, Copy, p};

#[test]
fn whatever_happens_the_records_keep_their_rules_and_the_groups_come_back() {
    let only: Option<u64> = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    let seeds = only.map_or(1..=SEEDS, |seed| seed..=seed);
    let mut seen = (0, 0);
    for seed in seeds.clone() {
        let run = std::panic::catch_unwind(|| Run::of(seed)).unwrap_or_else(|_| panic!("SEED={seed}: see above"));
        seen = (seen.0 + run.rules.issued.len(), seen.1 + run.acked.values().map(Vec::len).sum::<usize>());
    }
    let runs = seeds.count();
    assert!(seen.0 > 20 * runs && seen.1 > 10 * runs, "hardly anything happened: {} ballots, {} writes", seen.0, seen.1);
}

struct Run {
    c: Cluster,
    rules: Rules,
    dice: Dice,
    /// Learners: their life, and the ballot under which they learned.
    learners: BTreeMap<(PartitionId, String), (u64, Ballot)>,
    /// What members were told to ask for.
    wishes: BTreeMap<(PartitionId, String), Suggestion>,
    /// Ballots under which an addition was asked for and not granted: the learner has to be counted, which here means that nothing is written.
    in_doubt: BTreeSet<(PartitionId, Ballot)>,
    acked: BTreeMap<PartitionId, Vec<u64>>,
    writes: u64,
    /// Reports on their way, one of each life: those of a process that is over arrive at once, not for as long as if it lived.
    late: BTreeMap<(NodeId, u64), NodeReport>,
}

impl Run {
    fn of(seed: u64) -> Run {
        let table = Bootstrap { table: "default".to_owned(), partitions: PARTITIONS, replicas: 3, nodes: NODES };
        let (c, dice) = (Cluster::with(NODES, Some(table)), Dice(seed));
        let (rules, learners, wishes, late) = (Rules::default(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut run = Run { c, rules, dice, learners, wishes, in_doubt: BTreeSet::new(), acked: BTreeMap::new(), writes: 0, late };
        run.heal();
        (0..STEPS).for_each(|_| run.step());
        run.heal();
        run
    }

    fn step(&mut self) {
        let (name, id) = (self.any_node(), p(self.dice.below(PARTITIONS)));
        let (node, on) = (NodeId::new(&name), self.dice.below(2) == 0);
        match self.dice.below(100) {
            0..20 => self.report(&name),
            20..24 => self.names().iter().for_each(|name| self.report(name)),
            24..34 => self.reconcile(id),
            34..48 => self.write(id),
            48..58 => self.obey(id),
            58..63 => self.take_part(&name, id, false),
            63 => self.take_part(&name, id, true),
            64..67 => self.forge(node, id),
            67..74 => self.c.pass(self.dice.of(&[10, 100, 100, 1000, 1000, 4000])),
            74..77 => self.end(&name),
            77..84 if !self.c.nodes[&name].up => self.c.start(&name),
            84 if self.is_spare(&name) => {
                for copy in self.c.node(&name).copies.values_mut() {
                    (copy.failed, copy.role, copy.serves) = (true, None, false);
                }
            }
            85 => drop(self.ask(ControlRequest::MovePrimary { partition: id, to: node })),
            86 => drop(self.ask(ControlRequest::AddReplica { partition: id, node })),
            87 => drop(self.ask(ControlRequest::RemoveReplica { partition: id, node })),
            88 => drop(self.ask(ControlRequest::Drain { node, on })),
            89 => drop(self.ask(ControlRequest::Freeze { on })),
            90 => drop(self.ask(ControlRequest::Force { partition: id, node: on.then_some(node) })),
            91 => {
                self.c.store.fail(None); // a process that cannot read its store does not begin
                self.c.restart_meta();
            }
            92..95 => self.c.store.fail(self.dice.of(&[Some(Fault::Before), Some(Fault::After), Some(Fault::Down)])),
            95..98 => self.c.store.fail(None),
            98 if !self.late.is_empty() => {
                let lives: Vec<_> = self.late.keys().cloned().collect();
                let late = self.late.remove(&self.dice.of(&lives)).unwrap();
                self.ask(ControlRequest::Report(late));
            }
            _ => {}
        }
    }

    /// All troubles end, everybody does what it is told, and every group comes back.
    fn heal(&mut self) {
        self.c.store.fail(None);
        self.ask(ControlRequest::Freeze { on: false });
        let names = self.names();
        names.iter().for_each(|name| {
            if !self.c.nodes[name].up {
                self.c.start(name)
            }
        });
        let mut rounds = 0;
        while !self.is_whole() && rounds < ROUNDS {
            rounds += 1;
            names.iter().for_each(|name| self.report(name));
            for id in (0..PARTITIONS).map(p) {
                self.reconcile(id);
                self.obey(id);
                names.iter().for_each(|name| self.report(name));
                names.iter().for_each(|name| self.take_part(name, id, false));
            }
            self.c.pass(500);
        }
        let waits: Vec<_> = self.c.view().partitions.into_iter().map(|view| (view.config, view.waits)).collect();
        assert!(self.is_whole(), "a group does not come back: {waits:#?}");
    }

    fn any_node(&mut self) -> String {
        format!("n{}", 1 + self.dice.below(NODES))
    }

    fn names(&self) -> Vec<String> {
        self.c.nodes.keys().cloned().collect()
    }

    fn ask(&mut self, request: ControlRequest) -> ControlResponse {
        self.rules.ask(&mut self.c, request)
    }

    fn report(&mut self, name: &str) {
        if !self.c.nodes[name].up {
            return;
        }
        let report = self.c.node(name).report();
        if self.dice.below(20) == 0 {
            self.late.insert((report.node.clone(), report.incarnation), report.clone());
        }
        let ControlResponse::Assignments(assignments) = self.ask(ControlRequest::Report(report)) else { return };
        self.c.adopt(name, assignments.clone());
        for assignment in assignments {
            let id = assignment.partition;
            match (assignment.duty, assignment.suggestion) {
                (Duty::Member, Some(wish)) => drop(self.wishes.insert((id, name.to_owned()), wish)),
                (Duty::Learner, _) => self.learn(name, id, assignment.config.ballot),
                (Duty::Discard, _) => drop(self.c.node(name).copies.remove(&id)),
                _ => {}
            }
        }
    }

    /// A learner gets what its primary has committed, if that serves.
    fn learn(&mut self, name: &str, id: PartitionId, ballot: Ballot) {
        let Some(primary) = self.serving(id).filter(|primary| self.c.nodes[primary].copies[&id].ballot == ballot) else { return };
        let (log, committed) = (self.c.copy(&primary, id).log.clone(), self.c.copy(&primary, id).committed);
        let copy = Copy { ballot, log: log[..committed].to_vec(), synced: committed, committed, ..Copy::default() };
        self.c.node(name).copies.insert(id, copy);
        self.learners.insert((id, name.to_owned()), (self.c.nodes[name].incarnation, ballot));
    }

    /// Members ask for what they were told to ask for; a primary has its learner added.
    fn obey(&mut self, id: PartitionId) {
        for name in self.names() {
            match self.wishes.remove(&(id, name.clone())) {
                Some(Suggestion::HandOver(to)) => self.change(&name, id, Change::HandOver(to)),
                Some(Suggestion::Remove(node)) => self.change(&name, id, Change::Remove(node)),
                Some(Suggestion::TakeOver) => self.change(&name, id, Change::TakeOver),
                None => {}
            }
        }
        let Some(primary) = self.serving(id) else { return };
        let role = self.c.copy(&primary, id).role.clone().unwrap();
        let learns = |node: &&support::Node| {
            let learned = self.learners.get(&(id, node.name.clone())) == Some(&(node.incarnation, role.ballot));
            learned && node.up && node.copies.get(&id).is_some_and(|copy| !copy.failed)
        };
        if let Some((learner, life)) = self.c.nodes.values().find(learns).map(|node| (node.name.clone(), node.incarnation)) {
            self.c.receive(id, &primary, &learner);
            self.c.sync_all();
            self.change(&primary, id, Change::Add { node: NodeId::new(&learner), life });
        }
    }

    /// A member asks for what it may ask for of its own accord: to go on without one that takes no part, or is mistaken for such a one.
    fn take_part(&mut self, name: &str, id: PartitionId, mistaken: bool) {
        let Some(role) = self.c.nodes[name].copies.get(&id).and_then(|copy| copy.role.clone()) else { return };
        let absent = |node: &&NodeId| {
            let node = &self.c.nodes[node.name()];
            mistaken || !node.up || node.copies.get(&id).is_none_or(|copy| copy.role.is_none())
        };
        match role.primary.as_ref() {
            Some(primary) if primary.name() == name => {
                if let Some(node) = role.secondaries.iter().find(absent).cloned() {
                    self.change(name, id, Change::Remove(node));
                }
            }
            primary if primary.as_ref().is_some_and(absent) => self.change(name, id, Change::TakeOver),
            _ => {}
        }
    }

    /// The request of a process that lives, under the ballot it has taken up.
    fn change(&mut self, name: &str, id: PartitionId, change: Change) {
        let node = &self.c.nodes[name];
        let Some(copy) = node.copies.get(&id).filter(|copy| node.up && copy.role.is_some()) else { return };
        let (ballot, incarnation) = (copy.ballot, node.incarnation);
        let request = ChangeRequest { partition: id, node: NodeId::new(name), incarnation, ballot, change: change.clone() };
        match (self.ask(ControlRequest::Change(request)), change) {
            (ControlResponse::Group { assignment, refused: None }, _) => self.c.adopt(name, vec![assignment]),
            (_, Change::Add { node, .. }) => {
                // A further ballot makes harmless what may still arrive.
                self.in_doubt.insert((id, ballot));
                self.wishes.insert((id, name.to_owned()), Suggestion::Remove(node));
            }
            _ => {}
        }
    }

    /// A request under a ballot that is not the group's, or of a life that has no place in it, or about a node that is nothing to it.
    fn forge(&mut self, node: NodeId, id: PartitionId) {
        let group = self.rules.groups[&id].clone();
        let (other, seat) = (NodeId::new(&self.any_node()), group.seat(&node).map_or(1, |seat| seat.incarnation));
        let strange = [(Ballot(group.ballot.0.saturating_sub(1)), seat), (group.ballot.next(), seat), (group.ballot, seat + 1000)];
        let (ballot, incarnation) = self.dice.of(&strange);
        let add = Change::Add { node: other.clone(), life: self.c.nodes[other.name()].incarnation };
        let change = self.dice.of(&[Change::TakeOver, Change::Remove(other.clone()), Change::HandOver(other), add]);
        self.ask(ControlRequest::Change(ChangeRequest { partition: id, node, incarnation, ballot, change }));
    }

    /// A primary that serves has all that was acknowledged.
    fn reconcile(&mut self, id: PartitionId) {
        self.c.reconcile(id);
        self.c.sync_all();
        let current = |primary: &String| self.c.nodes[primary].copies[&id].ballot == self.rules.groups[&id].ballot;
        let Some(primary) = self.serving(id).filter(current) else { return };
        let has: BTreeSet<u64> = self.c.copy(&primary, id).log.iter().map(|entry| entry.1).collect();
        let lost = self.acked.get(&id).and_then(|acked| acked.iter().find(|op| !has.contains(op)));
        assert_eq!(lost, None, "{id}: {primary} leads without it");
    }

    fn write(&mut self, id: PartitionId) {
        let Some(primary) = self.serving(id) else { return };
        self.writes += 1;
        if self.dice.below(4) == 0 {
            self.c.prepare(id, &primary, self.writes); // and no more: it is not acknowledged
        } else if !self.in_doubt.contains(&(id, self.c.copy(&primary, id).ballot)) && self.c.write(id, self.writes) {
            self.acked.entry(id).or_default().push(self.writes);
            self.c.sync_all();
        }
    }

    /// The process ends, or the power, or the disk.
    fn end(&mut self, name: &str) {
        match self.dice.below(8) {
            0 if self.is_spare(name) => {
                self.c.kill(name);
                self.c.node(name).copies.clear();
            }
            1 | 2 => self.c.cut_power(name),
            _ => self.c.kill(name),
        }
    }

    /// Whether every group has a member elsewhere whose copy is well.
    fn is_spare(&self, name: &str) -> bool {
        self.rules.groups.iter().all(|(id, group)| self.well(*id, group).any(|node| node.name() != name))
    }

    /// Whether every group serves that can: an administrator may have had one go on with the copy that was about to fail.
    fn is_whole(&mut self) -> bool {
        let lost = self.rules.groups.iter().filter(|(id, group)| group.forced.0 > 0 && self.well(**id, group).next().is_none()).count();
        self.c.view().tables.first().is_some_and(|table| table.healthy + lost as u32 == PARTITIONS)
    }

    fn well<'a>(&'a self, id: PartitionId, group: &'a Group) -> impl Iterator<Item = &'a NodeId> {
        let well = move |node: &&NodeId| self.c.nodes[node.name()].copies.get(&id).is_some_and(|copy| !copy.failed);
        group.members.iter().map(|seat| &seat.node).filter(well)
    }

    fn serving(&self, id: PartitionId) -> Option<String> {
        self.c.primary(id).filter(|name| self.c.nodes[name].copies[&id].serves)
    }
}

const SEEDS: u64 = 100;
const STEPS: usize = 1000;
/// Enough for a learner that was given up to be tried again.
const ROUNDS: usize = 100;
const NODES: u32 = 5;
const PARTITIONS: u32 = 3;
