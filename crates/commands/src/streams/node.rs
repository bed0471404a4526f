//! Where Redis would begin a new node of its radix tree: what approximate trimming goes by, and what `radix-tree-keys` counts.
//!
//! Redis keeps entries in listpacks, which end at `stream-node-max-entries` or `stream-node-max-bytes`. We keep entries in records of their
//! own and the bounds of those nodes as numbers: each entry carries that of its node, and the head of the stream knows the last node. Sizes
//! are those of Redis' listpacks, to the byte, so that `~` trims what Redis trims.

use resp::number::parse_integer;
use types::limits::Limits;
use types::txn::Abort;

use crate::streams::id::Id;
use crate::streams::record::{Reader, put_id, put_number};

/// The last node of a stream. `live == 0`: the next entry begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Node {
    /// Its number; they ascend.
    pub(super) number: u64,
    /// Entries that were put into it, also if they are deleted by now.
    pub(super) entries: u64,
    /// Entries that are left in it.
    pub(super) live: u64,
    /// Bytes of its listpack, without the two counters in front.
    bytes: u64,
    /// A hash of the names of the fields of its first entry: entries with the same names are stored without them.
    names: u32,
    /// The id that it began with.
    first: Id,
}

impl Node {
    /// Puts an entry into the node, or into a new one if Redis would begin one.
    pub(super) fn add<'a>(&mut self, limits: &Limits, id: Id, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) {
        let (mut count, mut payload, mut names, mut name_bytes, mut value_bytes) = (0u64, 0u64, NAMES_SEED, 0u64, 0u64);
        for (field, value) in pairs {
            count += 1;
            payload += (field.len() + value.len()) as u64;
            names = hash(names, field);
            name_bytes += packed(field);
            value_bytes += packed(value);
        }
        if self.live == 0 || self.is_full(limits, payload) {
            let master = EMPTY + packed_integer(count as i64) + name_bytes + packed_integer(0);
            *self = Node { number: self.number.saturating_add(1), entries: 0, live: 0, bytes: master, names, first: id };
        }
        let same = names == self.names;
        let named = if same { 0 } else { packed_integer(count as i64) + name_bytes };
        let pieces = 3 + count as i64 * if same { 1 } else { 2 } + i64::from(!same);
        let (ms, seq) = (id.ms.wrapping_sub(self.first.ms), id.seq.wrapping_sub(self.first.seq));
        let id_bytes = packed_integer(ms as i64) + packed_integer(seq as i64);
        let entry = packed_integer(0) + id_bytes + named + value_bytes + packed_integer(pieces);
        self.bytes = self.bytes.saturating_add(entry);
        self.entries += 1;
        self.live += 1;
    }

    /// Whether an entry with so many bytes does not go into it any more.
    fn is_full(&self, limits: &Limits, payload: u64) -> bool {
        let bytes_max = match u64::from(limits.stream_node_bytes) {
            0 => LISTPACK_MAX,
            bytes => bytes.min(LISTPACK_MAX),
        };
        let counters = packed_integer(self.live as i64) + packed_integer(self.entries.saturating_sub(self.live) as i64);
        let bytes = self.bytes.saturating_add(counters).saturating_add(payload);
        let entries_max = u64::from(limits.stream_node_entries);
        bytes >= bytes_max || (entries_max > 0 && self.entries >= entries_max)
    }

    /// Entries of this node were removed, if it is their node.
    pub(super) fn remove(&mut self, node: u64, count: u64) {
        if node == self.number {
            self.live = self.live.saturating_sub(count);
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for number in [self.number, self.entries, self.live, self.bytes, u64::from(self.names)] {
            put_number(out, number);
        }
        put_id(out, self.first);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Node, Abort> {
        Ok(Node {
            number: reader.number()?,
            entries: reader.number()?,
            live: reader.number()?,
            bytes: reader.number()?,
            names: reader.number()? as u32,
            first: reader.id()?,
        })
    }
}

/// Bytes that a string takes in a listpack.
fn packed(text: &[u8]) -> u64 {
    if let Some(integer) = parse_integer(text) {
        return packed_integer(integer);
    }
    let len = text.len() as u64;
    let encoded = match len {
        0..64 => 1 + len,
        64..4096 => 2 + len,
        _ => 5 + len,
    };
    let back = match encoded {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    encoded + back
}

/// Bytes that an integer takes in a listpack.
fn packed_integer(integer: i64) -> u64 {
    1 + match integer {
        0..=127 => 1,
        -4096..=4095 => 2,
        -32_768..=32_767 => 3,
        -8_388_608..=8_388_607 => 4,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    }
}

/// FNV-1a over the length and the bytes of a name.
fn hash(seed: u32, name: &[u8]) -> u32 {
    let len = (name.len() as u32).to_be_bytes();
    len.iter().chain(name).fold(seed, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

const NAMES_SEED: u32 = 0x811C_9DC5;
/// A listpack's head and its end.
const EMPTY: u64 = 7;
/// Bytes of a listpack at most, whatever the configuration says.
const LISTPACK_MAX: u64 = 1 << 30;
