//! What goes wrong, and how it ends.

use wire::rpc::{ControlRequest, ControlResponse};

use meta::store::memory::Fault as StoreFault;
use pacifica::replica::{Input, Suggestion};
use types::id::{Ballot, NodeId};

use crate::clock::{MS, Nanos, SECOND};
use crate::data::KEYS;
use crate::world::{Event, World, say};

/// How many kinds of faults there are.
pub const KINDS: usize = 23;

/// Their names.
pub const NAMES: [&str; KINDS] = [
    "kill",
    "power",
    "power of all",
    "pause",
    "quick restart",
    "retire",
    "cut off",
    "one-way cut",
    "random cuts",
    "loss",
    "delay",
    "slow disk",
    "full disk",
    "meta down",
    "meta cut",
    "suggestion",
    "suspect",
    "damaged copy",
    "clock",
    "meta hangs",
    "move in trouble",
    "meta store",
    "addition in trouble",
];

/// The end of a fault.
#[derive(Debug)]
pub(crate) enum Heal {
    Network,
    Weather,
    Disk(usize),
    Meta,
    /// Of a meta server that is killed and started again at once.
    MetaAgain,
    Stop(usize),
    Drain(usize),
    Freeze,
    /// Not an end: the predecessor of a new primary hears nothing, and is suspected.
    Trouble(usize, Nanos),
}

impl World {
    /// Something goes wrong.
    pub(crate) fn fault(&mut self) {
        if self.calm.is_some() {
            return;
        }
        let next = self.rng.within(1, 2 * self.settings.fault_every);
        self.after(next, Event::Fault);
        let kind = self.rng.index(KINDS);
        if self.settings.faults & (1 << kind) == 0 {
            return;
        }
        let n = self.rng.index(self.nodes.len());
        let grace = u64::try_from(self.settings.core.grace.as_nanos()).unwrap_or(u64::MAX);
        let span = self.rng.within(10 * MS, 3 * grace);
        self.stats.faults[kind] += 1;
        say!(self, "--- {} at {} for {} ms", NAMES[kind], self.ids[n], span / MS);
        self.note(kind as u64);
        match kind {
            0 | 1 => {
                self.stop(n, kind == 1);
                self.restart_in(n, span);
            }
            2 => {
                for n in 0..self.nodes.len() {
                    self.stop(n, true);
                    let down = self.rng.within(MS, span);
                    self.restart_in(n, down);
                }
            }
            3 => {
                let all = self.rng.chance(100);
                for m in (0..self.nodes.len()).filter(|m| all || *m == n) {
                    self.nodes[m].paused_until = self.now + span;
                }
            }
            4 => {
                self.stop(n, false);
                let down = self.rng.within(1, 30 * MS);
                self.restart_in(n, down);
            }
            5 => self.retire(n),
            6 => {
                let places = self.network.cut.len();
                for m in 0..places {
                    self.network.cut[n][m] = true;
                    self.network.cut[m][n] = true;
                }
                self.after(span, Event::Healed(Heal::Network));
            }
            7 => {
                let m = self.rng.index(self.network.cut.len());
                let (from, to) = if self.rng.chance(500) { (n, m) } else { (m, n) };
                self.network.cut[from][to] = true;
                self.after(span, Event::Healed(Heal::Network));
            }
            8 => {
                let places = self.network.cut.len();
                let share = self.rng.within(50, 700);
                for from in 0..places {
                    for to in 0..places {
                        self.network.cut[from][to] = self.rng.chance(share);
                    }
                }
                self.after(span, Event::Healed(Heal::Network));
            }
            9 => {
                self.network.loss = self.rng.within(50, 500);
                self.network.doubled = self.rng.within(0, 300);
                self.after(span, Event::Healed(Heal::Weather));
            }
            10 => {
                self.network.delay = self.rng.within(10, 400) * MS;
                self.after(span, Event::Healed(Heal::Weather));
            }
            11 => {
                self.nodes[n].slow = self.rng.within(20 * MS, 3 * grace);
                self.after(span, Event::Healed(Heal::Disk(n)));
            }
            12 => {
                self.nodes[n].full = true;
                self.after(span, Event::Healed(Heal::Disk(n)));
            }
            13 => {
                self.meta_up = false;
                self.after(span, Event::Healed(Heal::Meta));
            }
            14 => {
                let place = self.meta_place();
                for m in 0..self.network.cut.len() {
                    if self.rng.chance(600) {
                        self.network.cut[m][place] = true;
                    }
                    if self.rng.chance(600) {
                        self.network.cut[place][m] = true;
                    }
                }
                self.after(span, Event::Healed(Heal::Network));
            }
            15 => self.suggest(n, span),
            16 => {
                let m = self.rng.index(self.nodes.len());
                let (epoch, peer) = (self.nodes[m].epoch, self.ids[n].clone());
                self.after(0, Event::Suspected { node: m, epoch, peer });
            }
            17 => self.damage(n),
            19 => self.meta_hangs_until = self.now + span,
            20 => self.move_in_trouble(n, span),
            21 => {
                let fault = if self.rng.chance(500) { StoreFault::Before } else { StoreFault::After };
                self.meta.fail(Some(fault));
            }
            22 => self.hold_addition = true,
            _ => {
                let ppm = self.rng.within(0, 2 * self.settings.drift) as i64 - self.settings.drift as i64;
                let now = self.now;
                self.nodes[n].clock.change(now, ppm);
                if pacifica::mutant!(WallClock) {
                    let jump = self.rng.below(2 * grace);
                    self.nodes[n].clock.set_ahead(jump);
                }
            }
        }
    }

