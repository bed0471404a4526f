//! The hosts' clocks: each has its own zero, and runs a little fast or slow.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use replica::clock::Clock;
use types::time::{Time, UnixMs};

use crate::random::Random;

/// A clock for each host.
pub struct Clocks {
    seed: u64,
    made: Mutex<BTreeMap<String, HostClock>>,
}

/// The clocks of one host. They go on while its processes come and go.
#[derive(Debug, Clone, Copy)]
pub struct HostClock {
    zero: Duration,
    rate: f64,
    /// Of the wall clock, in milliseconds.
    off: i64,
}

impl Clocks {
    /// The clocks of this run.
    pub fn new(seed: u64) -> Clocks {
        Clocks { seed, made: Mutex::default() }
    }

    /// The clock of a host.
    pub fn of(&self, host: &str) -> HostClock {
        let make = || {
            let mut random = Random::new(self.seed, &format!("clock of {host}"));
            HostClock {
                zero: random.millis(1, 100_000_000),
                rate: 1.0 + DRIFT_MAX * (random.below(201) as f64 / 100.0 - 1.0),
                off: random.below(2000) as i64 - 1000,
            }
        };
        *self.made.lock().entry(host.to_owned()).or_insert_with(make)
    }
}

impl Clock for HostClock {
    fn now(&self) -> Time {
        Time::at(self.zero + elapsed().mul_f64(self.rate))
    }

    fn unix(&self) -> UnixMs {
        UnixMs(EPOCH_MILLIS + elapsed().as_millis() as i64 + self.off)
    }
}

/// How long the simulation has lasted.
pub fn elapsed() -> Duration {
    turmoil::sim_elapsed().unwrap_or_else(|| BETWEEN.get())
}

/// Tells the time between two steps of the simulation, when turmoil does not.
pub fn between_steps(now: Duration) {
    BETWEEN.set(now);
}

thread_local! {
    static BETWEEN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// What leases allow for: more than any clock that is not broken.
pub const DRIFT_MAX: f64 = 0.02;
const EPOCH_MILLIS: i64 = 1_700_000_000_000;
