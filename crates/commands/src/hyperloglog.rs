//! Commands of the group `hyperloglog`: estimates of how many different elements a key has been shown.
//!
//! A HyperLogLog is a string, in Redis' format down to the byte, so that what one of the two has written the other one goes on with:
//! ```text
//! "HYLL" | encoding u8 (0 dense, 1 sparse) | 3 bytes unused | cardinality u64, little endian | registers
//! dense    16384 registers of 6 bits, the first one in the lowest bits of the first byte
//! sparse   runs of equal registers, see `sparse`
//! ```
//! The highest bit of the cardinality says that the registers have changed since it was computed. Commands that read do not write here,
//! so it is only ever valid in what comes from Redis.

pub(crate) mod add;
pub(crate) mod count;
pub(crate) mod debug;
pub(crate) mod merge;
pub(crate) mod self_test;

mod dense;
mod estimate;
mod pattern;
mod sketch;
mod sparse;
mod stored;

#[cfg(test)]
mod tests;