    fn restart_in(&mut self, n: usize, span: Nanos) {
        self.after(span, Event::Restart { node: n });
    }

    /// A node closes as it should: it hands over what it leads, and ends.
    fn retire(&mut self, n: usize) {
        for p in 0..self.parts.len() {
            let Some(part) = self.nodes[n].parts[p].as_ref() else { continue };
            let best = part.core.secondaries().max_by_key(|(_, held)| *held).map(|(node, _)| node.clone());
            if let Some(to) = best {
                self.step(n, p, Input::Suggested(Suggestion::HandOver(to)));
            }
        }
        let leave = self.rng.below(200 * MS);
        self.after(leave, Event::Healed(Heal::Stop(n)));
    }

    /// An administrator wants something.
    fn suggest(&mut self, n: usize, span: Nanos) {
        let p = self.rng.index(self.parts.len());
        let (partition, node) = (self.parts[p], self.ids[n].clone());
        let request = match self.rng.below(8) {
            0 | 1 => {
                self.removed.push((partition, node.clone()));
                ControlRequest::RemoveReplica { partition, node }
            }
            2 => ControlRequest::AddReplica { partition, node },
            3 | 4 => {
                self.after(span, Event::Healed(Heal::Drain(n)));
                ControlRequest::Drain { node, on: true }
            }
            5 => {
                self.after(span, Event::Healed(Heal::Freeze));
                ControlRequest::Freeze { on: true }
            }
            _ => ControlRequest::MovePrimary { partition, to: node },
        };
        self.order(request);
    }

    /// An administrator's request. Whether it was taken.
    fn order(&mut self, request: ControlRequest) -> bool {
        if !self.meta_up {
            return false;
        }
        let now = self.meta_time();
        let (response, pushes) = self.meta.handle(now, request);
        self.look_at_records();
        self.push(pushes);
        response == ControlResponse::Done
    }

    /// A hand-over whose old primary does not hear of it, and is taken for dead.
    fn move_in_trouble(&mut self, n: usize, span: Nanos) {
        let p = self.rng.index(self.parts.len());
        let (partition, to) = (self.parts[p], self.ids[n].clone());
        let Some(primary) = self.meta.config(partition).primary.map(|node| self.index(&node)) else { return };
        if !self.meta_up || primary == n {
            return;
        }
        self.order(ControlRequest::MovePrimary { partition, to: to.clone() });
        self.step(primary, p, Input::Suggested(Suggestion::HandOver(to)));
        let begin = self.rng.below(8 * MS);
        self.after(begin, Event::Healed(Heal::Trouble(primary, span)));
    }

    /// The request to add `learner` lies in a buffer. It is repeated to a meta server that was started again and knows nothing of the learner, and that
    /// hears of it before the first request arrives. How much later that is.
    pub(crate) fn addition_in_trouble(&mut self, learner: &NodeId) -> Nanos {
        self.hold_addition = false;
        let (n, place) = (self.index(learner), self.meta_place());
        self.network.cut[n][place] = true;
        let again = SECOND - self.rng.below(50 * MS);
        self.after(again, Event::Healed(Heal::MetaAgain));
        let heard = SECOND + self.rng.within(20 * MS, 300 * MS);
        self.after(heard, Event::Healed(Heal::Network));
        heard + self.rng.below(SECOND)
    }

    fn trouble(&mut self, n: usize, span: Nanos) {
        if self.calm.is_some() {
            return;
        }
        for from in 0..self.network.cut.len() {
            self.network.cut[from][n] = true;
        }
        self.after(span, Event::Healed(Heal::Network));
        for node in (0..self.nodes.len()).filter(|node| *node != n) {
            let (epoch, peer) = (self.nodes[node].epoch, self.ids[n].clone());
            for _ in 0..6 {
                let at = self.rng.below(150 * MS);
                self.after(at, Event::Suspected { node, epoch, peer: peer.clone() });
            }
        }
    }

