//! One run: a cluster, clients, faults from the seed; then peace, in which everything has to heal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::store::{Store, Tier};
use engine::txn::Reader;
use history::check::{Verdict, check};
use history::event::Heard;
use types::slot::{Cursor, Slot};
use types::time::UnixMs;
use types::txn::{Database, HashKey, HashKeyTxn, SortKeys, ValueId};
use wire::rpc::{ReplicaReport, ReplicaState};

use crate::clock::between_steps;
use crate::cluster::{CLIENTS, Cluster, META, PROXIES, REPLICAS};
use crate::faults::{Counts, Faults, LATENCY};
use crate::random::Random;
use crate::trace::Trace;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Hash of all that happened.
    pub trace: u64,
    /// Simulated time.
    pub simulated: Duration,
    /// Operations of clients, and how many of them heard nothing.
    pub operations: usize,
    /// Of them.
    pub unknown: usize,
    /// Faults.
    pub faults: Counts,
    /// The history of a key could not be decided.
    pub undecided: Option<String>,
}

/// Runs a seed.
///
/// # Errors
/// A violation, in words.
pub fn run(seed: u64, loud: bool) -> Result<Outcome, String> {
    let trace = Trace::new(loud);
    let cluster = Cluster::new(seed, trace.clone());
    let mut run = Run { sim: build(&cluster), faults: Faults::new(&cluster), cluster: Arc::clone(&cluster) };
    let lived = run.live();
    let (simulated, faults) = (run.sim.elapsed(), run.faults.counts());
    drop(run);
    // A history that cannot be is worse news than a cluster that does not get on.
    let history = std::mem::take(&mut *cluster.history.lock());
    let undecided = match check(&history) {
        Verdict::Linearizable => None,
        Verdict::Undecided(key) => Some(key),
        Verdict::Violation { key, why } => return Err(format!("the history of {key} is not linearizable: {why}")),
    };
    lived?;
    let unknown = history.iter().filter(|event| event.heard == Heard::Nothing).count();
    Ok(Outcome { trace: trace.result().0, simulated, operations: history.len(), unknown, faults, undecided })
}

struct Run {
    sim: turmoil::Sim<'static>,
    faults: Faults,
    cluster: Arc<Cluster>,
}

impl Run {
    /// Goes through trouble and peace, to the orderly end of all nodes.
    fn live(&mut self) -> Result<(), String> {
        let cluster = Arc::clone(&self.cluster);
        let here = &cluster;
        self.until(START_MAX, "the cluster did not start", &|| settled(here).is_some())?;
        self.faults.begin(self.sim.elapsed());
        self.pass(Random::new(here.seed, "schedule").millis(4_000, 14_000))?;
        self.faults.end(&mut self.sim);
        // Peace: clients go on, then one of them writes and reads every key.
        self.pass(Duration::from_secs(2))?;
        here.stop_clients.cancel();
        here.finale.notify_one();
        self.until(HEAL_MAX, "no progress after all faults were over", &|| *here.spoken.lock() == 1)?;
        self.until(HEAL_MAX, "the replicas did not become equal", &|| settled(here).is_some())?;
        if Random::new(here.seed, "finale").chance(0.3) {
            // Everything acknowledged is on disks.
            self.faults.lose_all_power(&mut self.sim);
            here.finale.notify_one();
            self.until(HEAL_MAX, "no progress after all nodes lost power", &|| *here.spoken.lock() == 2)?;
            self.until(HEAL_MAX, "the replicas did not become equal after all nodes lost power", &|| settled(here).is_some())?;
        }
        compare(here, &settled(here).unwrap_or_default())?;
        reports(here).iter().for_each(|report| here.trace.note("end", report, &[]));
        here.close_nodes.cancel();
        self.until(HEAL_MAX, "a node did not close", &|| *here.closed.lock() == here.nodes.len())
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.step()?;
        }
        Ok(())
    }

    /// Lets time pass until something is so; `otherwise` if that takes too long.
    fn until(&mut self, limit: Duration, otherwise: &str, so: &dyn Fn() -> bool) -> Result<(), String> {
        let end = self.sim.elapsed() + limit;
        while !so() {
            if self.sim.elapsed() >= end {
                return Err(format!("{otherwise} for {limit:?}: {}", reports(&self.cluster).join("; ")));
            }
            self.step()?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), String> {
        between_steps(self.sim.elapsed());
        self.faults.step(&mut self.sim);
        self.sim.step().map_err(|error| format!("a host ended: {error}"))?;
        Ok(())
    }
}

