//! A meta server by the rules of `docs/protocol.md`, small enough to be read in one go.

use std::collections::BTreeMap;
use std::time::Duration;

use pacifica::message::Change;
use types::group::GroupConfig;
use types::id::{Ballot, Decree, NodeId, PartitionId};
use types::time::Time;
use wire::rpc::{Assignment, ChangeRequest, ControlRequest, ControlResponse, Duty, NodeReport, ReplicaReport, ReplicaState, Suggestion};

/// What is told to a node without having been asked for.
#[derive(Debug)]
pub struct Push {
    /// The node.
    pub node: NodeId,
    /// What it is told.
    pub assignments: Vec<Assignment>,
}

/// What a node is told of one group it asked about, and what others are told.
pub type Handled = (ControlResponse, Vec<Push>);

/// The record of one group: what survives.
#[derive(Debug, Clone)]
pub struct Record {
    /// Version.
    pub ballot: Ballot,
    /// Who leads.
    pub primary: Option<NodeId>,
    /// The members with the process each place was given to.
    pub seats: Vec<(NodeId, u64)>,
}

/// The meta server.
#[derive(Debug)]
pub struct Model {
    /// By partition.
    pub groups: BTreeMap<PartitionId, Record>,
    replicas: usize,
    floor: usize,
    times: Times,
    /// The last process of each node; recorded.
    lives: BTreeMap<NodeId, u64>,
    draining: Vec<NodeId>,
    /// From here on: forgotten in a crash.
    heard: BTreeMap<NodeId, (Time, BTreeMap<PartitionId, ReplicaReport>)>,
    learners: BTreeMap<PartitionId, (NodeId, Time)>,
    wishes: BTreeMap<PartitionId, (Suggestion, Time)>,
    begun: Time,
    /// How many groups were sealed.
    pub seals: u64,
}

/// How patient it is.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// A node that has not reported for so long is not alive.
    pub silent: Duration,
    /// A member that is gone for so long is replaced by another node.
    pub dead: Duration,
    /// A learner that was not added after so long is given up.
    pub learn: Duration,
    /// A suggestion is not repeated any more after so long.
    pub wish: Duration,
}

impl Model {
    /// A cluster of new groups.
    pub fn new(groups: BTreeMap<PartitionId, Vec<NodeId>>, replicas: usize, floor: usize, times: Times) -> Model {
        let new =
            |members: Vec<NodeId>| Record { ballot: Ballot(0), primary: None, seats: members.into_iter().map(|node| (node, 0)).collect() };
        Model {
            groups: groups.into_iter().map(|(id, members)| (id, new(members))).collect(),
            replicas,
            floor,
            times,
            lives: BTreeMap::new(),
            draining: Vec::new(),
            heard: BTreeMap::new(),
            learners: BTreeMap::new(),
            wishes: BTreeMap::new(),
            begun: Time::default(),
            seals: 0,
        }
    }

    /// It is started again: only records are left.
    pub fn restart(&mut self, now: Time) {
        self.heard.clear();
        self.learners.clear();
        self.wishes.clear();
        self.begun = now;
    }

    /// The configuration of a group.
    pub fn config(&self, id: PartitionId) -> GroupConfig {
        let record = &self.groups[&id];
        let secondaries = record.seats.iter().map(|(node, _)| node.clone()).filter(|node| Some(node) != record.primary.as_ref()).collect();
        GroupConfig { ballot: record.ballot, primary: record.primary.clone(), secondaries }
    }

    /// Answers a request.
    pub fn handle(&mut self, now: Time, request: ControlRequest) -> Handled {
        match request {
            ControlRequest::Report(report) => self.report(now, report),
            ControlRequest::Change(request) => self.change(now, &request),
            ControlRequest::MovePrimary { partition, to } => {
                self.wishes.insert(partition, (Suggestion::HandOver(to), now));
                (ControlResponse::Done, Vec::new())
            }
            ControlRequest::RemoveReplica { partition, node } => {
                self.wishes.insert(partition, (Suggestion::Remove(node), now));
                (ControlResponse::Done, Vec::new())
            }
            ControlRequest::Drain { node, on } => {
                self.draining.retain(|other| *other != node);
                if on {
                    self.draining.push(node);
                }
                (ControlResponse::Done, Vec::new())
            }
            _ => (ControlResponse::Refused("not here".to_owned()), Vec::new()),
        }
    }