    /// A copy cannot be read any more; never the last good one of its group, for that would be a loss nobody can make good.
    fn damage(&mut self, n: usize) {
        let p = self.rng.index(self.parts.len());
        let record = &self.meta.groups[&self.parts[p]];
        if record.ballot == Ballot(0) || self.nodes[n].disk.stores[p].is_none() {
            return;
        }
        let good = |m: usize| m != n && !self.nodes[m].disk.damaged[p] && self.nodes[m].disk.stores[p].is_some();
        if !record.seats.iter().any(|(node, _)| good(self.index(node))) {
            return;
        }
        self.nodes[n].disk.damaged[p] = true;
        if self.rng.chance(500) {
            self.stop(n, false);
            self.restart_in(n, 50 * MS);
        } else {
            self.fail(n, p);
        }
    }

    pub(crate) fn heal(&mut self, heal: Heal) {
        match heal {
            Heal::Network => self.network.cut.iter_mut().flatten().for_each(|cut| *cut = false),
            Heal::Weather => {
                self.network.loss = self.settings.loss;
                self.network.doubled = self.settings.doubled;
                self.network.delay = self.settings.delay;
            }
            Heal::Disk(n) => {
                self.nodes[n].slow = 0;
                self.nodes[n].full = false;
                self.resume_appends(n);
            }
            Heal::Meta if self.meta_up => {}
            Heal::Meta => {
                self.meta_up = true;
                self.meta_epoch += 1;
                let now = self.meta_time();
                self.meta.restart(now);
                self.after(100 * MS, Event::MetaTick { epoch: self.meta_epoch });
            }
            Heal::MetaAgain => {
                self.meta_up = false;
                self.heal(Heal::Meta);
            }
            Heal::Freeze => drop(self.order(ControlRequest::Freeze { on: false })),
            Heal::Trouble(n, span) => self.trouble(n, span),
            Heal::Stop(n) => {
                self.stop(n, false);
                self.restart_in(n, 20 * MS);
            }
            Heal::Drain(n) => {
                let node = self.ids[n].clone();
                self.order(ControlRequest::Drain { node, on: false });
            }
        }
    }

    /// From now on nothing goes wrong.
    pub(crate) fn on_calm(&mut self) {
        say!(self, "--- calm");
        self.calm = Some(self.now);
        self.heal(Heal::Network);
        self.settings.loss = 0;
        self.heal(Heal::Weather);
        self.heal(Heal::Meta);
        self.meta.fail(None);
        self.heal(Heal::Freeze);
        self.meta_hangs_until = 0;
        self.hold_addition = false;
        for n in 0..self.nodes.len() {
            self.heal(Heal::Disk(n));
            self.heal(Heal::Drain(n));
            self.nodes[n].paused_until = 0;
            self.after(MS, Event::Restart { node: n });
        }
        self.after(500 * MS, Event::Settling);
    }

    /// Waits until all is well, then has everything read, then compares all copies.
    pub(crate) fn on_settling(&mut self) {
        let calm_for = self.now - self.calm.unwrap_or(self.now);
        let open = self.clients.iter().any(|client| !client.idle());
        if self.lost() {
            self.stats.lost += 1;
            self.over = true;
            return;
        }
        self.bring_back();
        let unsettled = self.unsettled().or_else(|| open.then(|| "a client still waits".to_owned()));
        if let Some(reason) = unsettled {
            if calm_for > 30 * SECOND {
                self.violation("progress", format_args!("{reason}, {} s after the last fault", calm_for / SECOND));
            }
        } else if !self.ending {
            self.ending = true;
            self.begin_finals();
        } else if self.finals.is_empty() {
            // The last commit point may not have been told yet.
            match self.unequal() {
                Some(reason) if calm_for > 30 * SECOND => self.violation("equal", format_args!("{reason}")),
                Some(_) => {}
                None => {
                    self.over = true;
                    return;
                }
            }
        }
        self.after(200 * MS, Event::Settling);
    }

    /// Who was removed by an administrator does not come back by itself.
    fn bring_back(&mut self) {
        let mut removed = std::mem::take(&mut self.removed);
        removed.retain(|(partition, node)| !self.order(ControlRequest::AddReplica { partition: *partition, node: node.clone() }));
        self.removed = removed;
    }

    fn begin_finals(&mut self) {
        for p in 0..self.parts.len() {
            self.finals.extend((0..3 * KEYS).map(|key| (p, key)));
            self.finals.push((p, usize::MAX));
        }
        self.settings.think = 20 * MS;
        self.after(0, Event::Next { client: 0 });
    }
}
