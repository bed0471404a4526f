//! What an element says: the number of its register and a value for it.

/// Number of registers.
pub(super) const REGISTERS: usize = 1 << INDEX_BITS;

/// Largest value that an element has for a register.
pub(super) const VALUE_MAX: u8 = VALUE_BITS as u8 + 1;

/// The register of an element, and 1 + the number of zeros that the rest of its hash ends with.
pub(super) fn of(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element, SEED);
    let register = hash as usize % REGISTERS;
    let zeros = (hash >> INDEX_BITS | 1 << VALUE_BITS).trailing_zeros();
    (register, zeros as u8 + 1)
}

/// MurmurHash64A, by Austin Appleby; words are little-endian.
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let mix = |word: u64| word ^ word >> 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let (words, rest) = bytes.as_chunks();
    for word in words {
        let word = mix(u64::from_le_bytes(*word).wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let word = rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    mix(mix(hash).wrapping_mul(FACTOR))
}

/// Bits of a hash that name a register, and those that give it a value.
const INDEX_BITS: u32 = 14;
const VALUE_BITS: u32 = 64 - INDEX_BITS;

/// That of Redis.
const SEED: u64 = 0xadc8_3b19;
