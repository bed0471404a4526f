//! What goes wrong, and when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meta::store::memory::Fault;
use turmoil::Sim;

use crate::cluster::{CLIENTS, Cluster, META, PROXIES};
use crate::network::SILENCE_MAX;
use crate::random::Random;

/// Faults that come and go.
pub struct Faults {
    cluster: Arc<Cluster>,
    random: Random,
    /// When the next one comes; nothing while there is peace.
    next: Option<Duration>,
    /// What is wrong at the moment, with the time it will be mended.
    wrong: Vec<(Duration, Wrong)>,
    /// How fast they come.
    pause_max: u64,
    counts: Counts,
}

/// Faults by kind.
pub type Counts = BTreeMap<&'static str, u64>;

enum Wrong {
    /// Directions that are held, and since when.
    Held(Vec<(String, String)>, Duration),
    /// A machine without power, whose links are held.
    Dark(String, Vec<(String, String)>),
    /// A disk that is slow.
    Slow(String),
    /// The meta server's records.
    Records,
    /// A node that was asked to end.
    Retiring(String),
}

impl Faults {
    /// Peace.
    pub fn new(cluster: &Arc<Cluster>) -> Faults {
        let mut random = Random::new(cluster.seed, "faults");
        let pause_max = *random.pick(&[500, 1500, 4000]);
        Faults { cluster: Arc::clone(cluster), random, next: None, wrong: Vec::new(), pause_max, counts: Counts::new() }
    }

    /// How many there were.
    pub fn counts(&self) -> Counts {
        self.counts.clone()
    }

    /// From now on things go wrong.
    pub fn begin(&mut self, now: Duration) {
        self.next = Some(now);
    }

    /// Nothing goes wrong any more, and what is wrong is mended.
    pub fn end(&mut self, sim: &mut Sim<'_>) {
        self.next = None;
        sim.set_max_message_latency(LATENCY);
        for (_, wrong) in std::mem::take(&mut self.wrong) {
            self.mend(sim, wrong);
        }
    }

    /// To be called before every step.
    pub fn step(&mut self, sim: &mut Sim<'_>) {
        let now = sim.elapsed();
        while let Some(due) = self.wrong.iter().position(|(until, _)| *until <= now) {
            let (_, wrong) = self.wrong.remove(due);
            self.mend(sim, wrong);
        }
        if self.next.is_some_and(|next| next <= now) {
            self.next = Some(now + self.random.millis(20, self.pause_max));
            let kind = self.something(sim, now);
            *self.counts.entry(kind).or_default() += 1;
        }
    }

