//! Consumer groups: what was delivered, to whom, and what is pending.
//!
//! ```text
//!   g | name                  number | last id | entries read + 1 (0: unknown) | pending | consumers | next consumer | generation |
//!                             removals | greatest pending id
//!   c | group | name          number | seen | active + 1 (0: never) | pending
//!   n | group | number        name
//!   p | group | generation | id             consumer | delivered | deliveries
//!   q | group | generation | consumer | id  nothing
//! ```
//! Invariants: `p` and `q` name the same entries; the counts of the group and of its consumers are theirs; no pending id is above the
//! group's `top`. What is pending may be gone from the stream.
//!
//! Acknowledging leaves deleted records at the front of the list, where the next reader would wade through them. When they are many more
//! than what is pending, the list moves to a new generation.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use smallvec::SmallVec;
use types::time::UnixMs;
use types::txn::{Abort, HashKeyTxn, SortKeys, ValueId};

use crate::elements::{self, STEP, SortKey};
use crate::streams::id::Id;
use crate::streams::keys::{self, Pel};
use crate::streams::record::{Reader, damaged, put_id, put_number, put_time};

/// A group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Group {
    /// Its number, by which its elements are found.
    pub(super) number: u64,
    /// The greatest id that was delivered, or what XGROUP SETID set.
    pub(super) last: Id,
    /// How many entries were read up to `last`, if that is known.
    pub(super) read: Option<u64>,
    /// How many entries are pending.
    pub(super) pending: u64,
    /// How many consumers there are.
    pub(super) consumers: u64,
    /// The number of the next consumer.
    pub(super) next_consumer: u64,
    /// Where what is pending lies.
    generation: u64,
    /// Records of pending entries that were deleted in this generation.
    removals: u64,
    /// No pending id is greater.
    pub(super) top: Id,
}

/// A consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Consumer {
    /// Its number.
    pub(super) number: u64,
    /// When it last asked for something.
    pub(super) seen: UnixMs,
    /// When it last got something.
    pub(super) active: Option<UnixMs>,
    /// How many entries are pending for it.
    pub(super) pending: u64,
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    /// Number of the consumer it was delivered to.
    pub(super) consumer: u64,
    /// When that was.
    pub(super) delivered: UnixMs,
    /// How many times it was delivered.
    pub(super) deliveries: u64,
}

impl Group {
    /// A group without consumers.
    pub(super) fn new(number: u64, last: Id, read: Option<u64>) -> Group {
        Group { number, last, read, ..Group::default() }
    }

    /// The group of this name.
    pub(super) fn get(txn: &mut dyn HashKeyTxn, value: ValueId, name: &[u8]) -> Result<Option<Group>, Abort> {
        txn.get(value, &keys::group(name))?.map(|record| Group::read(&record)).transpose()
    }

    /// Where its pending entries lie.
    pub(super) fn pel(&self) -> Pel {
        Pel { group: self.number, generation: self.generation }
    }

    pub(super) fn put(&self, txn: &mut dyn HashKeyTxn, value: ValueId, name: &[u8]) {
        let mut out = Vec::with_capacity(32);
        put_number(&mut out, self.number);
        put_id(&mut out, self.last);
        // Redis keeps the count as a signed number, so there is room for one more.
        let read = self.read.map_or(0, |read| read.saturating_add(1));
        for number in [read, self.pending, self.consumers, self.next_consumer, self.generation, self.removals] {
            put_number(&mut out, number);
        }
        put_id(&mut out, self.top);
        txn.put(value, &keys::group(name), out.into());
    }

    fn read(record: &[u8]) -> Result<Group, Abort> {
        let mut reader = Reader(record);
        let group = Group {
            number: reader.number()?,
            last: reader.id()?,
            read: reader.number()?.checked_sub(1),
            pending: reader.number()?,
            consumers: reader.number()?,
            next_consumer: reader.number()?,
            generation: reader.number()?,
            removals: reader.number()?,
            top: reader.id()?,
        };
        reader.end()?;
        Ok(group)
    }

    /// The pending entry with this id.
    pub(super) fn pending(&self, txn: &mut dyn HashKeyTxn, value: ValueId, id: Id) -> Result<Option<Pending>, Abort> {
        if self.pending == 0 || id > self.top {
            return Ok(None);
        }
        txn.get(value, &self.pel().of(id))?.map(|record| Pending::read(&record)).transpose()
    }

