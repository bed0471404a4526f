//! What must hold after every event, seen from outside of all replicas.
//!
//! The canon is what was committed, by decree, for ever: the first to apply a decree decides, all others have to agree.

use pacifica::invariants::{commit_invariant, primary_invariant};
use pacifica::replica::Role;
use types::id::{Ballot, Decree};

use crate::client::Record;
use crate::data::State;
use crate::node::{Kind, Part};
use crate::world::World;

/// What was seen so far.
#[derive(Debug)]
pub(crate) struct Oracle {
    /// Body of each decree, by partition.
    canon: Vec<Vec<u64>>,
    /// The highest ballot each node had on its disk, by partition.
    ballots: Vec<Vec<Ballot>>,
    /// The last ballot recorded, by partition.
    recorded: Vec<Ballot>,
}

impl Oracle {
    pub(crate) fn new(partitions: usize) -> Oracle {
        Oracle { canon: vec![Vec::new(); partitions], ballots: vec![vec![Ballot(0); 8]; partitions], recorded: vec![Ballot(0); partitions] }
    }

    /// A copy was removed, with its ballot.
    pub(crate) fn forget_ballot(&mut self, n: usize, p: usize) {
        self.ballots[p][n] = Ballot(0);
    }
}

impl World {
    pub(crate) fn violation(&self, oracle: &str, text: std::fmt::Arguments<'_>) -> ! {
        panic!("{oracle}: {text} (at {:.6} s)", self.now as f64 / 1e9);
    }

    /// A replica learned that a mutation is committed.
    pub(crate) fn on_commit(&mut self, n: usize, p: usize, decree: Decree, body: u64, applied: u64, leads: bool) {
        let name = &self.ids[n];
        if decree.0 != applied + 1 {
            self.violation("order", format_args!("{name} p{p} applies {decree} after {applied}"));
        }
        let known = self.oracle.canon[p].len() as u64;
        if decree.0 <= known {
            let canon = self.oracle.canon[p][decree.0 as usize - 1];
            if canon != body {
                self.violation("agreement", format_args!("{name} p{p} applies body {body} as {decree}, which is {canon}"));
            }
            return;
        }
        if decree.0 > known + 1 {
            self.violation("order", format_args!("{name} p{p} applies {decree}, only {known} are committed"));
        }
        if !leads {
            self.violation("commit", format_args!("{name} p{p} applies {decree}, which no primary committed"));
        }
        self.oracle.canon[p].push(body);
        self.note(decree.0 << 32 | body);
        self.check_durable(n, p, decree.0, body);
    }

    /// What is committed is on the disk of every member, of the primary's configuration and of the one that is recorded.
    fn check_durable(&self, n: usize, p: usize, decree: u64, body: u64) {
        let record = &self.meta.groups[&self.parts[p]];
        let config = self.nodes[n].parts[p].as_ref().and_then(|part| part.core.config());
        let members = config.into_iter().flat_map(|config| config.members());
        for member in record.seats.iter().map(|(node, _)| node).chain(members) {
            let m = self.index(member);
            let gone = self.nodes[m].disk.damaged[p] || self.nodes[m].disk.stores[p].is_none();
            if !gone && !self.holds(m, p, decree, body) {
                let name = &self.ids[n];
                self.violation("durable", format_args!("{name} p{p} commits {decree}, which is not on {member}'s disk"));
            }
        }
    }

    /// Whether a mutation would survive the loss of power.
    fn holds(&self, n: usize, p: usize, decree: u64, body: u64) -> bool {
        let disk = &self.nodes[n].disk;
        disk.stores[p].as_ref().is_some_and(|store| store.applied >= decree)
            || disk.logs[p].iter().rev().filter(|rec| rec.seq <= disk.synced).any(|rec| match &rec.kind {
                Kind::Mutation(mutation) => mutation.decree.0 == decree && self.body(&mutation.body).0 == body,
                Kind::Mark(..) => false,
            })
    }