    fn report(&mut self, now: Time, report: NodeReport) -> Handled {
        if self.lives.get(&report.node).is_some_and(|life| *life > report.incarnation) {
            return (ControlResponse::Refused("an older process".to_owned()), Vec::new());
        }
        self.lives.insert(report.node.clone(), report.incarnation);
        let copies = report.replicas.iter().map(|replica| (replica.partition, *replica)).collect();
        self.heard.insert(report.node.clone(), (now, copies));
        let ids: Vec<PartitionId> = self.groups.keys().copied().collect();
        let mut pushes = Vec::new();
        for id in &ids {
            self.elect(*id, now, &mut pushes);
        }
        let assignments = ids.iter().filter_map(|id| self.assignment(*id, &report.node)).collect();
        (ControlResponse::Assignments(assignments), pushes)
    }

    /// Looks after all groups.
    pub fn tick(&mut self, now: Time) -> Vec<Push> {
        let mut pushes = Vec::new();
        let ids: Vec<PartitionId> = self.groups.keys().copied().collect();
        for id in ids {
            self.elect(id, now, &mut pushes);
            self.guard(id, now, &mut pushes);
        }
        pushes
    }

    /// What a node may know of a group.
    fn assignment(&self, id: PartitionId, node: &NodeId) -> Option<Assignment> {
        let record = &self.groups[&id];
        let config = self.config(id);
        let life = self.lives.get(node).copied().unwrap_or(0);
        let seat = record.seats.iter().find(|(member, _)| member == node);
        let has = self.copy(id, node).is_some();
        let learner = self.learners.get(&id).is_some_and(|(learner, _)| learner == node);
        let duty = match seat {
            Some(_) if pacifica::mutant!(ActAfterRestart) => Duty::Member,
            Some((_, seated)) if record.primary.is_none() || *seated == life => Duty::Member,
            Some(_) => Duty::Bystander,
            None if learner && record.primary.is_some() => Duty::Learner,
            None if has && self.healthy(id) => Duty::Discard,
            None if has => Duty::Bystander,
            None => return None,
        };
        let wish = self.wishes.get(&id).map(|(wish, _)| wish.clone());
        let suggestion = match wish {
            _ if duty != Duty::Member => None,
            _ if self.widowed(record) && record.primary.as_ref() != Some(node) => Some(Suggestion::TakeOver),
            wish if record.primary.as_ref() == Some(node) => wish,
            _ => None,
        };
        let addresses = Vec::new();
        let (partition_count, replicas) = (1, self.replicas as u32);
        Some(Assignment { partition: id, partition_count, config, addresses, duty, replicas, suggestion })
    }

    fn copy(&self, id: PartitionId, node: &NodeId) -> Option<&ReplicaReport> {
        self.heard.get(node).and_then(|(_, copies)| copies.get(&id))
    }

    fn alive(&self, node: &NodeId, now: Time) -> bool {
        self.heard.get(node).is_some_and(|(at, _)| now.since(*at) < self.times.silent)
    }

    fn serves(&self, id: PartitionId) -> bool {
        let record = &self.groups[&id];
        let primary = record.primary.as_ref();
        primary
            .and_then(|primary| self.copy(id, primary))
            .is_some_and(|copy| copy.state == ReplicaState::Primary && copy.ballot == record.ballot)
    }

    fn healthy(&self, id: PartitionId) -> bool {
        self.serves(id) && self.groups[&id].seats.len() >= self.replicas
    }

    /// Whether the process that leads is known to be over.
    fn widowed(&self, record: &Record) -> bool {
        let seat = record.primary.as_ref().and_then(|primary| record.seats.iter().find(|(node, _)| node == primary));
        seat.is_some_and(|(node, life)| self.lives.get(node).is_some_and(|known| known != life))
    }

