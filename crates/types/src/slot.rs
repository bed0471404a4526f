//! Hash slots: the unit of placement, and the 48-bit hash that orders keys inside a slot.

use std::ops::RangeInclusive;

use crc::{CRC_16_XMODEM, Crc, Table};

/// Number of hash slots of a table, as in Redis Cluster.
pub const SLOTS: u16 = 16_384;

/// A hash slot, `0..16384`: CRC16-XMODEM of the hash tag modulo 16384
/// (the rule of the Redis Cluster specification, "Keys distribution model").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot of a key: of the part between the first `{` and the next `}` if that is not empty, else of the whole.
    pub fn of(key: &[u8]) -> Slot {
        Slot(CRC16.checksum(tag(key)) & (SLOTS - 1))
    }

    /// The slot with this number, if there is one.
    pub fn new(number: u16) -> Option<Slot> {
        (number < SLOTS).then_some(Slot(number))
    }

    /// The slot's number.
    pub fn number(self) -> u16 {
        self.0
    }
}

/// Slots `first..=last` of partition `index` of `count`: contiguous, sizes differing by at most one.
///
/// # Panics
/// If `index >= count` or `count` is 0 or above [`SLOTS`].
pub fn slots_of_partition(index: u32, count: u32) -> RangeInclusive<u16> {
    assert!(index < count && count <= u32::from(SLOTS), "partition {index} of {count}");
    let bound = |i: u32| (i * u32::from(SLOTS) / count) as u16;
    bound(index)..=(bound(index + 1) - 1)
}

/// 48-bit hash of a hash key's name: the top 48 bits of XXH3-64. With the slot it orders keys on disk, and the pair is
/// the SCAN cursor (see [`Cursor`]).
pub fn hash48(name: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(name) >> 16
}

/// A place in the order of keys, `slot (14 bits) | hash48`: 62 bits, stateless. The SCAN cursor: a scan from `Cursor` returns
/// keys whose place is at or after it, and never splits keys that share a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub u64);

impl Cursor {
    /// The place of a slot and a 48-bit hash.
    pub fn new(slot: Slot, hash48: u64) -> Cursor {
        Cursor((u64::from(slot.number()) << 48) | (hash48 & HASH48_MAX))
    }

    /// The slot; `None` for a number no scan ever returned.
    pub fn slot(self) -> Option<Slot> {
        u16::try_from(self.0 >> 48).ok().and_then(Slot::new)
    }

    /// The hash inside the slot.
    pub fn hash48(self) -> u64 {
        self.0 & HASH48_MAX
    }

    /// The next place, or `None` after the very last one.
    pub fn next(self) -> Option<Cursor> {
        let next = Cursor(self.0 + 1);
        next.slot().map(|_| next)
    }
}

fn tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&b| b == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|&b| b == b'}') {
        Some(close) if close > 0 => &rest[..close],
        _ => key,
    }
}

const HASH48_MAX: u64 = (1 << 48) - 1;
static CRC16: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&CRC_16_XMODEM);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_the_redis_cluster_specification() {
        // 12739 is the specification's own check value: CRC16 of "123456789" is 0x31C3.
        assert_eq!(Slot::of(b"123456789").number(), 12_739);
        assert_eq!(Slot::of(b"foo").number(), 12_182);
        assert_eq!(Slot::of(b"{user1000}.following"), Slot::of(b"{user1000}.followers"));
        assert_eq!(Slot::of(b"foo{bar}{zap}"), Slot::of(b"bar"));
        assert_eq!(Slot::of(b"foo{{bar}}zap"), Slot::of(b"{bar"));
        assert_ne!(Slot::of(b"foo{}{bar}"), Slot::of(b"bar"));
    }

    #[test]
    fn partitions_cover_all_slots_once() {
        for count in [1, 2, 3, 7, 8, 1000, 16_384] {
            let mut next = 0u32;
            for index in 0..count {
                let slots = slots_of_partition(index, count);
                assert_eq!(u32::from(*slots.start()), next);
                next = u32::from(*slots.end()) + 1;
            }
            assert_eq!(next, u32::from(SLOTS));
        }
    }

    #[test]
    fn a_cursor_carries_slot_and_hash() {
        let slot = Slot::new(16_383).expect("in range");
        let cursor = Cursor::new(slot, HASH48_MAX);
        assert_eq!((cursor.slot(), cursor.hash48()), (Some(slot), HASH48_MAX));
        assert_eq!(cursor.next(), None);
        assert_eq!(Cursor(u64::MAX).slot(), None);
    }
}
