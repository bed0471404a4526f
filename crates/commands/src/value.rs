//! Whole values of any type: between the records of a key and an [`rdb::value::Value`], and how large they are.
//!
//! One command writes one mutation, which every replica holds in memory and logs as one record. So there is a bound to the values that a
//! command carries from one place to another: [`check`] comes before the first write.

use std::ops::ControlFlow;

use bytes::Bytes;
use rdb::hash::Field;
use rdb::stream::{Consumer, Entry, Group, Pending, Stream, StreamId};
use rdb::value::Value;
use types::limits::Limits;
use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn, SortKeys, ValueId};

use crate::hashes::items::{self, Item};
use crate::program::Stop;
use crate::streams::dump::{self, ConsumerContents, Contents, GroupContents, PendingContents};
use crate::streams::id::Id;
use crate::strings::text;
use crate::{lists, sets, sorted_sets};

/// The value of `key`, which has this root. All of it is in memory at once: see [`check`].
///
/// # Errors
/// [`Abort`], also if the value is damaged.
pub(crate) fn read(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, root: Root) -> Result<Value, Abort> {
    Ok(match root.kind {
        Kind::String => Value::String(text::read_all(txn, key, root)?),
        Kind::List => Value::List(lists::items::read_all(txn, key, &root)?),
        Kind::Set => Value::Set(sets::read_all(txn, key, root)?),
        Kind::ZSet => {
            let scored = sorted_sets::read_all(txn, key, root)?;
            Value::ZSet(scored.into_iter().map(|(score, member)| (Bytes::from(member), score)).collect())
        }
        Kind::Hash => Value::Hash(items::read_all(txn, key, &root)?.into_iter().map(field).collect()),
        Kind::Stream => Value::Stream(stream(dump::read_all(txn, key, &root)?)),
    })
}

/// Makes this the value of `key`, whatever it held before, in the layout that the limits ask for. Fields of a hash that have expired are
/// left out, and there is no key without elements (streams excepted).
///
/// # Errors
/// [`Abort`].
pub(crate) fn write(
    txn: &mut dyn HashKeyTxn,
    limits: &Limits,
    key: &HashKey<'_>,
    value: Value,
    expire: Option<UnixMs>,
) -> Result<(), Abort> {
    match value {
        Value::String(value) => text::write_all(txn, limits, key, value, expire),
        Value::List(elements) => lists::items::write_all(txn, limits, key, &elements, expire),
        Value::Set(members) => sets::write_all(txn, limits, key, members, expire),
        Value::ZSet(members) => {
            let scored: Vec<sorted_sets::view::Scored> =
                members.into_iter().map(|(member, score)| (score, Box::from(&member[..]))).collect();
            sorted_sets::write_all(txn, limits, key, &scored, expire)
        }
        Value::Hash(fields) => {
            let items: Vec<Item> = fields.into_iter().map(item).collect();
            items::write_all(txn, limits, key, &items, expire)
        }
        Value::Stream(stream) => dump::write_all(txn, limits, key, &contents(stream), expire),
    }
}