fn build(cluster: &Arc<Cluster>) -> turmoil::Sim<'static> {
    let mut random = Random::new(cluster.seed, "network");
    let mut builder = turmoil::Builder::new();
    builder
        .rng_seed(random.word())
        .epoch(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .simulation_duration(Duration::from_secs(3600))
        .tick_duration(Duration::from_millis(1))
        .min_message_latency(Duration::ZERO)
        .max_message_latency(LATENCY)
        .tcp_capacity(4096)
        .enable_random_order();
    let mut sim = builder.build();
    let here = Arc::clone(cluster);
    sim.host(META, move || Arc::clone(&here).meta());
    for node in &cluster.nodes {
        let (here, name) = (Arc::clone(cluster), node.clone());
        sim.host(node.as_str(), move || Arc::clone(&here).node(name.clone()));
    }
    for proxy in PROXIES {
        let here = Arc::clone(cluster);
        sim.host(proxy, move || Arc::clone(&here).proxy(proxy));
    }
    let here = Arc::clone(cluster);
    sim.host(CLIENTS, move || Arc::clone(&here).clients());
    sim
}

/// The members of each partition, if all of them are there and hold the same.
fn settled(cluster: &Cluster) -> Option<Vec<Vec<String>>> {
    let mut groups: BTreeMap<u32, Vec<(String, ReplicaReport)>> = BTreeMap::new();
    let running = cluster.running.lock();
    for (name, node) in running.iter() {
        for replica in node.upgrade().iter().flat_map(|node| node.replicas()) {
            if matches!(replica.state, ReplicaState::Primary | ReplicaState::Secondary) {
                groups.entry(replica.partition.index).or_default().push((name.clone(), replica));
            }
        }
    }
    let well = |group: &Vec<(String, ReplicaReport)>| {
        let same = |r: &ReplicaReport| (r.ballot, r.committed, r.prepared);
        group.len() == REPLICAS as usize
            && group.iter().filter(|(_, replica)| replica.state == ReplicaState::Primary).count() == 1
            && group.iter().all(|(_, replica)| same(replica) == same(&group[0].1) && replica.committed == replica.prepared)
    };
    let names = |group: Vec<(String, ReplicaReport)>| group.into_iter().map(|(name, _)| name).collect();
    (groups.len() == cluster.partitions as usize && groups.values().all(well)).then(|| groups.into_values().map(names).collect())
}

fn reports(cluster: &Cluster) -> Vec<String> {
    let running = cluster.running.lock();
    let mut all = Vec::new();
    for (name, node) in running.iter() {
        match node.upgrade() {
            None => all.push(format!("{name}: down")),
            Some(node) => {
                let mut replicas = node.replicas();
                replicas.sort_by_key(|replica| replica.partition.index);
                all.extend(replicas.iter().map(|r| {
                    format!("{name} {}: {:?} ballot {} committed {} prepared {}", r.partition, r.state, r.ballot, r.committed, r.prepared)
                }));
            }
        }
    }
    all
}

/// Whether the members' stores hold the same, once they are settled.
fn compare(cluster: &Cluster, members: &[Vec<String>]) -> Result<(), String> {
    let running = cluster.running.lock();
    for (partition, members) in (0..).zip(members) {
        let mut contents: Vec<(&str, BTreeMap<Vec<u8>, String>)> = Vec::new();
        for name in members {
            let node = running.get(name).and_then(std::sync::Weak::upgrade).ok_or("a member is gone")?;
            let (_, store) = node.stores().into_iter().find(|(id, _)| id.index == partition).ok_or("a member has no store")?;
            contents.push((name, read_all(&store).map_err(|error| format!("{name}: {error}"))?));
        }
        let (first, expected) = &contents[0];
        for (node, found) in &contents[1..] {
            if found != expected {
                return Err(format!("partition {partition}: {first} holds {expected:?}, {node} {found:?}"));
            }
        }
    }
    Ok(())
}

fn read_all(store: &Store) -> Result<BTreeMap<Vec<u8>, String>, types::txn::Abort> {
    let mut reader = Reader::new(store, Tier::Disk, UnixMs(0), 1);
    let mut found = BTreeMap::new();
    let first = Slot::new(*store.slots().start());
    let mut from = first.map(|slot| Cursor::new(slot, 0));
    while let Some(cursor) = from {
        let (page, next) = reader.scan(Database(0), cursor, 1000, 1000)?;
        for scanned in page {
            let key = HashKey::new(Database(0), &scanned.name);
            let root = reader.root(&key)?;
            let mut elements = Vec::new();
            if let Some(id) = root.as_ref().map(|root| root.id).filter(|&id| id != 0) {
                reader.range(ValueId::of(&key, id), &SortKeys::from(b""), &mut |sort_key, element| {
                    elements.push(format!("{}={}", sort_key.escape_ascii(), element.escape_ascii()));
                    std::ops::ControlFlow::Continue(())
                })?;
            }
            found.insert(scanned.name.to_vec(), format!("{root:?} {elements:?}"));
        }
        from = next;
    }
    Ok(found)
}

const START_MAX: Duration = Duration::from_secs(20);
/// Everything has to be well so long after the last fault: grace, learning, and a margin.
const HEAL_MAX: Duration = Duration::from_secs(60);
