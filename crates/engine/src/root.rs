//! Bytes of a root record.
//!
//! ```text
//! head u8 │ expiry i64 │ encoding u8 │ version varint │ written u32 │ id varint, count varint │ value
//!         ╰ if EXPIRE  ╰ if ENCODED                                 ╰ if EXPLODED             ╰ the rest
//! ```
//! `head` is the kind in its low four bits and the flags; its top bit is 0 in this layout and tells a later one apart. The value is
//! last, so that a record is read with one copy: that of the value. Integers of fixed length are big-endian.

use bytes::Bytes;
use types::root::{Kind, Root};
use types::time::UnixMs;

use crate::varint;

/// What changing a key has to know of what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Absent,
    Present { expire: Option<UnixMs> },
}

impl Presence {
    pub(crate) fn of(root: Option<&Root>) -> Presence {
        root.map_or(Presence::Absent, |root| Presence::Present { expire: root.expire })
    }
}

/// Appends `root`.
pub(crate) fn encode(root: &Root, out: &mut Vec<u8>) {
    let exploded = root.id != 0 || root.count != 0;
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    out.push(root.kind as u8 | flag(root.expire.is_some(), EXPIRE) | flag(root.encoding != 0, ENCODED) | flag(exploded, EXPLODED));
    if let Some(at) = root.expire {
        out.extend_from_slice(&at.0.to_be_bytes());
    }
    if root.encoding != 0 {
        out.push(root.encoding);
    }
    varint::put(out, root.version);
    out.extend_from_slice(&root.written.to_be_bytes());
    if exploded {
        varint::put(out, root.id);
        varint::put(out, root.count);
    }
    out.extend_from_slice(&root.value);
}

/// The record without its value, and the value's bytes; `None` if it is no root record.
pub(crate) fn decode_head(mut bytes: &[u8]) -> Option<(Root, &[u8])> {
    let [head] = take(&mut bytes)?;
    let kind = kind_of(head)?;
    let expire = if head & EXPIRE != 0 { Some(UnixMs(i64::from_be_bytes(take(&mut bytes)?))) } else { None };
    let encoding = if head & ENCODED != 0 { u8::from_be_bytes(take(&mut bytes)?) } else { 0 };
    let version = varint::take(&mut bytes)?;
    let written = u32::from_be_bytes(take(&mut bytes)?);
    let exploded = head & EXPLODED != 0;
    let id = if exploded { varint::take(&mut bytes)? } else { 0 };
    let count = if exploded { varint::take(&mut bytes)? } else { 0 };
    Some((Root { kind, encoding, expire, version, written, id, count, value: Bytes::new() }, bytes))
}

/// The record, with a copy of its value.
pub(crate) fn decode(bytes: &[u8]) -> Option<Root> {
    let (mut root, value) = decode_head(bytes)?;
    root.value = Bytes::copy_from_slice(value);
    Some(root)
}

/// Only when the record's key expires; the outer `None` if it is no root record.
pub(crate) fn decode_expire(mut bytes: &[u8]) -> Option<Option<UnixMs>> {
    let [head] = take(&mut bytes)?;
    kind_of(head)?;
    if head & EXPIRE == 0 {
        return Some(None);
    }
    Some(Some(UnixMs(i64::from_be_bytes(take(&mut bytes)?))))
}

fn kind_of(head: u8) -> Option<Kind> {
    if head & LATER_LAYOUT != 0 {
        return None;
    }
    Kind::ALL.into_iter().find(|&kind| kind as u8 == head & KIND)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

const KIND: u8 = 0x0f;
const EXPIRE: u8 = 0x10;
const ENCODED: u8 = 0x20;
const EXPLODED: u8 = 0x40;
const LATER_LAYOUT: u8 = 0x80;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_root() -> impl Strategy<Value = Root> {
        let head = (0..6usize, any::<u8>(), any::<Option<i64>>(), any::<u64>(), any::<u32>());
        (head, any::<u64>(), any::<u64>(), proptest::collection::vec(any::<u8>(), 0..60)).prop_map(
            |((kind, encoding, expire, version, written), id, count, value)| Root {
                kind: Kind::ALL[kind],
                encoding: encoding % 3,
                expire: expire.map(UnixMs),
                version,
                written,
                id: id % 3,
                count: count % 3,
                value: value.into(),
            },
        )
    }

    proptest! {
        #[test]
        fn a_root_comes_back(root in any_root()) {
            let mut bytes = Vec::new();
            encode(&root, &mut bytes);
            prop_assert_eq!(decode_expire(&bytes), Some(root.expire));
            prop_assert_eq!(decode(&bytes), Some(root));
        }

        #[test]
        fn any_bytes_are_a_root_or_are_not(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if decode(&bytes).is_some() {
                prop_assert!(decode_expire(&bytes).is_some());
            }
        }
    }

    #[test]
    fn root_layout_is_what_is_on_disk() {
        let mut bytes = Vec::new();
        let mut root = Root::inline(Kind::String, Bytes::from_static(b"v"));
        (root.version, root.written) = (300, 1);
        encode(&root, &mut bytes);
        assert_eq!(bytes, b"\x00\xac\x02\0\0\0\x01v");
        bytes.clear();
        (root.kind, root.expire, root.encoding, root.id, root.count) = (Kind::Hash, Some(UnixMs(2)), 3, 4, 5);
        encode(&root, &mut bytes);
        assert_eq!(bytes, b"\x74\0\0\0\0\0\0\0\x02\x03\xac\x02\0\0\0\x01\x04\x05v");
        assert_eq!(decode(b"\x80\x01\0\0\0\x01"), None);
    }
}