/// Refuses a value that is too large for one command to carry.
///
/// # Errors
/// [`TOO_LARGE`]; [`Abort`].
pub(crate) fn check(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, root: &Root) -> Result<(), Stop> {
    let mut room = Room::default();
    let mut fits = room.take(root.count, root.value.len());
    if fits && root.id != 0 {
        let mut room = Room { elements: RECORDS_MAX, ..Room::default() };
        txn.range(ValueId::of(key, root.id), &SortKeys::from(b""), &mut |sort_key, element| {
            fits = room.take(1, sort_key.len() + element.len());
            if fits { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
    }
    if fits { Ok(()) } else { Err(Stop::refused(TOO_LARGE)) }
}

/// Refuses a value from outside that is too large for one command to write.
///
/// # Errors
/// [`TOO_LARGE`].
pub(crate) fn check_new(value: &Value) -> Result<(), Stop> {
    let mut room = Room::default();
    let mut take = |bytes: usize| room.take(1, bytes);
    let fits = match value {
        Value::String(string) => take(string.len()),
        Value::List(strings) => strings.iter().all(|string| take(string.len())),
        // A member is written twice: under its name, and where it stands among the others.
        Value::Set(members) => members.iter().all(|member| take(member.len().saturating_mul(2))),
        Value::ZSet(members) => members.iter().all(|(member, _)| take(member.len().saturating_mul(2))),
        Value::Hash(fields) => fields.iter().all(|field| take(field.name.len() + field.value.len())),
        Value::Stream(stream) => {
            let entry = |entry: &Entry| entry.fields.iter().map(|(field, value)| field.len() + value.len()).sum();
            stream.entries.iter().all(|each| take(entry(each)))
                && stream.groups.iter().all(|group| {
                    take(group.name.len())
                        && group.consumers.iter().all(|consumer| take(consumer.name.len()))
                        && group.pending.iter().all(|_| take(PENDING_BYTES))
                })
        }
    };
    if fits { Ok(()) } else { Err(Stop::refused(TOO_LARGE)) }
}

/// What may still be carried.
pub(crate) struct Room {
    elements: u64,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { elements: ELEMENTS_MAX, bytes: BYTES_MAX }
    }
}

impl Room {
    /// Takes room for some elements that have so many bytes in all; says whether there was enough.
    pub(crate) fn take(&mut self, elements: u64, bytes: usize) -> bool {
        let left = self.elements.checked_sub(elements).zip(self.bytes.checked_sub(bytes));
        if let Some((elements, bytes)) = left {
            *self = Room { elements, bytes };
        }
        left.is_some()
    }
}

fn field(item: Item) -> Field {
    Field { name: item.field, value: item.value, expire: item.expire.map(|at| at.0) }
}

fn item(field: Field) -> Item {
    Item { field: field.name, value: field.value, expire: field.expire.map(UnixMs) }
}

fn stream(contents: Contents) -> Stream {
    let id = |id: Id| StreamId { ms: id.ms, seq: id.seq };
    let pending = |pending: PendingContents| Pending {
        id: id(pending.id),
        consumer: pending.consumer,
        delivered: pending.delivered.0,
        deliveries: pending.deliveries,
    };
    let consumer =
        |consumer: ConsumerContents| Consumer { name: consumer.name, seen: consumer.seen.0, active: consumer.active.map(|at| at.0) };
    let group = |group: GroupContents| Group {
        name: group.name,
        last_id: id(group.last),
        entries_read: group.read,
        pending: group.pending.into_iter().map(pending).collect(),
        consumers: group.consumers.into_iter().map(consumer).collect(),
    };
    Stream {
        entries: contents.entries.into_iter().map(|(at, fields)| Entry { id: id(at), fields }).collect(),
        last_id: id(contents.last),
        max_deleted_id: id(contents.max_deleted),
        entries_added: contents.added,
        groups: contents.groups.into_iter().map(group).collect(),
    }
}

fn contents(stream: Stream) -> Contents {
    let id = |id: StreamId| Id { ms: id.ms, seq: id.seq };
    let pending = |pending: Pending| PendingContents {
        id: id(pending.id),
        consumer: pending.consumer,
        delivered: UnixMs(pending.delivered),
        deliveries: pending.deliveries,
    };
    let consumer =
        |consumer: Consumer| ConsumerContents { name: consumer.name, seen: UnixMs(consumer.seen), active: consumer.active.map(UnixMs) };
    let group = |group: Group| GroupContents {
        name: group.name,
        last: id(group.last_id),
        read: group.entries_read,
        pending: group.pending.into_iter().map(pending).collect(),
        consumers: group.consumers.into_iter().map(consumer).collect(),
    };
    Contents {
        entries: stream.entries.into_iter().map(|entry| (id(entry.id), entry.fields)).collect(),
        last: id(stream.last_id),
        max_deleted: id(stream.max_deleted_id),
        added: stream.entries_added,
        groups: stream.groups.into_iter().map(group).collect(),
    }
}

/// Elements that one command carries at most, and bytes of them: what stands before and behind them on their way (see `frame_max` of the
/// wire's limits, 256 MiB) has room, too.
pub(crate) const ELEMENTS_MAX: u64 = 1_000_000;
pub(crate) const BYTES_MAX: usize = 128 << 20;
/// Records of elements: a member of a set has two of them, and so has a field that expires.
const RECORDS_MAX: u64 = 2 * ELEMENTS_MAX;
/// What a pending entry of a consumer group takes.
const PENDING_BYTES: usize = 48;

/// What clients are told.
pub(crate) const TOO_LARGE: &str = "ERR value is too large for one command (more than 1000000 elements or 128 MiB)";