    /// Shows what is pending from one id to another, both inclusive.
    pub(super) fn walk_pending(
        &self,
        txn: &mut dyn HashKeyTxn,
        value: ValueId,
        (from, to): (Id, Id),
        reverse: bool,
        visit: &mut dyn FnMut(Id, Pending) -> ControlFlow<()>,
    ) -> Result<(), Abort> {
        if self.pending == 0 {
            return Ok(());
        }
        let prefix = self.pel().all().len();
        let (from, to) = (self.pel().of(from), self.pel().of(to.min(self.top)));
        walk(txn, value, (&from, &to), reverse, &mut |sort_key, record| Ok(visit(keys::id(sort_key, prefix)?, Pending::read(record)?)))
    }

    /// Shows the ids of what is pending for a consumer, from one id to another, both inclusive.
    pub(super) fn walk_owned(
        &self,
        txn: &mut dyn HashKeyTxn,
        value: ValueId,
        consumer: &Consumer,
        (from, to): (Id, Id),
        visit: &mut dyn FnMut(Id) -> ControlFlow<()>,
    ) -> Result<(), Abort> {
        if consumer.pending == 0 {
            return Ok(());
        }
        let prefix = self.pel().owned(consumer.number).len();
        let (from, to) = (self.pel().owned_of(consumer.number, from), self.pel().owned_of(consumer.number, to));
        walk(txn, value, (&from, &to), false, &mut |sort_key, _| Ok(visit(keys::id(sort_key, prefix)?)))
    }

    /// The consumer of this name.
    pub(super) fn consumer(&self, txn: &mut dyn HashKeyTxn, value: ValueId, name: &[u8]) -> Result<Option<Consumer>, Abort> {
        txn.get(value, &keys::consumer(self.number, name))?.map(|record| Consumer::read(&record)).transpose()
    }

    /// The name of the consumer with this number.
    pub(super) fn consumer_name(&self, txn: &mut dyn HashKeyTxn, value: ValueId, number: u64) -> Result<Bytes, Abort> {
        txn.get(value, &keys::name(self.number, number))?.ok_or_else(damaged)
    }

