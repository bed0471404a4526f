//! A whole stream as a value of its own: what DUMP, RESTORE and the like go through.

use std::collections::BTreeMap;

use bytes::Bytes;
use types::limits::Limits;
use types::root::Root;
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn};

use crate::streams::group::{self, Consumer, Desk, Group, Pending};
use crate::streams::id::Id;
use crate::streams::record::damaged;
use crate::streams::stream::Stream;

/// All of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Contents {
    /// Its entries, by id; each has at least one field. The first one's id is the stream's first id.
    pub(crate) entries: Vec<(Id, Vec<(Bytes, Bytes)>)>,
    /// The greatest id that was ever added or set; not below that of an entry.
    pub(crate) last: Id,
    /// The greatest id that XDEL removed; 0-0: none.
    pub(crate) max_deleted: Id,
    /// How many entries were ever added.
    pub(crate) added: u64,
    /// Its groups, whose names differ.
    pub(crate) groups: Vec<GroupContents>,
}

/// All of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupContents {
    /// Its name.
    pub(crate) name: Bytes,
    /// The greatest id that was delivered.
    pub(crate) last: Id,
    /// How many entries were read up to there, if that is known.
    pub(crate) read: Option<u64>,
    /// What is pending, by id.
    pub(crate) pending: Vec<PendingContents>,
    /// Its consumers, whose names differ.
    pub(crate) consumers: Vec<ConsumerContents>,
}

/// An entry that was delivered and not acknowledged. It may be gone from the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PendingContents {
    /// Its id.
    pub(crate) id: Id,
    /// Whom it was delivered to: an index into the group's consumers.
    pub(crate) consumer: usize,
    /// When it was delivered last.
    pub(crate) delivered: UnixMs,
    /// How many times it was delivered.
    pub(crate) deliveries: u64,
}

/// A consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsumerContents {
    /// Its name.
    pub(crate) name: Bytes,
    /// When it last asked for something.
    pub(crate) seen: UnixMs,
    /// When it last got something; `None`: never.
    pub(crate) active: Option<UnixMs>,
}

/// Reads all of a stream.
///
/// # Errors
/// [`Abort`].
pub(crate) fn read_all(txn: &mut dyn HashKeyTxn, key: &HashKey<'_>, root: &Root) -> Result<Contents, Abort> {
    let stream = Stream::of(*key, root.clone())?;
    let head = stream.head;
    let mut contents =
        Contents { entries: Vec::new(), last: head.last, max_deleted: head.max_deleted, added: head.added, groups: Vec::new() };
    stream.walk(txn, Id::MIN, Id::MAX, false, &mut |id, entry| {
        contents.entries.push((id, entry.fields()?));
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    for (name, group) in group::all(txn, stream.value())? {
        let consumers = group.all_consumers(txn, stream.value())?;
        let index: BTreeMap<u64, usize> = consumers.iter().enumerate().map(|(index, (_, consumer))| (consumer.number, index)).collect();
        let mut pending = Vec::new();
        let mut lost = false;
        group.walk_pending(txn, stream.value(), (Id::MIN, Id::MAX), false, &mut |id, entry| {
            let Pending { consumer, delivered, deliveries } = entry;
            match index.get(&consumer) {
                Some(&consumer) => pending.push(PendingContents { id, consumer, delivered, deliveries }),
                None => lost = true,
            }
            std::ops::ControlFlow::Continue(())
        })?;
        if lost {
            return Err(damaged());
        }
        let consumers = consumers.into_iter().map(|(name, Consumer { seen, active, .. })| ConsumerContents { name, seen, active });
        contents.groups.push(GroupContents { name, last: group.last, read: group.read, pending, consumers: consumers.collect() });
    }
    Ok(contents)
}

/// Makes a stream of these contents the value of a key, whatever was there.
///
/// Nodes for approximate trimming are those that Redis would build from the entries one by one. Pending entries without a consumer are
/// left out.
///
/// # Errors
/// [`Abort`].
pub(crate) fn write_all(
    txn: &mut dyn HashKeyTxn,
    limits: &Limits,
    key: &HashKey<'_>,
    contents: &Contents,
    expire: Option<UnixMs>,
) -> Result<(), Abort> {
    let mut stream = Stream::create(txn, *key);
    for (id, fields) in &contents.entries {
        stream.append(txn, limits, *id, fields.iter().map(|(field, value)| (&field[..], &value[..])));
    }
    stream.head.last = contents.last.max(stream.head.last);
    stream.head.max_deleted = contents.max_deleted;
    stream.head.added = contents.added;
    for contents in &contents.groups {
        write_group(txn, &mut stream, contents)?;
    }
    stream.root_mut().expire = expire;
    stream.save(txn)
}

fn write_group(txn: &mut dyn HashKeyTxn, stream: &mut Stream<'_>, contents: &GroupContents) -> Result<(), Abort> {
    let mut group = Group::new(stream.head.next_group, contents.last, contents.read);
    stream.head.next_group += 1;
    stream.head.groups += 1;
    let value = stream.value();
    let mut consumers = Vec::new();
    for ConsumerContents { name, seen, active } in &contents.consumers {
        consumers.push((name, Consumer { active: *active, ..group.add_consumer(txn, value, name, *seen) }));
    }
    group.put(txn, value, &contents.name);
    let mut desk = Desk::new(value, &contents.name, group);
    for (name, consumer) in &consumers {
        desk.seat((*name).clone(), *consumer);
    }
    for &PendingContents { id, consumer, delivered, deliveries } in &contents.pending {
        if let Some((_, consumer)) = consumers.get(consumer) {
            let old = desk.pending(txn, id)?;
            desk.assign(txn, id, old, Pending { consumer: consumer.number, delivered, deliveries })?;
        }
    }
    desk.close(txn)
}
