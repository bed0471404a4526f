//! Streams: entries in nodes of a listpack each, then counters, then consumer groups.
//!
//! ```text
//!   nodes | (id of the node (string of 16 bytes) | listpack)..                                       see `node`
//!   entries | last id | first id, greatest deleted id, entries ever added (from Redis 7.0 on)        an id = two numbers
//!   groups | group..                                                                                 see `group`
//! ```

mod group;
mod node;

use bytes::Bytes;

use crate::error::{EncodeError, Malformed};
use crate::input::Input;
use crate::output::Output;
use crate::value::{Kind, all_different};

/// A stream.
///
/// Promises of one that was decoded: the ids of the entries ascend, are greater than 0-0 and not greater than `last_id`;
/// `max_deleted_id` is not greater than `last_id`; `entries_added` is at least the number of entries. Groups have different names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stream {
    /// What is in it.
    pub entries: Vec<Entry>,
    /// The greatest id that was ever added, or set by XSETID.
    pub last_id: StreamId,
    /// The greatest id that was ever deleted; 0-0 if none was.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
    /// Its consumer groups.
    pub groups: Vec<Group>,
}

/// Time in milliseconds and a number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// Milliseconds since 1970, unless the client chose otherwise.
    pub ms: u64,
    /// The number within the millisecond.
    pub seq: u64,
}

/// An entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: StreamId,
    /// Fields and values in the order in which they were added; at least one pair. A field can be there several times.
    pub fields: Vec<(Bytes, Bytes)>,
}

/// A consumer group.
///
/// Promises of one that was decoded: consumers have different names; the ids of `pending` ascend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: Bytes,
    /// The greatest id that was delivered.
    pub last_id: StreamId,
    /// How many entries were read up to `last_id`; `None` if that is not known.
    pub entries_read: Option<u64>,
    /// What was delivered and not acknowledged. Entries can be gone from the stream.
    pub pending: Vec<Pending>,
    /// Its consumers.
    pub consumers: Vec<Consumer>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The entry's id.
    pub id: StreamId,
    /// Whom it was delivered to: an index into the group's consumers.
    pub consumer: usize,
    /// When it was last delivered, in milliseconds since 1970.
    pub delivered: i64,
    /// How many times it was delivered.
    pub deliveries: u64,
}

/// A consumer of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// Its name.
    pub name: Bytes,
    /// When it last tried to do something, in milliseconds since 1970.
    pub seen: i64,
    /// When it last got something done, in milliseconds since 1970; `None` if it never did.
    pub active: Option<i64>,
}

impl StreamId {
    const LEN: usize = 16;

    fn from_bytes(bytes: [u8; StreamId::LEN]) -> StreamId {
        let number = u128::from_be_bytes(bytes);
        StreamId { ms: (number >> 64) as u64, seq: number as u64 }
    }

    fn to_bytes(self) -> [u8; StreamId::LEN] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    fn decode(input: &mut Input) -> Result<StreamId, Malformed> {
        Ok(StreamId { ms: input.number()?, seq: input.number()? })
    }

    fn encode(self, output: &mut Output) {
        output.number(self.ms);
        output.number(self.seq);
    }
}

impl Stream {
    /// The id of the first entry; 0-0 if there is none.
    pub fn first_id(&self) -> StreamId {
        self.entries.first().map_or(StreamId::default(), |entry| entry.id)
    }

    /// How many entries were added up to `id`, as far as that can be told: what Redis assumes of groups that were saved without it.
    fn entries_up_to(&self, id: StreamId) -> Option<u64> {
        let len = self.entries.len() as u64;
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.entries.is_empty() && id <= self.last_id || id == self.last_id {
            return Some(self.entries_added);
        }
        let first = self.first_id();
        let nothing_missing = id < self.last_id && self.max_deleted_id < first;
        match id.cmp(&first) {
            _ if !nothing_missing => None,
            std::cmp::Ordering::Less => self.entries_added.checked_sub(len),
            std::cmp::Ordering::Equal => self.entries_added.checked_sub(len - 1),
            std::cmp::Ordering::Greater => None,
        }
    }

    fn check(&self) -> Result<(), Malformed> {
        let last = self.entries.last().map_or(StreamId::default(), |entry| entry.id);
        let added = self.entries_added >= self.entries.len() as u64;
        if last <= self.last_id && self.max_deleted_id <= self.last_id && added { Ok(()) } else { Err(Malformed::StreamOrder) }
    }
}

pub(crate) fn decode(kind: Kind, input: &mut Input) -> Result<Stream, Malformed> {
    let mut stream = Stream::default();
    let mut entries = node::Entries::default();
    for _ in 0..input.count(2)? {
        let id: [u8; StreamId::LEN] = input.string()?[..].try_into().map_err(|_| Malformed::StreamNode)?;
        let listpack = input.string()?;
        entries.extend(StreamId::from_bytes(id), listpack, input)?;
    }
    stream.entries = entries.into_vec();
    if input.number()? != stream.entries.len() as u64 {
        return Err(Malformed::StreamOrder);
    }
    stream.last_id = StreamId::decode(input)?;
    if kind == Kind::Stream {
        stream.entries_added = stream.entries.len() as u64;
    } else {
        StreamId::decode(input)?; // the first entry's
        stream.max_deleted_id = StreamId::decode(input)?;
        stream.entries_added = input.number()?;
    }
    stream.check()?;
    for _ in 0..input.count(group::LEN_MIN)? {
        let group = group::decode(kind, &stream, input)?;
        stream.groups.push(group);
    }
    all_different(stream.groups.iter().map(|group| &group.name))?;
    Ok(stream)
}

/// Without `activity` it is not said when consumers were last active.
pub(crate) fn encode(stream: &Stream, activity: bool, output: &mut Output) -> Result<Kind, EncodeError> {
    let nodes = node::encode(&stream.entries).ok_or(EncodeError::TooLarge)?;
    output.count(nodes.len());
    for (id, listpack) in nodes {
        output.blob(&id.to_bytes());
        output.blob(&listpack);
    }
    output.count(stream.entries.len());
    for id in [stream.last_id, stream.first_id(), stream.max_deleted_id] {
        id.encode(output);
    }
    output.number(stream.entries_added);
    // Redis 7.0 knows one time, and its successors then take it for both.
    let consumers = || stream.groups.iter().flat_map(|group| &group.consumers);
    let kind = match activity && consumers().any(|consumer| consumer.active != Some(consumer.seen)) {
        true => Kind::Stream3,
        false => Kind::Stream2,
    };
    output.count(stream.groups.len());
    stream.groups.iter().for_each(|group| group::encode(group, kind, output));
    Ok(kind)
}

#[cfg(test)]
mod tests;
