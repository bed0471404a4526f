//! Physical keys.
//!
//! ```text
//! root      slot u16 | hash48 of the name, 6 bytes | physical database u32 | name        place = the first 8 bytes
//! element   slot u16 | physical database u32 | id u64 | sort key
//! expire    physical database u32 | time i64, order-preserving | place | name
//! ```
//! All integers big-endian. The place is the SCAN cursor. The expiry index lists keys under their
//! `Root::sweep_at`. It begins with the database, unlike the other two: what a
//! flushed database leaves in it is never stepped over again.

use smallvec::SmallVec;
use types::slot::{Cursor, Slot, hash48};
use types::time::UnixMs;
use types::txn::HashKey;

/// Room for a physical key: on the stack for names up to 52 bytes.
pub(crate) type Key = SmallVec<[u8; 64]>;

/// A logical database's number inside one partition: given when its first key is written, never reused. 0 is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Physical(pub(crate) u32);

/// The parts of a root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RootKey<'a> {
    pub(crate) place: Cursor,
    pub(crate) database: Physical,
    pub(crate) name: &'a [u8],
}

impl<'a> RootKey<'a> {
    /// The key of `key` in the physical database `database`.
    pub(crate) fn of(key: &HashKey<'a>, database: Physical) -> RootKey<'a> {
        RootKey { place: Cursor::new(key.slot, hash48(key.name)), database, name: key.name }
    }

    /// Takes a root key apart; `None` if it is none.
    pub(crate) fn parse(key: &'a [u8]) -> Option<RootKey<'a>> {
        let (place, rest) = key.split_first_chunk::<8>()?;
        let (database, name) = rest.split_first_chunk::<4>()?;
        let place = Cursor(u64::from_be_bytes(*place));
        place.slot()?;
        Some(RootKey { place, database: Physical(u32::from_be_bytes(*database)), name })
    }

    pub(crate) fn encode(&self) -> Key {
        let mut key = Key::new();
        key.extend_from_slice(&self.place.0.to_be_bytes());
        key.extend_from_slice(&self.database.0.to_be_bytes());
        key.extend_from_slice(self.name);
        key
    }

    /// The key of this root's entry in the expiry index.
    pub(crate) fn expire_key(&self, at: UnixMs) -> Key {
        let mut key = expire_bound(self.database, at);
        key.extend_from_slice(&self.place.0.to_be_bytes());
        key.extend_from_slice(self.name);
        key
    }
}

/// The physical key of `key`'s root.
pub(crate) fn root_key(key: &HashKey<'_>, database: Physical) -> Key {
    RootKey::of(key, database).encode()
}

/// Which value an element belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ElementKey {
    pub(crate) slot: Slot,
    pub(crate) database: Physical,
    pub(crate) id: u64,
}

impl ElementKey {
    /// Whose element `key` is; `None` if it is no element's key.
    pub(crate) fn parse(key: &[u8]) -> Option<ElementKey> {
        let (slot, rest) = key.split_first_chunk::<2>()?;
        let (database, rest) = rest.split_first_chunk::<4>()?;
        let (id, _) = rest.split_first_chunk::<8>()?;
        let slot = Slot::new(u16::from_be_bytes(*slot))?;
        Some(ElementKey { slot, database: Physical(u32::from_be_bytes(*database)), id: u64::from_be_bytes(*id) })
    }

    /// What all elements of the value begin with.
    pub(crate) fn prefix(&self) -> [u8; ELEMENT_PREFIX] {
        let mut prefix = [0; ELEMENT_PREFIX];
        prefix[..2].copy_from_slice(&self.slot.number().to_be_bytes());
        prefix[2..6].copy_from_slice(&self.database.0.to_be_bytes());
        prefix[6..].copy_from_slice(&self.id.to_be_bytes());
        prefix
    }

    /// The physical key of one of its elements.
    pub(crate) fn element(&self, sort_key: &[u8]) -> Key {
        let mut key = Key::from_slice(&self.prefix());
        key.extend_from_slice(sort_key);
        key
    }
}

/// Not above any index entry of `database` with a time of `at` or later, above all with an earlier one.
pub(crate) fn expire_bound(database: Physical, at: UnixMs) -> Key {
    let mut key = Key::new();
    key.extend_from_slice(&database.0.to_be_bytes());
    // Flipping the sign bit makes the order of bytes the order of numbers.
    key.extend_from_slice(&((at.0 as u64) ^ (1 << 63)).to_be_bytes());
    key
}

/// The time of an index entry and the parts of the root's key; `None` if it is no index key.
pub(crate) fn parse_expire_key(key: &[u8]) -> Option<(UnixMs, RootKey<'_>)> {
    let (database, rest) = key.split_first_chunk::<4>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (place, name) = rest.split_first_chunk::<8>()?;
    let at = UnixMs((u64::from_be_bytes(*at) ^ (1 << 63)) as i64);
    let place = Cursor(u64::from_be_bytes(*place));
    place.slot()?;
    Some((at, RootKey { place, database: Physical(u32::from_be_bytes(*database)), name }))
}

/// Length of the prefix that all elements of one value share.
pub(crate) const ELEMENT_PREFIX: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_come_back_and_sort_as_their_parts(
            name in proptest::collection::vec(any::<u8>(), 0..80), database in any::<u32>(), a in any::<i64>(), b in any::<i64>(),
        ) {
            let key = RootKey { place: Cursor::new(Slot::of(&name), hash48(&name)), database: Physical(database), name: &name };
            let encoded = key.encode();
            prop_assert_eq!(RootKey::parse(&encoded), Some(key));
            let (at_a, at_b) = (key.expire_key(UnixMs(a)), key.expire_key(UnixMs(b)));
            prop_assert_eq!(parse_expire_key(&at_a), Some((UnixMs(a), key)));
            prop_assert_eq!(at_a.cmp(&at_b), a.cmp(&b));
            prop_assert!(expire_bound(key.database, UnixMs(a)) <= at_a);
            let value = ElementKey { slot: Slot::of(&name), database: Physical(database), id: a as u64 };
            prop_assert_eq!(ElementKey::parse(&value.element(&name)), Some(value));
        }

        #[test]
        fn any_bytes_are_a_key_or_are_not(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(key) = RootKey::parse(&bytes) {
                prop_assert_eq!(&key.encode()[..], &bytes[..]);
            }
            if let Some((at, key)) = parse_expire_key(&bytes) {
                prop_assert_eq!(&key.expire_key(at)[..], &bytes[..]);
            }
            if let Some(value) = ElementKey::parse(&bytes) {
                prop_assert_eq!(&value.element(&bytes[ELEMENT_PREFIX..])[..], &bytes[..]);
            }
        }
    }

    #[test]
    fn key_layout_is_what_is_on_disk() {
        let key = RootKey { place: Cursor::new(Slot::of(b"foo"), 0x0102_0304_0506), database: Physical(9), name: b"foo" };
        assert_eq!(&key.encode()[..], b"\x2f\x96\x01\x02\x03\x04\x05\x06\0\0\0\x09foo");
        assert_eq!(&key.expire_key(UnixMs(1))[..], b"\0\0\0\x09\x80\0\0\0\0\0\0\x01\x2f\x96\x01\x02\x03\x04\x05\x06foo");
        let value = ElementKey { slot: Slot::of(b"foo"), database: Physical(9), id: 5 };
        assert_eq!(&value.element(b"f")[..], b"\x2f\x96\0\0\0\x09\0\0\0\0\0\0\0\x05f");
    }
}