    /// A replica says that it holds everything through `upto`: that very record is synced.
    pub(crate) fn check_vouched(&self, n: usize, p: usize, ballot: Ballot, upto: Decree) {
        let Some(part) = self.nodes[n].parts[p].as_ref() else { return };
        let disk = &self.nodes[n].disk;
        let name = &self.ids[n];
        if disk.ballots[p] < ballot {
            self.violation("ballot", format_args!("{name} p{p} vouches under {ballot}, its disk has {}", disk.ballots[p]));
        }
        if upto <= part.core.committed() {
            return;
        }
        let last = disk.logs[p].iter().rev().find_map(|rec| match &rec.kind {
            Kind::Mutation(mutation) if mutation.decree == upto => Some((rec.seq, mutation.ballot)),
            _ => None,
        });
        if last.is_none_or(|(seq, found)| seq > disk.synced || found != ballot) {
            self.violation("vouched", format_args!("{name} p{p} vouches for {upto} under {ballot}: {last:?}, synced {}", disk.synced));
        }
    }

    /// After a step of a replica.
    pub(crate) fn check_part(&mut self, n: usize, p: usize) {
        let ballot = self.nodes[n].disk.ballots[p];
        if ballot < self.oracle.ballots[p][n] {
            self.violation(
                "ballot",
                format_args!("{} p{p} has ballot {ballot} on its disk after {}", self.ids[n], self.oracle.ballots[p][n]),
            );
        }
        self.oracle.ballots[p][n] = ballot;
        let Some(own) = self.nodes[n].parts[p].as_ref() else { return };
        if own.core.ballot() > ballot && own.core.config().is_some() {
            self.violation("ballot", format_args!("{} p{p} acts under {}, its disk has {ballot}", self.ids[n], own.core.ballot()));
        }
        let standing = own.core.standing();
        let mut readable = 0;
        for m in 0..self.nodes.len() {
            let Some(part) = self.nodes[m].parts[p].as_ref() else { continue };
            readable += usize::from(part.readable(self.clock(m)));
            if m == n || part.core.ballot() != standing.ballot {
                continue;
            }
            let other = part.core.standing();
            let invariants = commit_invariant(&standing, &other).and_then(|()| commit_invariant(&other, &standing));
            if let Err(broken) = invariants.and_then(|()| primary_invariant([&standing, &other])) {
                self.violation("invariant", format_args!("{} and {} p{p}: {broken}", self.ids[n], self.ids[m]));
            }
        }
        if readable > 1 {
            let who: Vec<String> = (0..self.nodes.len())
                .filter(|m| self.nodes[*m].parts[p].as_ref().is_some_and(|part| part.readable(self.clock(*m))))
                .map(|m| format!("{} under {}", self.ids[m], self.nodes[m].parts[p].as_ref().map_or(Ballot(0), |part| part.core.ballot())))
                .collect();
            self.violation("primary", format_args!("p{p} is read at {}", who.join(" and at ")));
        }
    }

    /// A restarted replica that is still in the group's record has everything that was committed.
    pub(crate) fn check_recovered(&self, n: usize, p: usize, part: &Part) {
        let record = &self.meta.groups[&self.parts[p]];
        let seated = record.seats.iter().any(|(node, _)| *node == self.ids[n]);
        if part.failed || !seated {
            return;
        }
        let canon = &self.oracle.canon[p];
        let name = &self.ids[n];
        let (prepared, committed) = (part.core.prepared().0, canon.len() as u64);
        if prepared < committed {
            self.violation(
                "durable",
                format_args!("{name} p{p} is a member and has {prepared} after its restart, {committed} are committed"),
            );
        }
        for mutation in part.core.tail().filter(|mutation| mutation.decree.0 <= committed) {
            let (body, _) = self.body(&mutation.body);
            let committed = canon[mutation.decree.0 as usize - 1];
            if body != committed {
                let decree = mutation.decree;
                self.violation("durable", format_args!("{name} p{p} is a member and has body {body} as {decree}, which is {committed}"));
            }
        }
    }

    /// A primary orders a write.
    pub(crate) fn check_order(&self, n: usize, p: usize) {
        let members = self.nodes[n].parts[p].as_ref().and_then(|part| part.core.config()).map_or(0, |config| config.members().count());
        if members < self.settings.floor {
            self.violation("floor", format_args!("{} p{p} orders a write in a group of {members}", self.ids[n]));
        }
    }

