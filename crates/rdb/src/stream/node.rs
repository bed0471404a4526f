//! The entries of one node.
//!
//! ```text
//!   entries | deleted ones | fields | field.. | 0                              the master entry: fields that many entries have
//!   (flags | ms | seq | value.. | elements of this entry)..                    2 in flags: the fields are the master's
//!   (flags | ms | seq | fields | (field | value).. | elements of this entry)..
//! ```
//! Each of these is an element of a listpack; `ms` and `seq` are differences to the node's id. 1 in flags: the entry was deleted.

use bytes::Bytes;

use crate::error::Malformed;
use crate::input::{Input, STRING};
use crate::listpack::{Element, Reader, Writer};
use crate::stream::{Entry, StreamId};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
/// A node takes entries until it has this many, or would get this long: Redis' `stream-node-max-entries` and `-bytes`.
const ENTRIES_MAX: usize = 100;
const LEN_MAX: usize = 4096;

/// The entries of the nodes read so far.
#[derive(Default)]
pub(super) struct Entries {
    entries: Vec<Entry>,
    /// The id of the last one, deleted or not.
    last: StreamId,
}

impl Entries {
    pub(super) fn into_vec(self) -> Vec<Entry> {
        self.entries
    }

    /// Adds those of the node with the id `master`, which comes from `input`.
    pub(super) fn extend(&mut self, master: StreamId, listpack: Bytes, input: &mut Input) -> Result<(), Malformed> {
        let mut node = Node { elements: Reader::new(listpack)?, taken: 0, input };
        let (live, deleted) = (node.count()?, node.count()?);
        let mut fields = Vec::new();
        for _ in 0..node.count()? {
            fields.push(node.string()?);
        }
        if node.integer()? != 0 {
            return Err(Malformed::StreamNode);
        }
        let (live_before, mut deleted_seen) = (self.entries.len() as u64, 0);
        // Not multiplied out: each turn takes elements, so a wrong count ends with the elements.
        for _ in 0..live.checked_add(deleted).ok_or(Malformed::StreamNode)? {
            let (entry, is_deleted) = node.entry(master, &fields)?;
            if entry.id <= self.last {
                return Err(Malformed::StreamOrder);
            }
            self.last = entry.id;
            match is_deleted {
                true => deleted_seen += 1,
                false if entry.fields.is_empty() => return Err(Malformed::StreamNode),
                false => self.entries.push(entry),
            }
        }
        let right = deleted_seen == deleted && self.entries.len() as u64 - live_before == live;
        if right && node.elements.next().transpose()?.is_none() { Ok(()) } else { Err(Malformed::StreamNode) }
    }
}

struct Node<'a> {
    elements: Reader,
    /// What the entries are charged to.
    input: &'a mut Input,
    /// Elements of the entry at hand.
    taken: i64,
}

impl Node<'_> {
    fn entry(&mut self, master: StreamId, master_fields: &[Bytes]) -> Result<(Entry, bool), Malformed> {
        self.taken = 0;
        self.input.charge(STRING)?;
        let flags = self.integer()?;
        let (ms, seq) = (self.integer()?, self.integer()?);
        let id = StreamId { ms: master.ms.wrapping_add_signed(ms), seq: master.seq.wrapping_add_signed(seq) };
        let mut fields = Vec::new();
        match flags {
            0 | DELETED => {
                for _ in 0..self.count()? {
                    fields.push((self.string()?, self.string()?));
                }
            }
            2 | 3 => {
                for field in master_fields {
                    self.input.charge(STRING)?;
                    fields.push((field.clone(), self.string()?));
                }
            }
            _ => return Err(Malformed::StreamNode),
        }
        let taken = self.taken;
        match self.integer()? == taken {
            true => Ok((Entry { id, fields }, flags & DELETED != 0)),
            false => Err(Malformed::StreamNode),
        }
    }

    fn element(&mut self) -> Result<Element, Malformed> {
        self.taken += 1;
        self.elements.next().unwrap_or(Err(Malformed::StreamNode))
    }

    fn string(&mut self) -> Result<Bytes, Malformed> {
        self.input.charge(STRING)?;
        Ok(self.element()?.into_bytes())
    }

    fn integer(&mut self) -> Result<i64, Malformed> {
        self.element()?.as_integer().ok_or(Malformed::StreamNode)
    }

    fn count(&mut self) -> Result<u64, Malformed> {
        self.integer()?.try_into().map_err(|_| Malformed::StreamNode)
    }
}

/// The nodes that hold `entries`: ids and listpacks. `None` if an entry is too large for a listpack.
pub(super) fn encode(entries: &[Entry]) -> Option<Vec<(StreamId, Vec<u8>)>> {
    let mut nodes = Vec::new();
    let mut left = entries;
    while let [master, ..] = left {
        let (of_node, rest) = left.split_at(fitting(left));
        nodes.push((master.id, node(master, of_node).finish()?));
        left = rest;
    }
    Some(nodes)
}

/// How many of the first entries one node takes: at least one.
fn fitting(entries: &[Entry]) -> usize {
    let mut len = 0;
    let fits = |entry: &&Entry| {
        len += entry.fields.iter().map(|(field, value)| Writer::room(field.len()) + Writer::room(value.len())).sum::<usize>();
        len <= LEN_MAX
    };
    entries.iter().take(ENTRIES_MAX).take_while(fits).count().max(1)
}

fn node(master: &Entry, entries: &[Entry]) -> Writer {
    let mut writer = Writer::default();
    writer.push_integer(entries.len() as i64);
    writer.push_integer(0);
    writer.push_integer(master.fields.len() as i64);
    master.fields.iter().for_each(|(field, _)| writer.push(field));
    writer.push_integer(0);
    for entry in entries {
        let same = entry.fields.iter().map(|(field, _)| field).eq(master.fields.iter().map(|(field, _)| field));
        writer.push_integer(if same { SAME_FIELDS } else { 0 });
        writer.push_integer(entry.id.ms.wrapping_sub(master.id.ms) as i64);
        writer.push_integer(entry.id.seq.wrapping_sub(master.id.seq) as i64);
        let pairs = entry.fields.len() as i64;
        if !same {
            writer.push_integer(pairs);
        }
        for (field, value) in &entry.fields {
            if !same {
                writer.push(field);
            }
            writer.push(value);
        }
        writer.push_integer(if same { pairs + 3 } else { 2 * pairs + 4 });
    }
    writer
}
