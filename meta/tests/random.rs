//! Days no person would think of: crashes, power cuts, lost and late reports, meta restarts and store failures in an order drawn from a seed.
//!
//! Checked at all times: one configuration per ballot, one life of each process per ballot (both in `support`), and what was acknowledged
//! is there when a group serves again, as long as one member kept it. At the end all faults stop and every group has to serve.

mod support;

use std::collections::BTreeMap;

use meta::store::memory::Fault;
use types::id::PartitionId;
use wire::rpc::{Assignment, ControlRequest, ControlResponse, NodeReport};

use support::{Cluster, Copy};

#[test]
fn no_order_of_failures_loses_what_was_acknowledged_or_stops_a_group_for_good() {
    let first: u64 = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(3000);
    let mut acknowledged = 0;
    for seed in first..first + seeds {
        let run = std::panic::catch_unwind(|| Run::new(seed).go());
        acknowledged += run.unwrap_or_else(|panic| {
            eprintln!("replay: SEED={seed} SEEDS=1 cargo test --release -p meta --test random");
            std::panic::resume_unwind(panic)
        });
    }
    assert!(acknowledged > seeds, "the runs did something: {acknowledged} writes in {seeds} runs");
}

struct Run {
    cluster: Cluster,
    random: u64,
    /// Reports on their way.
    reports: Vec<NodeReport>,
    /// Answers on their way, each for one life of a node: a connection does not outlive a process.
    answers: Vec<(String, u64, Vec<Assignment>)>,
    /// Acknowledged writes by partition, in order.
    acknowledged: BTreeMap<PartitionId, Vec<u64>>,
    op: u64,
    /// Whether logs are synced before they are acknowledged.
    always: bool,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut run = Run {
            cluster: Cluster::of(3, 2),
            random: seed,
            reports: Vec::new(),
            answers: Vec::new(),
            acknowledged: BTreeMap::new(),
            op: 0,
            always: seed.is_multiple_of(2),
        };
        if run.below(4) > 0 {
            run.cluster.settle();
        }
        run
    }

    fn go(mut self) -> u64 {
        for _ in 0..100 + self.below(200) {
            self.step();
            self.look();
        }
        self.heal();
        self.acknowledged.values().map(|ops| ops.len() as u64).sum()
    }

    fn step(&mut self) {
        let name = format!("n{}", 1 + self.below(3));
        let up = self.cluster.nodes[&name].up;
        match self.below(100) {
            0..4 if up => self.cluster.kill(&name),
            4..7 if up => {
                self.cluster.cut_power(&name);
                self.forgive();
            }
            0..20 if !up => self.cluster.start(&name),
            7..10 => self.cluster.restart_meta(),
            10..12 => {
                let fault = if self.below(2) == 0 { Fault::Before } else { Fault::After };
                self.cluster.store.fail(Some(fault));
            }
            12..40 if up => {
                let report = self.cluster.node(&name).report();
                self.reports.push(report);
            }
            40..60 => self.deliver_report(),
            60..75 => self.deliver_answer(),
            75..80 => self.cluster.sync_all(),
            80..83 => self.cluster.pass(1000),
            83..88 => self.cluster.settle(),
            _ => self.work(),
        }
        self.cluster.pass(10);
        if self.always {
            self.cluster.sync_all();
        }
    }

    fn deliver_report(&mut self) {
        if self.reports.is_empty() {
            return;
        }
        let index = self.below(self.reports.len() as u64) as usize;
        // Some are lost, some arrive twice.
        let report = if self.below(10) == 0 { self.reports[index].clone() } else { self.reports.swap_remove(index) };
        if self.below(10) == 0 {
            return;
        }
        let (name, life) = (report.node.name().to_owned(), report.incarnation);
        if let ControlResponse::Assignments(assignments) = self.cluster.ask(ControlRequest::Report(report)) {
            self.answers.push((name, life, assignments));
        }
    }

    fn deliver_answer(&mut self) {
        if self.answers.is_empty() {
            return;
        }
        let index = self.below(self.answers.len() as u64) as usize;
        let (name, life, assignments) = self.answers.swap_remove(index);
        let node = self.cluster.node(&name);
        if node.up && node.incarnation == life {
            self.cluster.adopt(&name, assignments);
        }
    }

    /// One group does a part of what it has to do.
    fn work(&mut self) {
        let partitions = self.cluster.partitions();
        if partitions.is_empty() {
            return;
        }
        let id = partitions[self.below(partitions.len() as u64) as usize];
        let Some(primary) = self.cluster.primary(id) else { return };
        let followers = self.cluster.followers(id, &primary);
        if !self.cluster.copy(&primary, id).serves {
            if !followers.is_empty() {
                let follower = followers[self.below(followers.len() as u64) as usize].clone();
                self.cluster.take_over(id, &primary, &follower);
            }
            self.cluster.serve(id, &primary);
            return;
        }
        self.op += 1;
        let op = self.op;
        if self.below(3) == 0 {
            // The primary prepares and gets as far as some of the secondaries.
            self.cluster.prepare(id, &primary, op);
            for name in followers {
                if self.below(3) == 0 {
                    self.cluster.receive(id, &primary, &name);
                }
            }
        } else if self.cluster.write(id, op) {
            let all = writes(self.cluster.copy(&primary, id));
            self.acknowledged.insert(id, all);
        }
    }

    /// A write that no member kept through a loss of power is lost, with what came after it: that is what `everysec` means.
    fn forgive(&mut self) {
        for (id, mut acknowledged) in std::mem::take(&mut self.acknowledged) {
            while !self.kept(id, &acknowledged) {
                assert!(!self.always, "{id}: an acknowledged write is on no disk");
                acknowledged.pop();
            }
            self.acknowledged.insert(id, acknowledged);
        }
    }

    /// Whether a member has all of this.
    fn kept(&self, id: PartitionId, acknowledged: &[u64]) -> bool {
        self.cluster.nodes.values().any(|node| writes(&node.copies[&id]).starts_with(acknowledged))
    }

    /// What was acknowledged is somewhere, and at whoever serves.
    fn look(&self) {
        for (id, acknowledged) in &self.acknowledged {
            assert!(self.kept(*id, acknowledged), "{id}: {acknowledged:?} was acknowledged and is nowhere any more");
            if let Some(primary) = self.cluster.primary(*id) {
                let copy = &self.cluster.nodes[&primary].copies[id];
                assert!(!copy.serves || writes(copy).starts_with(acknowledged), "{id}: {primary} serves without {acknowledged:?}");
            }
        }
    }

    /// All faults stop.
    fn heal(&mut self) {
        self.cluster.store.fail(None);
        for name in ["n1", "n2", "n3"] {
            if !self.cluster.nodes[name].up {
                self.cluster.start(name);
            }
        }
        self.cluster.settle();
        // Late reports of lives that are over may have shut out who lives, until nobody else is heard.
        self.cluster.pass(4000);
        self.cluster.settle();
        self.cluster.settle();
        let waits = format!("{:?}", self.cluster.core.obstacles());
        assert!(self.cluster.healthy(), "groups do not serve: {waits}");
        self.look();
        for id in self.cluster.partitions() {
            assert!(self.cluster.write(id, u64::MAX));
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

fn writes(copy: &Copy) -> Vec<u64> {
    copy.log.iter().map(|entry| entry.1).filter(|op| *op != support::FENCE).collect()
}