    /// A replica cannot follow its primary although nothing was lost.
    pub(crate) fn on_behind(&self, n: usize, p: usize, expected: Decree, received: Decree) {
        self.violation("behind", format_args!("{} p{p} expects {expected} and is offered {received}", self.ids[n]));
    }

    /// The requests of a committed mutation are applied somewhere.
    pub(crate) fn on_request_applied(&mut self, _n: usize, p: usize, operation: usize, decree: Decree) {
        let Record { decree: known, failed, .. } = &mut self.history[operation];
        match known.replace(decree.0) {
            Some(before) if before != decree.0 => {
                self.violation("once", format_args!("operation {operation} p{p} is committed as {before} and as {decree}"));
            }
            _ if *failed => self.violation("definite", format_args!("operation {operation} was refused and is committed as {decree}")),
            _ => {}
        }
    }

    /// A client was told that its operation is done.
    pub(crate) fn on_acknowledged(&mut self, operation: usize) {
        let record = &self.history[operation];
        if let Some(decree) = record.decree
            && decree > self.oracle.canon[record.part].len() as u64
        {
            self.violation("acknowledged", format_args!("operation {operation} is answered, its decree {decree} is not committed"));
        }
    }

    /// Ballots are issued one by one.
    pub(crate) fn look_at_records(&mut self) {
        for p in 0..self.parts.len() {
            let ballot = self.meta.groups[&self.parts[p]].ballot;
            let before = self.oracle.recorded[p];
            if ballot < before {
                self.violation("record", format_args!("p{p} is recorded at {ballot} after {before}"));
            }
            self.stats.ballots += ballot.0 - before.0;
            self.oracle.recorded[p] = ballot;
        }
    }

    /// Whether every group is whole and serves; with the reason why not.
    pub(crate) fn unsettled(&self) -> Option<String> {
        for p in 0..self.parts.len() {
            let record = &self.meta.groups[&self.parts[p]];
            if record.seats.len() != self.settings.replicas {
                return Some(format!("p{p} has {} members at {}", record.seats.len(), record.ballot));
            }
            let mut applied = Vec::new();
            for (node, life) in &record.seats {
                let m = self.index(node);
                let Some(part) = self.nodes[m].parts[p].as_ref() else { return Some(format!("p{p}: {node} has no copy")) };
                let role = if record.primary.as_ref() == Some(node) { Role::Primary } else { Role::Secondary };
                if part.failed || part.role() != role || part.core.ballot() != record.ballot || self.nodes[m].life != *life {
                    return Some(format!(
                        "p{p}: {node} is {:?} under {}, not {role:?} under {}",
                        part.role(),
                        part.core.ballot(),
                        record.ballot
                    ));
                }
                if role == Role::Primary && !part.readable(self.clock(m)) {
                    return Some(format!("p{p}: {node} does not serve"));
                }
                applied.push(part.state.applied);
            }
        }
        None
    }

    /// Whether a group has no good copy among its members any more. A change that was under way when a copy was damaged can do that: what is left is an
    /// administrator's to save.
    pub(crate) fn lost(&self) -> bool {
        self.parts.iter().enumerate().any(|(p, id)| {
            let bad = |n: usize| self.nodes[n].disk.damaged[p] || self.nodes[n].disk.stores[p].is_none();
            self.meta.groups[id].seats.iter().all(|(node, _)| bad(self.index(node)))
        })
    }

    /// Where members of a group do not hold the same.
    pub(crate) fn unequal(&self) -> Option<String> {
        for (p, id) in self.parts.iter().enumerate() {
            let record = &self.meta.groups[id];
            let mut first: Option<&State> = None;
            for (node, _) in &record.seats {
                let Some(part) = self.nodes[self.index(node)].parts[p].as_ref() else { continue };
                let state = &part.state;
                if state.applied != self.oracle.canon[p].len() as u64 {
                    let committed = self.oracle.canon[p].len();
                    return Some(format!("{node} p{p} has {} of {committed} decrees", state.applied));
                }
                if first.get_or_insert(state) != &state {
                    return Some(format!("{node} p{p} differs from {}", record.seats[0].0));
                }
            }
        }
        None
    }
}
