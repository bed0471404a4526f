//! Random numbers of a run. All of them come from its seed, and each purpose has its own sequence.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

/// A sequence.
pub struct Random(StdRng);

impl Random {
    /// The sequence of this run for `purpose`.
    pub fn new(seed: u64, purpose: &str) -> Random {
        let purpose = purpose.bytes().fold(0, |sum: u64, byte| mix(sum ^ u64::from(byte)));
        Random(StdRng::seed_from_u64(mix(seed ^ purpose)))
    }

    /// Any number.
    pub fn word(&mut self) -> u64 {
        self.0.random()
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// True so often.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability)
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// From `min` through `max` milliseconds; short ones are as likely as long ones.
    pub fn millis(&mut self, min: u64, max: u64) -> Duration {
        let (low, high) = ((min.max(1) as f64).ln(), (max as f64).ln());
        Duration::from_millis(self.0.random_range(low..=high).exp() as u64)
    }
}

/// The finalizer of SplitMix64.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
