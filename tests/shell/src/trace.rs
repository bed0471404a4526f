//! What happened in a run, as a number: two runs of a seed have the same.

use std::sync::Arc;

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::clock::elapsed;

/// A hash over everything that was noted. Clones share it.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    hash: u64,
    notes: u64,
    /// Every note in words, if somebody wants to compare two runs.
    loud: bool,
}

impl Trace {
    /// An empty trace; a loud one writes every note to standard error.
    pub fn new(loud: bool) -> Trace {
        Trace(Arc::new(Mutex::new(State { loud, ..State::default() })))
    }

    /// Adds something that happened at a host, at the simulation's present.
    pub fn note(&self, host: &str, what: &str, numbers: &[u64]) {
        let mut state = self.0.lock();
        let now = elapsed();
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&now.as_nanos().to_le_bytes());
        bytes.extend_from_slice(host.as_bytes());
        bytes.extend_from_slice(what.as_bytes());
        numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        state.hash = xxh3_64_with_seed(&bytes, state.hash);
        state.notes += 1;
        if state.loud {
            eprintln!("{:>10.3} {host} {what} {numbers:?}", now.as_secs_f64() * 1000.0);
        }
    }

    /// The hash, and how much was noted.
    pub fn result(&self) -> (u64, u64) {
        let state = self.0.lock();
        (state.hash, state.notes)
    }
}