    /// Whether a member is certain not to act in its place any more.
    fn over(&self, id: PartitionId, node: &NodeId, seated: u64) -> bool {
        let reported = self.heard.contains_key(node);
        let restarted = self.lives.get(node).is_some_and(|life| *life != seated);
        restarted || reported && self.copy(id, node).is_none_or(|copy| copy.state == ReplicaState::Failed)
    }

    /// A group none of whose members can act: first every copy is made final, then the best leads.
    fn elect(&mut self, id: PartitionId, now: Time, pushes: &mut Vec<Push>) {
        let record = self.groups[&id].clone();
        if record.primary.is_some() {
            if record.seats.iter().all(|(node, life)| self.over(id, node, *life)) {
                self.seals += 1;
                self.commit(id, Record { ballot: record.ballot.next(), primary: None, seats: record.seats }, now, pushes);
            }
            return;
        }
        let mut fit: Vec<(Ballot, Decree, NodeId)> = Vec::new();
        for (node, _) in &record.seats {
            if !self.heard.contains_key(node) {
                if pacifica::mutant!(AnyMemberLeads) {
                    continue;
                }
                return; // it is waited for
            }
            match self.copy(id, node) {
                None if record.ballot == Ballot(0) => return,
                None => {}
                Some(copy) if copy.state == ReplicaState::Failed => {}
                Some(copy) if copy.ballot != record.ballot && !pacifica::mutant!(AnyMemberLeads) => return,
                Some(copy) => fit.push((copy.prepared_ballot, copy.prepared, node.clone())),
            }
        }
        let best = if pacifica::mutant!(AnyMemberLeads) {
            fit.first().map(|(ballot, decree, _)| (*ballot, *decree))
        } else {
            fit.iter().map(|(ballot, decree, _)| (*ballot, *decree)).max()
        };
        let Some((.., primary)) = fit.iter().find(|(ballot, decree, _)| Some((*ballot, *decree)) == best).cloned() else { return };
        let seats = fit.into_iter().map(|(.., node)| (node.clone(), self.lives[&node])).collect();
        self.commit(id, Record { ballot: record.ballot.next(), primary: Some(primary), seats }, now, pushes);
    }

    /// Makes groups whole, and does what was wished for.
    fn guard(&mut self, id: PartitionId, now: Time, pushes: &mut Vec<Push>) {
        if self.wishes.get(&id).is_some_and(|(_, since)| now.since(*since) > self.times.wish) {
            self.wishes.remove(&id);
        }
        if self.learners.get(&id).is_some_and(|(node, since)| now.since(*since) > self.times.learn || !self.alive(node, now)) {
            self.learners.remove(&id);
        }
        let record = &self.groups[&id];
        if !self.serves(id) || self.wishes.contains_key(&id) || self.learners.contains_key(&id) {
            return;
        }
        let Some(primary) = record.primary.clone() else { return };
        if self.draining.contains(&primary)
            && let Some((to, _)) =
                record.seats.iter().find(|(node, _)| *node != primary && !self.draining.contains(node) && self.alive(node, now))
        {
            self.wishes.insert(id, (Suggestion::HandOver(to.clone()), now));
        }
        let missing = record.seats.len() < self.replicas;
        if record.seats.len() > self.replicas
            && let Some((node, _)) = record.seats.iter().find(|(node, _)| *node != primary)
        {
            self.wishes.insert(id, (Suggestion::Remove(node.clone()), now));
        } else if missing {
            let outside = |node: &&NodeId| record.seats.iter().all(|(member, _)| member != *node) && self.alive(node, now);
            let returning = self.heard.keys().filter(outside).find(|node| self.copy(id, node).is_some());
            // A node that is away for a moment is cheaper to wait for than to replace.
            let patient = record.seats.len() >= self.floor && now.since(self.begun) > self.times.silent && {
                let away = |node: &&NodeId| record.seats.iter().all(|(member, _)| member != *node);
                self.lives.keys().filter(away).any(|node| {
                    let silent = self.heard.get(node).map_or(now.since(self.begun), |(at, _)| now.since(*at));
                    silent >= self.times.silent && silent < self.times.dead
                })
            };
            let load = |node: &NodeId| self.groups.values().filter(|record| record.seats.iter().any(|(member, _)| member == node)).count();
            let other = || self.heard.keys().filter(outside).filter(|_| !patient).min_by_key(|node| load(node));
            if let Some(node) = returning.or_else(other).cloned() {
                self.learners.insert(id, (node.clone(), now));
            }
        }
        for node in self.concerned(id, &[]) {
            pushes.extend(
                self.push(id, node).filter(|push| push.assignments.iter().any(|a| a.suggestion.is_some() || a.duty == Duty::Learner)),
            );
        }
    }

