//! A stream: what its root keeps, and its entries.
//!
//! ```text
//!   root.value   last id | first id | greatest deleted id | entries added | groups | next group | deletions | last node
//!   root.count   its length
//!   e | id       node | number of pairs | (field | value)..
//! ```
//! Invariants: `first` is the id of the first entry that is there, or 0-0 where there is none, so that no walk begins among what was trimmed;
//! no entry's id is above `last`.

use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use resp::reply;
use types::limits::Limits;
use types::reply::{Reply, Sink};
use types::root::{Kind, Root};
use types::txn::{Abort, HashKey, HashKeyTxn, SortKeys, ValueId};

use crate::elements;
use crate::program::{Program, Stop};
use crate::streams::id::Id;
use crate::streams::keys;
use crate::streams::node::Node;
use crate::streams::record::{Reader, damaged, put_bytes, put_id, put_number};

/// A stream at work: changed in memory, written by [`Stream::save`].
#[derive(Debug, Clone)]
pub(super) struct Stream<'a> {
    key: HashKey<'a>,
    root: Root,
    pub(super) head: Head,
}

/// What the root keeps besides the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    /// The greatest id that was ever added, or what XSETID set.
    pub(super) last: Id,
    /// The first entry's id.
    pub(super) first: Id,
    /// The greatest id that XDEL removed.
    pub(super) max_deleted: Id,
    /// How many entries were ever added, or what XSETID set.
    pub(super) added: u64,
    /// How many groups there are.
    pub(super) groups: u64,
    /// The number of the next group.
    pub(super) next_group: u64,
    /// How many entries XDEL removed since the elements lie under this id.
    pub(super) deletions: u64,
    /// Where the next entry goes.
    pub(super) tail: Node,
}

/// One entry, as it lies in its record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// Number of its node.
    pub(super) node: u64,
    /// How many fields it has.
    pub(super) pairs: u64,
    rest: Reader<'a>,
}

/// Is shown an entry; says whether to go on. Cannot use the transaction meanwhile.
pub(super) type VisitEntry<'a> = dyn FnMut(Id, Entry<'_>) -> Result<ControlFlow<()>, Abort> + 'a;

