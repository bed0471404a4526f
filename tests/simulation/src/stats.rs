//! What happened in many runs.

use std::fmt;

use crate::clock::{Nanos, SECOND};
use crate::faults;

/// Counters of one run or many.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Simulated time.
    pub time: Nanos,
    /// Events.
    pub events: u64,
    /// Operations of clients that were answered.
    pub answered: u64,
    /// Operations whose fate the client did not learn.
    pub unknown: u64,
    /// Operations that were surely not done.
    pub failed: u64,
    /// By kind.
    pub faults: [u64; faults::KINDS],
    /// Ballots that were issued.
    pub ballots: u64,
    /// Learners that became members.
    pub added: u64,
    /// Members that were removed.
    pub removed: u64,
    /// Secondaries that deposed their primary.
    pub takeovers: u64,
    /// Primaries that handed over.
    pub handovers: u64,
    /// Groups of which no member could act any more.
    pub seals: u64,
    /// Learners that fetched a copy.
    pub fetched: u64,
    /// Runs in which every copy of a group was damaged.
    pub lost: u64,
    /// Histories whose check was given up.
    pub undecided: u64,
}

impl Stats {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Stats) {
        self.time += other.time;
        self.events += other.events;
        self.answered += other.answered;
        self.unknown += other.unknown;
        self.failed += other.failed;
        self.faults.iter_mut().zip(other.faults).for_each(|(a, b)| *a += b);
        self.ballots += other.ballots;
        self.added += other.added;
        self.removed += other.removed;
        self.takeovers += other.takeovers;
        self.handovers += other.handovers;
        self.seals += other.seals;
        self.fetched += other.fetched;
        self.lost += other.lost;
        self.undecided += other.undecided;
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.time as f64 / SECOND as f64 / 3600.0;
        writeln!(f, "{hours:.2} simulated hours, {} events", self.events)?;
        writeln!(f, "operations: {} answered, {} unknown, {} not done", self.answered, self.unknown, self.failed)?;
        writeln!(
            f,
            "groups: {} ballots, {} learners added ({} fetched a copy), {} removals, {} takeovers, {} hand-overs, {} sealed",
            self.ballots, self.added, self.fetched, self.removed, self.takeovers, self.handovers, self.seals
        )?;
        write!(f, "faults:")?;
        for (name, count) in faults::NAMES.iter().zip(self.faults) {
            write!(f, " {name} {count},")?;
        }
        writeln!(f)?;
        write!(f, "{} histories not decided, {} runs lost every copy of a group", self.undecided, self.lost)
    }
}
