//! What the root keeps of a sequence.

use smallvec::SmallVec;

use crate::counted::{LEVELS_MAX, SHORT};
use crate::elements::SortKey;
use crate::varint;

/// The length of a sequence, its ends, and the counts that change there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ends {
    pub(super) len: u64,
    pub(super) first: SortKey,
    pub(super) last: SortKey,
    /// Levels 1 and up; the highest one has a node.
    pub(super) levels: SmallVec<[Level; 4]>,
}

/// What the root keeps of one level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Level {
    /// Members before its first node.
    pub(super) head: u64,
    /// Number of nodes, the open one included.
    pub(super) nodes: u64,
    /// Its last node and that one's count, if the key is short.
    pub(super) open: Option<(SortKey, u64)>,
}

impl Ends {
    /// Whether a key that no member has, or the first member's, has no member below it. Sure if it is so: of members that share what the root
    /// keeps of the first one, it may not see that it is.
    pub(super) fn is_at_start(&self, key: &[u8]) -> bool {
        self.len == 0 || *key <= self.first[..]
    }

    /// Whether a key has members, and all of them below it; likewise.
    pub(super) fn is_at_end(&self, key: &[u8]) -> bool {
        self.len > 0 && key[..key.len().min(SHORT)] > self.last[..]
    }

    /// There is, or will be, a member with this key.
    pub(super) fn widen(&mut self, key: &[u8]) {
        if self.is_at_start(key) {
            self.first = cut(key);
        }
        if self.len == 0 || self.is_at_end(key) {
            self.last = cut(key);
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let key = |out: &mut Vec<u8>, key: &[u8]| {
            varint::put(out, key.len() as u64);
            out.extend_from_slice(key);
        };
        varint::put(out, self.len);
        key(out, &self.first);
        key(out, &self.last);
        out.push(self.levels.len() as u8);
        for level in &self.levels {
            varint::put(out, level.head);
            varint::put(out, level.nodes << 1 | u64::from(level.open.is_some()));
            if let Some((open, count)) = &level.open {
                key(out, open);
                varint::put(out, *count);
            }
        }
    }

    /// Reads the ends off the front of the bytes; `None` if they are none.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Ends> {
        let key = |bytes: &mut &[u8]| {
            let len = usize::try_from(varint::take(bytes)?).ok().filter(|&len| len <= SHORT)?;
            let (key, rest) = bytes.split_at_checked(len)?;
            *bytes = rest;
            Some(SortKey::from_slice(key))
        };
        let len = count(bytes)?;
        let (first, last) = (key(bytes)?, key(bytes)?);
        let (&levels, rest) = bytes.split_first()?;
        *bytes = rest;
        if usize::from(levels) > LEVELS_MAX || first > last {
            return None;
        }
        let mut ends = Ends { len, first, last, levels: SmallVec::new() };
        for _ in 0..levels {
            let head = count(bytes)?;
            let nodes = count(bytes)?;
            let open = if nodes & 1 == 1 { Some((key(bytes)?, count(bytes)?)) } else { None };
            if nodes == 1 {
                return None;
            }
            ends.levels.push(Level { head, nodes: nodes >> 1, open });
        }
        Some(ends)
    }
}

/// As much of a key as the root keeps.
pub(super) fn cut(key: &[u8]) -> SortKey {
    SortKey::from_slice(&key[..key.len().min(SHORT)])
}

/// Reads a number of members off the front of the bytes; so small that some of them can be added without a look.
pub(super) fn count(bytes: &mut &[u8]) -> Option<u64> {
    varint::take(bytes).filter(|&count| count < 1 << 60)
}