impl<'a> Stream<'a> {
    /// The stream of a key, if it exists.
    pub(super) fn open(p: &mut Program<'_>, key: HashKey<'a>) -> Result<Option<Stream<'a>>, Stop> {
        let Some(root) = p.root_of(&key, Kind::Stream)? else { return Ok(None) };
        Ok(Some(Stream::of(key, root)?))
    }

    /// The stream that this root is of.
    pub(super) fn of(key: HashKey<'a>, root: Root) -> Result<Stream<'a>, Abort> {
        let head = Head::read(&root.value)?;
        Ok(Stream { key, root, head })
    }

    /// An empty stream. It is there when it is saved.
    pub(super) fn create(txn: &mut dyn HashKeyTxn, key: HashKey<'a>) -> Stream<'a> {
        let root = Root { id: txn.next_id(), ..Root::inline(Kind::Stream, Bytes::new()) };
        Stream { key, root, head: Head::default() }
    }

    /// Makes the root what the stream has become.
    pub(super) fn save(mut self, txn: &mut dyn HashKeyTxn) -> Result<(), Abort> {
        self.root.value = self.head.write();
        txn.put_root(&self.key, self.root)
    }

    /// The root with its expiry and version, for what needs more than a stream.
    pub(super) fn root_mut(&mut self) -> &mut Root {
        &mut self.root
    }

    /// Whose elements the stream's are.
    pub(super) fn value(&self) -> ValueId {
        ValueId::of(&self.key, self.root.id)
    }

    /// How many entries it has.
    pub(super) fn len(&self) -> u64 {
        self.root.count
    }

    /// Adds an entry. Its id has to be above `last`.
    pub(super) fn append<'b>(
        &mut self,
        txn: &mut dyn HashKeyTxn,
        limits: &Limits,
        id: Id,
        pairs: impl ExactSizeIterator<Item = (&'b [u8], &'b [u8])> + Clone,
    ) {
        self.head.tail.add(limits, id, pairs.clone());
        let size: usize = pairs.clone().map(|(field, value)| field.len() + value.len() + 4).sum();
        let mut record = Vec::with_capacity(size + 8);
        put_number(&mut record, self.head.tail.number);
        put_number(&mut record, pairs.len() as u64);
        for (field, value) in pairs {
            put_bytes(&mut record, field);
            put_bytes(&mut record, value);
        }
        txn.put(self.value(), &keys::entry(id), record.into());
        if self.root.count == 0 {
            self.head.first = id;
        }
        self.root.count += 1;
        self.head.added = self.head.added.saturating_add(1);
        self.head.last = id;
    }

    /// The record of an entry, for [`Entry::read`].
    pub(super) fn entry(&self, txn: &mut dyn HashKeyTxn, id: Id) -> Result<Option<Bytes>, Abort> {
        if self.len() == 0 || id < self.head.first || id > self.head.last {
            return Ok(None);
        }
        txn.get(self.value(), &keys::entry(id))
    }

    /// Removes entries of one node. What `first` is afterwards is the caller's to say.
    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, node: u64, ids: &[Id]) {
        for &id in ids {
            txn.delete(self.value(), &keys::entry(id));
        }
        self.root.count = self.root.count.saturating_sub(ids.len() as u64);
        self.head.tail.remove(node, ids.len() as u64);
    }

    /// Shows the entries from one id to another, both inclusive.
    pub(super) fn walk(&self, txn: &mut dyn HashKeyTxn, from: Id, to: Id, reverse: bool, visit: &mut VisitEntry<'_>) -> Result<(), Abort> {
        let (from, to) = (from.max(self.head.first), to.min(self.head.last));
        if self.len() == 0 || from > to {
            return Ok(());
        }
        let (from, to) = (keys::entry(from), keys::entry(to));
        let range = SortKeys { from: Bound::Included(&from), to: Bound::Included(&to), reverse };
        let mut outcome = Ok(());
        txn.range(self.value(), &range, &mut |sort_key, record| {
            let shown = keys::id(sort_key, 1).and_then(|id| visit(id, Entry::read(record)?));
            shown.unwrap_or_else(|abort| {
                outcome = Err(abort);
                ControlFlow::Break(())
            })
        })?;
        outcome
    }

    /// Ids and nodes of up to `limit` entries from an id on.
    pub(super) fn heads(&self, txn: &mut dyn HashKeyTxn, from: Id, limit: usize) -> Result<Vec<(Id, u64)>, Abort> {
        let mut heads = Vec::new();
        self.walk(txn, from, Id::MAX, false, &mut |id, entry| {
            heads.push((id, entry.node));
            Ok(if heads.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(heads)
    }

    /// The first or the last entry's id and node.
    pub(super) fn edge(&self, txn: &mut dyn HashKeyTxn, last: bool) -> Result<Option<(Id, u64)>, Abort> {
        let mut edge = None;
        self.walk(txn, Id::MIN, Id::MAX, last, &mut |id, entry| {
            edge = Some((id, entry.node));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(edge)
    }

    /// Writes entries from one id to another as elements of a reply, `count` at most, and says how many.
    pub(super) fn write_range(
        &self,
        txn: &mut dyn HashKeyTxn,
        out: &mut impl Sink,
        (from, to): (Id, Id),
        reverse: bool,
        count: u64,
    ) -> Result<usize, Abort> {
        let mut written = 0;
        if count == 0 {
            return Ok(0);
        }
        self.walk(txn, from, to, reverse, &mut |id, entry| {
            entry.write(out, id)?;
            written += 1;
            Ok(if written < count { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(written as usize)
    }

    /// Moves the elements away from what XDEL left behind, if that is much more than what is there: walks would wade through it.
    /// What is pending moves along, so a stream with much of that stays.
    pub(super) fn renew(
        &mut self,
        txn: &mut dyn HashKeyTxn,
        pending: impl FnOnce(&mut dyn HashKeyTxn, ValueId) -> Result<u64, Abort>,
    ) -> Result<(), Abort> {
        let few = self.len() <= RENEW_MAX;
        if !few || self.head.deletions <= DELETIONS_MIN + 16 * self.len() {
            return Ok(());
        }
        self.head.deletions = 0;
        let old = self.value();
        if pending(txn, old)? > RENEW_MAX {
            return Ok(());
        }
        self.root.id = txn.next_id();
        elements::copy(txn, old, self.value())
    }
}

impl Head {
    /// Whether XDEL may have removed an entry at or behind this id.
    pub(super) fn has_gaps_from(&self, len: u64, id: Id) -> bool {
        len > 0 && self.max_deleted != Id::MIN && self.first <= self.max_deleted && id <= self.max_deleted
    }

    /// How many entries were added up to this id, where that can be told: at the ends of the stream, and before its beginning.
    pub(super) fn added_up_to(&self, len: u64, id: Id) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if id == self.last || (len == 0 && id < self.last) {
            return Some(self.added);
        }
        let whole = self.max_deleted == Id::MIN || self.max_deleted < self.first;
        if id > self.last || !whole || id > self.first {
            return None;
        }
        let before = self.added.wrapping_sub(len);
        Some(if id == self.first { before.wrapping_add(1) } else { before })
    }

    fn write(&self) -> Bytes {
        let mut out = Vec::with_capacity(64);
        put_id(&mut out, self.last);
        put_id(&mut out, self.first);
        put_id(&mut out, self.max_deleted);
        for number in [self.added, self.groups, self.next_group, self.deletions] {
            put_number(&mut out, number);
        }
        self.tail.write(&mut out);
        out.into()
    }

    fn read(value: &[u8]) -> Result<Head, Abort> {
        let mut reader = Reader(value);
        let head = Head {
            last: reader.id()?,
            first: reader.id()?,
            max_deleted: reader.id()?,
            added: reader.number()?,
            groups: reader.number()?,
            next_group: reader.number()?,
            deletions: reader.number()?,
            tail: Node::read(&mut reader)?,
        };
        reader.end()?;
        Ok(head)
    }
}

impl<'a> Entry<'a> {
    pub(super) fn read(record: &'a [u8]) -> Result<Entry<'a>, Abort> {
        let mut reader = Reader(record);
        Ok(Entry { node: reader.number()?, pairs: reader.number()?, rest: reader })
    }

    /// Writes `[id, [field, value, ..]]`.
    pub(super) fn write(self, out: &mut impl Sink, id: Id) -> Result<(), Abort> {
        let pieces = self.pairs.checked_mul(2).and_then(|pieces| usize::try_from(pieces).ok()).ok_or_else(damaged)?;
        reply::array(out, 2);
        write_id(out, id);
        reply::array(out, pieces);
        let mut rest = self.rest;
        for _ in 0..pieces {
            reply::bulk(out, rest.bytes()?);
        }
        rest.end()
    }

    /// Fields and values.
    pub(super) fn fields(self) -> Result<Vec<(Bytes, Bytes)>, Abort> {
        let mut rest = self.rest;
        let mut fields = Vec::new();
        for _ in 0..self.pairs {
            fields.push((Bytes::copy_from_slice(rest.bytes()?), Bytes::copy_from_slice(rest.bytes()?)));
        }
        rest.end()?;
        Ok(fields)
    }
}

/// An id as a bulk string.
pub(super) fn write_id(out: &mut impl Sink, id: Id) {
    reply::bulk(out, id.to_string().as_bytes());
}

/// Puts the header of an array (RESP3, if `map`: of a map) in front of `len` elements that were written from `start` on.
pub(super) fn put_header(out: &mut Reply, start: usize, header: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = Vec::with_capacity(32);
    header(&mut bytes);
    out.insert(start, &bytes);
}

/// Entries (and pending ones) that are moved at most.
const RENEW_MAX: u64 = 1024;
/// Deletions that are always borne: about a millisecond of walking.
const DELETIONS_MIN: u64 = 4096;
