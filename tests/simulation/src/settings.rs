//! What a seed chooses before anything happens.

use std::time::Duration;

use pacifica::replica::Options;

use crate::clock::{MS, Nanos};
use crate::rng::Rng;

/// The shape of one run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Nodes.
    pub nodes: usize,
    /// Members wanted in each group.
    pub replicas: usize,
    /// Groups.
    pub partitions: usize,
    /// Clients.
    pub clients: usize,
    /// Of every core.
    pub core: Options,
    /// Members a write needs.
    pub floor: usize,
    /// Largest drift of a clock, in parts in a million.
    pub drift: u64,
    /// Faults happen until then.
    pub faults_until: Nanos,
    /// About how far apart.
    pub fault_every: Nanos,
    /// Which faults, as bits.
    pub faults: u32,
    /// Messages lost, of 1000.
    pub loss: u64,
    /// Messages doubled, of 1000.
    pub doubled: u64,
    /// Longest usual delay of a message.
    pub delay: Nanos,
    /// Longest usual sync of a disk.
    pub sync: Nanos,
    /// Longest pause of a client between operations.
    pub think: Nanos,
}

impl Settings {
    /// Chooses.
    pub fn draw(rng: &mut Rng) -> Settings {
        let replicas = if rng.chance(850) { 3 } else { 2 };
        let nodes = if rng.chance(700) { 4 } else { rng.within(replicas as u64, 5) as usize };
        let partitions = if rng.chance(700) { 2 } else { rng.within(1, 3) as usize };
        let lease = Duration::from_millis(rng.pick(&[200, 400, 400, 1000]));
        // As tight as clocks that drift by two parts in a hundred let it be.
        let grace = lease.mul_f64(1.02 / 0.98) + Duration::from_millis(20);
        let core = Options {
            window: rng.pick(&[2, 4, 16, 64]),
            window_bytes: rng.pick(&[100, 1000, 1 << 20]),
            resend_bytes: rng.pick(&[1, 64, 256, 1 << 20]),
            resend: Duration::from_millis(rng.pick(&[30, 100, 300])),
            resend_max: Duration::from_millis(1000),
            notice: Duration::from_millis(20),
            lease,
            grace,
            beacon: lease / 4,
            memory_bytes: rng.pick(&[300, 1000, 2000, 100_000]),
        };
        let all = (1 << crate::faults::KINDS) - 1;
        let faults = if rng.chance(400) { all } else { rng.bits() as u32 & all | rng.bits() as u32 & all };
        Settings {
            nodes,
            replicas,
            partitions,
            clients: rng.within(2, 6) as usize,
            core,
            floor: replicas.min(2),
            drift: rng.pick(&[0, 100, 20_000, 20_000]),
            faults_until: rng.within(4000, 14_000) * MS,
            fault_every: rng.within(60, 900) * MS,
            faults,
            loss: rng.pick(&[0, 0, 5, 50]),
            doubled: rng.pick(&[0, 0, 10, 50]),
            delay: rng.pick(&[MS / 2, 2 * MS, 20 * MS]),
            sync: rng.pick(&[MS, 4 * MS, 20 * MS]),
            think: rng.pick(&[10, 40, 150]) * MS,
        }
    }
}
