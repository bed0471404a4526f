//! Fair choices, drawn from the transaction's random bits.

use types::limits::Limits;
use types::txn::HashKeyTxn;

use crate::program::Stop;

/// A number below `bound`, each with the same chance.
///
/// # Panics
/// If `bound` is 0.
pub(crate) fn below(txn: &mut dyn HashKeyTxn, bound: u64) -> u64 {
    draw(&mut || txn.random(), bound)
}

/// Refuses so many draws with repetitions that their reply would be longer than it may be, before any of them is made.
///
/// # Errors
/// [`TOO_LONG`].
pub(crate) fn check_repetitions(limits: &Limits, times: u64) -> Result<(), Stop> {
    if times > limits.value_max / EMPTY_BULK { Err(Stop::refused(TOO_LONG)) } else { Ok(()) }
}

/// What is said of draws with repetitions whose reply would have too many bytes.
pub(crate) const TOO_LONG: &str = "ERR the reply would be longer than proto-max-bulk-len";
/// Bytes of the shortest element of a reply.
const EMPTY_BULK: u64 = "$0\r\n\r\n".len() as u64;

/// Chooses `wanted` out of `count` things that come one after another, every choice with the same chance. It holds nothing but two
/// numbers and its own random bits, so that it can be asked where the transaction is busy with a walk.
pub(crate) struct Selection {
    wanted: u64,
    left: u64,
    bits: Bits,
}

impl Selection {
    /// A choice of `wanted` out of `count`; of all of them, if there are not so many.
    pub(crate) fn new(txn: &mut dyn HashKeyTxn, wanted: u64, count: u64) -> Selection {
        Selection { wanted: wanted.min(count), left: count, bits: Bits(txn.random()) }
    }

    /// Whether the next thing is among the chosen ones. What comes after `count` things is not.
    pub(crate) fn takes_next(&mut self) -> bool {
        let takes = self.wanted > 0 && draw(&mut || self.bits.next(), self.left) < self.wanted;
        self.left = self.left.saturating_sub(1);
        self.wanted -= u64::from(takes);
        takes
    }

    /// How many are still to be chosen.
    pub(crate) fn wanted(&self) -> u64 {
        self.wanted
    }
}

/// SplitMix64, begun with bits of the transaction.
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// The upper half of a product is a fair number below `bound` once the few lower halves that occur too often are drawn again (Lemire 2019).
fn draw(bits: &mut dyn FnMut() -> u64, bound: u64) -> u64 {
    assert!(bound > 0, "a choice out of nothing");
    let surplus = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(bits()) * u128::from(bound);
        if product as u64 >= surplus {
            return (product >> 64) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::testing::NOW;

    #[test]
    fn numbers_are_drawn_fairly() {
        let mut memory = Memory::new(NOW);
        for bound in [1, 2, 3, 7, 10] {
            let mut seen = vec![0u32; bound as usize];
            for _ in 0..bound * 10_000 {
                seen[below(&mut memory, bound) as usize] += 1;
            }
            // 10 000 each, the standard deviation is 100 at most.
            assert!(seen.iter().all(|seen| seen.abs_diff(10_000) < 500), "{bound}: {seen:?}");
        }
    }

    #[test]
    fn what_would_be_drawn_too_often_is_drawn_again() {
        // Below 3 the only surplus lower half is 0: bits of 0 are refused, and the next ones decide.
        let mut bits = [0, u64::MAX, 1].into_iter();
        assert_eq!(draw(&mut || bits.next().unwrap(), 3), 2);
        assert_eq!(draw(&mut || bits.next().unwrap(), 3), 0);
    }

    #[test]
    fn every_selection_has_the_same_chance() {
        let mut memory = Memory::new(NOW);
        let mut seen = [0u32; 1 << 5];
        for _ in 0..100_000 {
            let mut selection = Selection::new(&mut memory, 2, 5);
            let chosen = (0..5).fold(0, |chosen, bit| chosen | usize::from(selection.takes_next()) << bit);
            assert!(!selection.takes_next(), "there is no sixth");
            seen[chosen] += 1;
        }
        for (chosen, &seen) in seen.iter().enumerate() {
            // Ten pairs out of five things; the standard deviation is 95.
            let expected = if chosen.count_ones() == 2 { 10_000 } else { 0 };
            assert!(seen.abs_diff(expected) < 500, "{chosen:b}: {seen}");
        }
    }

    #[test]
    fn more_than_there_are_is_all_of_them() {
        let mut memory = Memory::new(NOW);
        let mut selection = Selection::new(&mut memory, 9, 3);
        assert_eq!([0; 4].map(|_| selection.takes_next()), [true, true, true, false]);
        assert_eq!(selection.wanted(), 0);
    }
}