    /// What it was.
    fn something(&mut self, sim: &mut Sim<'_>, now: Duration) -> &'static str {
        let node = self.random.pick(&self.cluster.nodes.clone()).clone();
        match self.random.below(100) {
            0..22 => {
                self.kill(sim, &node, now);
                "kill"
            }
            22..32 => {
                self.lose_power(sim, &node, now);
                "power"
            }
            32..34 => {
                self.lose_all_power(sim);
                "power-of-all"
            }
            34..38 => {
                self.retire(&node, now);
                "retire"
            }
            38..52 => {
                self.isolate(&node, now);
                "cut-off"
            }
            52..66 => {
                let other = self.random.pick(&self.cluster.nodes.clone()).clone();
                let one_way = self.random.chance(0.6);
                self.hold(pairs(&node, &[other], one_way), now);
                "cut"
            }
            66..72 => {
                let one_way = self.random.chance(0.5);
                self.hold(pairs(&node, &[META.to_owned()], one_way), now);
                "cut-from-meta"
            }
            72..80 => {
                let takes = self.random.millis(50, 4_000);
                self.note("slow disk", &node, &[takes.as_millis() as u64]);
                self.cluster.disks[&node].slow(Some(takes));
                let until = now + self.random.millis(100, 4_000);
                self.wrong.push((until, Wrong::Slow(node)));
                "slow-disk"
            }
            80..88 => {
                self.kill(sim, META, now);
                "meta-killed"
            }
            88..91 => {
                self.isolate(META, now);
                "meta-cut-off"
            }
            91..93 => {
                let fault = *self.random.pick(&[Fault::Before, Fault::After, Fault::Down]);
                self.note("records", META, &[fault as u64]);
                self.cluster.records.fail(Some(fault));
                self.wrong.push((now + self.random.millis(100, 3_000), Wrong::Records));
                "meta-store"
            }
            93..96 => {
                let proxy = *self.random.pick(&PROXIES);
                self.kill(sim, proxy, now);
                "proxy-killed"
            }
            _ => {
                let latency = self.random.millis(1, 200);
                self.note("latency", "", &[latency.as_millis() as u64]);
                sim.set_max_message_latency(latency);
                "slow-network"
            }
        }
    }

    /// The process is killed; a new one is there after a while.
    fn kill(&mut self, sim: &mut Sim<'_>, host: &str, now: Duration) {
        if self.is_dark(host) {
            return;
        }
        let down = if self.random.chance(0.3) { Duration::ZERO } else { self.random.millis(10, 5_000) };
        self.note("kill", host, &[down.as_millis() as u64]);
        self.stop(sim, host);
        self.start(sim, host, now + down);
    }

    /// All nodes' machines lose power, and come back one after the other.
    pub fn lose_all_power(&mut self, sim: &mut Sim<'_>) {
        for node in self.cluster.nodes.clone() {
            self.lose_power(sim, &node, sim.elapsed());
        }
    }

    /// The process is asked to end, and is killed when that took too long, or is over.
    fn retire(&mut self, host: &str, now: Duration) {
        if self.is_dark(host) {
            return;
        }
        if let Some(node) = self.cluster.retiring.lock().get(host) {
            self.note("retire", host, &[]);
            node.cancel();
            self.wrong.push((now + self.random.millis(500, 6_000), Wrong::Retiring(host.to_owned())));
        }
    }

    /// The machine loses power; nobody hears of it from the machine.
    fn lose_power(&mut self, sim: &mut Sim<'_>, host: &str, now: Duration) {
        if self.is_dark(host) {
            return;
        }
        self.note("power loss", host, &[]);
        let pairs = pairs(host, &self.others(host), false);
        pairs.iter().for_each(|(from, to)| self.cluster.links.hold(from, to));
        self.stop(sim, host);
        self.cluster.disks[host].lose_power();
        let until = now + self.random.millis(100, 6_000);
        self.wrong.push((until, Wrong::Dark(host.to_owned(), pairs)));
    }

    fn isolate(&mut self, host: &str, now: Duration) {
        let one_way = self.random.chance(0.4);
        self.hold(pairs(host, &self.others(host), one_way), now);
    }

    fn hold(&mut self, mut pairs: Vec<(String, String)>, now: Duration) {
        pairs.retain(|(from, to)| from != to);
        if pairs.len() > 1 && self.random.chance(0.3) {
            pairs.reverse();
        }
        let lasts = self.random.millis(30, 9_500);
        for (from, to) in &pairs {
            self.note("hold", &format!("{from} > {to}"), &[lasts.as_millis() as u64]);
            self.cluster.links.hold(from, to);
        }
        self.wrong.push((now + lasts, Wrong::Held(pairs, now)));
    }

    fn mend(&mut self, sim: &mut Sim<'_>, wrong: Wrong) {
        let now = sim.elapsed();
        match wrong {
            Wrong::Held(pairs, since) => {
                for (from, to) in pairs {
                    self.note("release", &format!("{from} > {to}"), &[]);
                    if now - since >= SILENCE_MAX {
                        self.cluster.links.break_between(&from, &to);
                    }
                    self.cluster.links.release(&from, &to);
                }
            }
            Wrong::Dark(host, pairs) => {
                self.note("power", &host, &[]);
                for (from, to) in pairs {
                    self.cluster.links.break_between(&from, &to);
                    self.cluster.links.release(&from, &to);
                }
                self.start(sim, &host, now);
            }
            Wrong::Retiring(host) => self.kill(sim, &host, now),
            Wrong::Records => self.cluster.records.fail(None),
            Wrong::Slow(host) => self.cluster.disks[&host].slow(None),
        }
    }

    fn stop(&self, sim: &mut Sim<'_>, host: &str) {
        if let Some(disk) = self.cluster.disks.get(host) {
            disk.end_process();
        }
        self.cluster.running.lock().remove(host);
        sim.crash(host);
    }

    fn start(&self, sim: &mut Sim<'_>, host: &str, at: Duration) {
        self.cluster.down_until.lock().insert(host.to_owned(), at);
        sim.bounce(host);
    }

    fn is_dark(&self, host: &str) -> bool {
        self.wrong.iter().any(|(_, wrong)| matches!(wrong, Wrong::Dark(dark, _) if dark == host))
    }

    /// All hosts but this one.
    fn others(&self, host: &str) -> Vec<String> {
        let all = self.cluster.nodes.iter().map(String::as_str).chain([META, CLIENTS]).chain(PROXIES);
        all.filter(|other| *other != host).map(str::to_owned).collect()
    }

    fn note(&self, what: &str, host: &str, numbers: &[u64]) {
        self.cluster.trace.note(host, what, numbers);
    }
}

/// Longest way of a message, in peace.
pub const LATENCY: Duration = Duration::from_millis(10);

/// The directions between a host and others; `one_way`: only what leaves it.
fn pairs(host: &str, others: &[String], one_way: bool) -> Vec<(String, String)> {
    let out = others.iter().map(|other| (host.to_owned(), other.clone()));
    let back = others.iter().map(|other| (other.clone(), host.to_owned()));
    if one_way { out.collect() } else { out.chain(back).collect() }
}
