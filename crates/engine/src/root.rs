//! Bytes of a root record.
//!
//! ```text
//! head u8 │ expiry i64 │ due i64 │ encoding u8 │ version varint │ written u32 │ id varint, count varint │ value
//!         ╰ if EXPIRE  ╰ if DUE  ╰ if ENCODED                                 ╰ if EXPLODED             ╰ the rest
//! ```
//! `head` is the kind in its low three bits and the flags; its top bit is 0 in this layout and tells a later one apart. The value is
//! last, so that a record is read with one copy: that of the value. Integers of fixed length are big-endian.

use bytes::Bytes;
use types::root::{Kind, Root, earlier};
use types::time::UnixMs;
use types::varint;

/// What changing a key has to know of what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Absent,
    Present(Times),
}

/// The times in a root record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Times {
    pub(crate) expire: Option<UnixMs>,
    pub(crate) due: Option<UnixMs>,
}

impl Times {
    /// As [`Root::sweep_at`].
    pub(crate) fn sweep_at(self) -> Option<UnixMs> {
        earlier(self.expire, self.due)
    }
}

impl Presence {
    pub(crate) fn of(root: Option<&Root>) -> Presence {
        root.map_or(Presence::Absent, |root| Presence::Present(Times { expire: root.expire, due: root.due }))
    }

    /// The times of the root, if there is one.
    pub(crate) fn times(self) -> Times {
        if let Presence::Present(times) = self { times } else { Times::default() }
    }
}

/// Appends `root`.
pub(crate) fn encode(root: &Root, out: &mut Vec<u8>) {
    let exploded = root.id != 0 || root.count != 0;
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    let times = flag(root.expire.is_some(), EXPIRE) | flag(root.due.is_some(), DUE);
    out.push(root.kind as u8 | times | flag(root.encoding != 0, ENCODED) | flag(exploded, EXPLODED));
    for at in [root.expire, root.due].into_iter().flatten() {
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
    let Times { expire, due } = take_times(head, &mut bytes)?;
    let encoding = if head & ENCODED != 0 { u8::from_be_bytes(take(&mut bytes)?) } else { 0 };
    let version = varint::take(&mut bytes)?;
    let written = u32::from_be_bytes(take(&mut bytes)?);
    let exploded = head & EXPLODED != 0;
    let id = if exploded { varint::take(&mut bytes)? } else { 0 };
    let count = if exploded { varint::take(&mut bytes)? } else { 0 };
    Some((Root { kind, encoding, expire, due, version, written, id, count, value: Bytes::new() }, bytes))
}

/// The record, with a copy of its value.
pub(crate) fn decode(bytes: &[u8]) -> Option<Root> {
    let (mut root, value) = decode_head(bytes)?;
    root.value = Bytes::copy_from_slice(value);
    Some(root)
}

/// Only the record's times; `None` if it is no root record.
pub(crate) fn decode_times(mut bytes: &[u8]) -> Option<Times> {
    let [head] = take(&mut bytes)?;
    kind_of(head)?;
    take_times(head, &mut bytes)
}

fn take_times(head: u8, bytes: &mut &[u8]) -> Option<Times> {
    let mut time = |flag| if head & flag == 0 { Some(None) } else { take(bytes).map(|at| Some(UnixMs(i64::from_be_bytes(at)))) };
    Some(Times { expire: time(EXPIRE)?, due: time(DUE)? })
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

const KIND: u8 = 0x07;
const DUE: u8 = 0x08;
const EXPIRE: u8 = 0x10;
const ENCODED: u8 = 0x20;
const EXPLODED: u8 = 0x40;
const LATER_LAYOUT: u8 = 0x80;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_root() -> impl Strategy<Value = Root> {
        let head = (0..6usize, any::<u8>(), any::<[Option<i64>; 2]>(), any::<u64>(), any::<u32>());
        (head, any::<u64>(), any::<u64>(), proptest::collection::vec(any::<u8>(), 0..60)).prop_map(
            |((kind, encoding, [expire, due], version, written), id, count, value)| Root {
                kind: Kind::ALL[kind],
                encoding: encoding % 3,
                expire: expire.map(UnixMs),
                due: due.map(UnixMs),
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
            prop_assert_eq!(decode_times(&bytes), Some(Times { expire: root.expire, due: root.due }));
            prop_assert_eq!(decode(&bytes), Some(root));
        }

        #[test]
        fn any_bytes_are_a_root_or_are_not(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if decode(&bytes).is_some() {
                prop_assert!(decode_times(&bytes).is_some());
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
        bytes.clear();
        (root.expire, root.due) = (None, Some(UnixMs(2)));
        encode(&root, &mut bytes);
        assert_eq!(bytes, b"\x6c\0\0\0\0\0\0\0\x02\x03\xac\x02\0\0\0\x01\x04\x05v");
        assert_eq!(decode(b"\x80\x01\0\0\0\x01"), None);
    }
}