    fn change(&mut self, now: Time, request: &ChangeRequest) -> Handled {
        let ChangeRequest { partition: id, node, incarnation, ballot, change } = request;
        let record = self.groups[id].clone();
        let mut pushes = Vec::new();
        let mut refused = None;
        if record.ballot == *ballot || pacifica::mutant!(ChangeWithoutCompare) {
            match self.changed(*id, &record, node, *incarnation, change) {
                Ok(after) => self.commit(*id, after, now, &mut pushes),
                Err(reason) => refused = Some(reason.to_owned()),
            }
        }
        let own = self.assignment(*id, node);
        let assignment = own.unwrap_or_else(|| Assignment {
            partition: *id,
            partition_count: 1,
            config: self.config(*id),
            addresses: Vec::new(),
            duty: Duty::Bystander,
            replicas: self.replicas as u32,
            suggestion: None,
        });
        (ControlResponse::Group { assignment, refused }, pushes)
    }

    fn changed(&self, id: PartitionId, record: &Record, asker: &NodeId, life: u64, change: &Change) -> Result<Record, &'static str> {
        if !record.seats.iter().any(|(node, seated)| node == asker && *seated == life) {
            return Err("the asker has no place in this group");
        }
        let leads = record.primary.as_ref() == Some(asker);
        let mut seats = record.seats.clone();
        // Places of processes that are over serve nobody.
        seats.retain(|(node, seated)| node == asker || self.lives.get(node).is_none_or(|known| known == seated));
        let mut primary = record.primary.clone();
        match change {
            Change::TakeOver if leads || record.primary.is_none() => return Err("there is nobody to take over from"),
            Change::TakeOver => {
                seats.retain(|(node, _)| Some(node) != record.primary.as_ref());
                primary = Some(asker.clone());
            }
            _ if !leads => return Err("the asker does not lead"),
            Change::Remove(node) if node == asker => return Err("a primary does not remove itself"),
            Change::Remove(node) => seats.retain(|(member, _)| member != node),
            Change::Add { node, life } => {
                let known = self.heard.contains_key(node) && self.lives.get(node) == Some(life);
                if record.seats.iter().any(|(member, _)| member == node) || !known {
                    return Err("this process cannot be added");
                }
                if record.seats.len() >= self.replicas && self.learners.get(&id).is_none_or(|(learner, _)| learner != node) {
                    return Err("there are enough members");
                }
                seats.push((node.clone(), *life));
            }
            Change::HandOver(to) => {
                if !seats.iter().any(|(node, _)| node == to) {
                    return Err("it is no member");
                }
                primary = Some(to.clone());
            }
        }
        Ok(Record { ballot: record.ballot.next(), primary, seats })
    }

    fn concerned(&self, id: PartitionId, before: &[(NodeId, u64)]) -> Vec<NodeId> {
        let members = before.iter().chain(&self.groups[&id].seats).map(|(node, _)| node.clone());
        let mut nodes: Vec<NodeId> = members.chain(self.learners.get(&id).map(|(node, _)| node.clone())).collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }

    fn push(&self, id: PartitionId, node: NodeId) -> Option<Push> {
        self.assignment(id, &node).map(|assignment| Push { node, assignments: vec![assignment] })
    }

    fn commit(&mut self, id: PartitionId, record: Record, _now: Time, pushes: &mut Vec<Push>) {
        let before = self.groups.insert(id, record).expect("the group is there");
        self.wishes.remove(&id);
        let seats = &self.groups[&id].seats;
        if self.learners.get(&id).is_some_and(|(node, _)| seats.iter().any(|(member, _)| member == node)) {
            self.learners.remove(&id);
        }
        for node in self.concerned(id, &before.seats) {
            pushes.extend(self.push(id, node));
        }
    }
}