    /// All consumers, by name.
    pub(super) fn all_consumers(&self, txn: &mut dyn HashKeyTxn, value: ValueId) -> Result<Vec<(Bytes, Consumer)>, Abort> {
        let prefix = keys::consumers(self.number);
        let mut consumers = Vec::new();
        walk_prefix(txn, value, &prefix, &mut |sort_key, record| {
            consumers.push((Bytes::copy_from_slice(&sort_key[prefix.len()..]), Consumer::read(record)?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(consumers)
    }

    /// Adds a consumer that never got anything.
    pub(super) fn add_consumer(&mut self, txn: &mut dyn HashKeyTxn, value: ValueId, name: &[u8], seen: UnixMs) -> Consumer {
        let consumer = Consumer { number: self.next_consumer, seen, active: None, pending: 0 };
        self.next_consumer = self.next_consumer.saturating_add(1);
        self.consumers += 1;
        txn.put(value, &keys::name(self.number, consumer.number), Bytes::copy_from_slice(name));
        consumer.put(txn, value, self.number, name);
        consumer
    }

    /// Removes a consumer and what is pending for it.
    pub(super) fn delete_consumer(
        &mut self,
        txn: &mut dyn HashKeyTxn,
        value: ValueId,
        name: &[u8],
        consumer: &Consumer,
    ) -> Result<(), Abort> {
        let prefix = self.pel().owned(consumer.number);
        let pel = self.pel();
        delete_prefix(txn, value, &prefix, &mut |txn, sort_key| {
            txn.delete(value, &pel.of(keys::id(sort_key, prefix.len())?));
            Ok(())
        })?;
        txn.delete(value, &keys::consumer(self.number, name));
        txn.delete(value, &keys::name(self.number, consumer.number));
        self.pending = self.pending.saturating_sub(consumer.pending);
        self.removals = self.removals.saturating_add(consumer.pending);
        self.consumers = self.consumers.saturating_sub(1);
        Ok(())
    }

    /// Removes the group with all its elements.
    pub(super) fn delete(&self, txn: &mut dyn HashKeyTxn, value: ValueId, name: &[u8]) -> Result<(), Abort> {
        for prefix in [self.pel().all(), self.pel().all_owned(), keys::consumers(self.number), keys::names(self.number)] {
            delete_prefix(txn, value, &prefix, &mut |_, _| Ok(()))?;
        }
        txn.delete(value, &keys::group(name));
        Ok(())
    }
}

/// All groups, by name.
pub(super) fn all(txn: &mut dyn HashKeyTxn, value: ValueId) -> Result<Vec<(Bytes, Group)>, Abort> {
    let mut groups = Vec::new();
    walk_prefix(txn, value, &[keys::GROUP], &mut |sort_key, record| {
        groups.push((Bytes::copy_from_slice(&sort_key[1..]), Group::read(record)?));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(groups)
}

impl Consumer {
    pub(super) fn put(&self, txn: &mut dyn HashKeyTxn, value: ValueId, group: u64, name: &[u8]) {
        let mut out = Vec::with_capacity(24);
        put_number(&mut out, self.number);
        put_time(&mut out, self.seen);
        put_number(&mut out, self.active.map_or(0, |active| (active.0 as u64).wrapping_add(1)));
        put_number(&mut out, self.pending);
        txn.put(value, &keys::consumer(group, name), out.into());
    }

    fn read(record: &[u8]) -> Result<Consumer, Abort> {
        let mut reader = Reader(record);
        let consumer = Consumer {
            number: reader.number()?,
            seen: reader.time()?,
            active: reader.number()?.checked_sub(1).map(|active| UnixMs(active as i64)),
            pending: reader.number()?,
        };
        reader.end()?;
        Ok(consumer)
    }
}

impl Pending {
    fn write(&self) -> Bytes {
        let mut out = Vec::with_capacity(16);
        put_number(&mut out, self.consumer);
        put_time(&mut out, self.delivered);
        put_number(&mut out, self.deliveries);
        out.into()
    }

    fn read(record: &[u8]) -> Result<Pending, Abort> {
        let mut reader = Reader(record);
        let pending = Pending { consumer: reader.number()?, delivered: reader.time()?, deliveries: reader.number()? };
        reader.end()?;
        Ok(pending)
    }
}

/// A group at work: it and the consumers it concerns are changed in memory and written by [`Desk::close`]. The group's record is there
/// already.
pub(super) struct Desk<'a> {
    value: ValueId,
    name: &'a [u8],
    pub(super) group: Group,
    /// What the group's record holds.
    written: Group,
    /// The consumers at hand, and where each is by its number.
    open: SmallVec<[(Bytes, Consumer); 2]>,
    by_number: BTreeMap<u64, usize>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(value: ValueId, name: &'a [u8], group: Group) -> Desk<'a> {
        Desk { value, name, group, written: group, open: SmallVec::new(), by_number: BTreeMap::new() }
    }

    /// The consumer of this name, which is made if need be, was seen just now. Says which of the consumers at hand it is.
    pub(super) fn admit(&mut self, txn: &mut dyn HashKeyTxn, name: &[u8]) -> Result<usize, Abort> {
        let seen = txn.now();
        let mut consumer = match self.group.consumer(txn, self.value, name)? {
            Some(consumer) => consumer,
            None => self.group.add_consumer(txn, self.value, name, seen),
        };
        consumer.seen = seen;
        Ok(self.seat(Bytes::copy_from_slice(name), consumer))
    }

    /// A consumer of the group is at hand from now on.
    pub(super) fn seat(&mut self, name: Bytes, consumer: Consumer) -> usize {
        self.by_number.insert(consumer.number, self.open.len());
        self.open.push((name, consumer));
        self.open.len() - 1
    }

    /// One of the consumers at hand.
    pub(super) fn consumer(&mut self, index: usize) -> &mut Consumer {
        &mut self.open[index].1
    }

    /// What is pending with this id.
    pub(super) fn pending(&self, txn: &mut dyn HashKeyTxn, id: Id) -> Result<Option<Pending>, Abort> {
        self.group.pending(txn, self.value, id)
    }

    /// Makes an entry pending for a consumer at hand. `old` is what was pending with this id.
    pub(super) fn assign(&mut self, txn: &mut dyn HashKeyTxn, id: Id, old: Option<Pending>, new: Pending) -> Result<(), Abort> {
        let pel = self.group.pel();
        if old.map(|old| old.consumer) != Some(new.consumer) {
            if let Some(old) = old {
                self.take_from(txn, id, old.consumer)?;
            }
            let index = self.index_of(txn, new.consumer)?;
            self.open[index].1.pending += 1;
            self.group.pending += 1;
            txn.put(self.value, &pel.owned_of(new.consumer, id), Bytes::new());
        }
        self.group.top = self.group.top.max(id);
        txn.put(self.value, &pel.of(id), new.write());
        Ok(())
    }

    /// An entry is no longer pending.
    pub(super) fn release(&mut self, txn: &mut dyn HashKeyTxn, id: Id, old: Pending) -> Result<(), Abort> {
        txn.delete(self.value, &self.group.pel().of(id));
        self.take_from(txn, id, old.consumer)
    }

    /// Writes the group and the consumers at hand.
    pub(super) fn close(mut self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        self.renew(txn)?;
        for (name, consumer) in &self.open {
            consumer.put(txn, self.value, self.group.number, name);
        }
        if self.group != self.written {
            self.group.put(txn, self.value, self.name);
        }
        Ok(())
    }

    fn take_from(&mut self, txn: &mut dyn HashKeyTxn, id: Id, consumer: u64) -> Result<(), Abort> {
        txn.delete(self.value, &self.group.pel().owned_of(consumer, id));
        let index = self.index_of(txn, consumer)?;
        let pending = &mut self.open[index].1.pending;
        *pending = pending.saturating_sub(1);
        self.group.pending = self.group.pending.saturating_sub(1);
        self.group.removals = self.group.removals.saturating_add(1);
        Ok(())
    }

    fn index_of(&mut self, txn: &mut dyn HashKeyTxn, number: u64) -> Result<usize, Abort> {
        if let Some(&index) = self.by_number.get(&number) {
            return Ok(index);
        }
        let name = self.group.consumer_name(txn, self.value, number)?;
        let consumer = self.group.consumer(txn, self.value, &name)?.filter(|consumer| consumer.number == number).ok_or_else(damaged)?;
        Ok(self.seat(name, consumer))
    }

    /// Moves what is pending away from what was removed, if that is much more.
    fn renew(&mut self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        let group = &mut self.group;
        if group.pending == 0 {
            group.top = Id::MIN;
        }
        let borne = if group.pending == 0 { REMOVALS_EMPTY } else { REMOVALS_MIN + 16 * group.pending.min(PENDING_MAX) };
        if group.removals <= borne || group.pending > PENDING_MAX {
            return Ok(());
        }
        let old = group.pel();
        group.generation = group.generation.saturating_add(1);
        group.removals = 0;
        let new = group.pel();
        if group.pending == 0 {
            return Ok(());
        }
        let prefix = old.all();
        let mut moved = Vec::new();
        walk_prefix(txn, self.value, &prefix, &mut |sort_key, record| {
            moved.push((keys::id(sort_key, prefix.len())?, Pending::read(record)?));
            Ok(ControlFlow::Continue(()))
        })?;
        for (id, pending) in moved {
            txn.put(self.value, &new.of(id), pending.write());
            txn.put(self.value, &new.owned_of(pending.consumer, id), Bytes::new());
            txn.delete(self.value, &old.of(id));
            txn.delete(self.value, &old.owned_of(pending.consumer, id));
        }
        Ok(())
    }
}

/// Is told of each element that goes, by its sort key.
type Also<'a> = dyn FnMut(&mut dyn HashKeyTxn, &[u8]) -> Result<(), Abort> + 'a;

type VisitRecord<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Abort> + 'a;

fn walk(
    txn: &mut dyn HashKeyTxn,
    value: ValueId,
    (from, to): (&[u8], &[u8]),
    reverse: bool,
    visit: &mut VisitRecord<'_>,
) -> Result<(), Abort> {
    walk_range(txn, value, &SortKeys { from: Bound::Included(from), to: Bound::Included(to), reverse }, visit)
}

fn walk_prefix(txn: &mut dyn HashKeyTxn, value: ValueId, prefix: &[u8], visit: &mut VisitRecord<'_>) -> Result<(), Abort> {
    let end = elements::after_prefix(prefix);
    let to = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
    walk_range(txn, value, &SortKeys { from: Bound::Included(prefix), to, reverse: false }, visit)
}

fn walk_range(txn: &mut dyn HashKeyTxn, value: ValueId, range: &SortKeys<'_>, visit: &mut VisitRecord<'_>) -> Result<(), Abort> {
    let mut outcome = Ok(());
    txn.range(value, range, &mut |sort_key, record| {
        visit(sort_key, record).unwrap_or_else(|abort| {
            outcome = Err(abort);
            ControlFlow::Break(())
        })
    })?;
    outcome
}

/// Deletes all elements whose sort keys begin with a prefix, in steps of bounded memory; `also` is told of each.
fn delete_prefix(txn: &mut dyn HashKeyTxn, value: ValueId, prefix: &[u8], also: &mut Also<'_>) -> Result<(), Abort> {
    let end = elements::after_prefix(prefix);
    let to = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
    let mut last: Option<SortKey> = None;
    loop {
        let from = last.as_ref().map_or(Bound::Included(prefix), |last| Bound::Excluded(&last[..]));
        let mut found = elements::collect(txn, value, &SortKeys { from, to, reverse: false }, STEP)?;
        for (sort_key, _) in &found {
            txn.delete(value, sort_key);
            also(txn, sort_key)?;
        }
        if found.len() < STEP {
            return Ok(());
        }
        last = found.pop().map(|(sort_key, _)| sort_key);
    }
}

/// Pending entries that are moved at most.
const PENDING_MAX: u64 = 1024;
/// Removals that are always borne: about a quarter of a millisecond of walking.
const REMOVALS_MIN: u64 = 1024;
/// Removals after which an empty list begins anew, which costs nothing.
const REMOVALS_EMPTY: u64 = 64;
