//! The physical writes of one mutation: what is logged, sent to peers and applied.
//!
//! ```text
//! version u8 = 1 │ op │ op │ ..
//! op:   tag u8 │ fields        tag: what (low four bits) and flags about the root that was there before
//! root: [old expiry i64] │ [old due i64] │ key: varint length, bytes │ value: varint length, bytes (of a put)
//! ```
//! A root's op says whether there was a root before and which times were in it. So counts and the expiry index follow from it, and
//! a key is written once where the batch that RocksDB gets names it three times. Keys are whole physical keys: applying copies slices.
//! Of the writes of one key only the last is in a body: nobody can see a state between the commands of a mutation.
//! An empty body is a mutation without writes (a fence).

use std::ops::Range;

use bytes::Bytes;
use hashbrown::HashMap;
use types::root::Root;
use types::time::UnixMs;
use types::txn::Database;
use types::varint;

use crate::keys::{ELEMENT_PREFIX, ElementKey, Physical};
use crate::root::{self, Presence, Times};

/// Bytes that should be a write set and are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct Malformed {
    /// Where, counted from the body's first byte.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// Writes of the commands of one mutation, growing in the order of evaluation.
#[derive(Debug, Default)]
pub struct WriteSet {
    buffer: Vec<u8>,
    scratch: Vec<u8>,
}

impl WriteSet {
    /// No writes.
    pub fn new() -> WriteSet {
        WriteSet::default()
    }

    /// Whether there are no writes.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Bytes so far: about the size of the mutation.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// The body of the mutation. The write set is empty again.
    pub fn finish(&mut self) -> Bytes {
        let next = Vec::with_capacity(self.buffer.len());
        let all = std::mem::replace(&mut self.buffer, next);
        Bytes::from(last_writes(&all).unwrap_or(all))
    }

    pub(crate) fn savepoint(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn rollback(&mut self, savepoint: usize) {
        self.buffer.truncate(savepoint);
    }

    pub(crate) fn put_root(&mut self, key: &[u8], root: &Root, old: Presence) {
        self.root_op(PUT_ROOT, key, old);
        self.scratch.clear();
        root::encode(root, &mut self.scratch);
        varint::put(&mut self.buffer, self.scratch.len() as u64);
        self.buffer.extend_from_slice(&self.scratch);
    }

    pub(crate) fn delete_root(&mut self, key: &[u8], old: Times) {
        self.root_op(DELETE_ROOT, key, Presence::Present(old));
    }

    pub(crate) fn put_element(&mut self, key: &[u8], value: &[u8]) {
        self.tag(PUT_ELEMENT);
        self.bytes(key);
        self.bytes(value);
    }

    pub(crate) fn delete_element(&mut self, key: &[u8]) {
        self.tag(DELETE_ELEMENT);
        self.bytes(key);
    }

    pub(crate) fn map(&mut self, logical: Database, physical: Physical) {
        self.tag(MAP);
        varint::put(&mut self.buffer, u64::from(logical.0));
        varint::put(&mut self.buffer, u64::from(physical.0));
    }

    pub(crate) fn unmap(&mut self, logical: Database) {
        self.tag(UNMAP);
        varint::put(&mut self.buffer, u64::from(logical.0));
    }

    pub(crate) fn next_id(&mut self, next: u64) {
        self.tag(NEXT_ID);
        varint::put(&mut self.buffer, next);
    }

    /// The elements of a value are garbage from here on; `count` is about how many they are.
    pub(crate) fn orphan(&mut self, value: &ElementKey, count: u64) {
        self.tag(ORPHAN);
        self.buffer.extend_from_slice(&value.prefix());
        varint::put(&mut self.buffer, count);
    }

    pub(crate) fn swap(&mut self, a: Database, b: Database) {
        self.tag(SWAP);
        varint::put(&mut self.buffer, u64::from(a.0));
        varint::put(&mut self.buffer, u64::from(b.0));
    }

    /// An op as it stands in another body.
    fn raw(&mut self, op: &[u8]) {
        self.tag(op[0]);
        self.buffer.extend_from_slice(&op[1..]);
    }

    fn root_op(&mut self, what: u8, key: &[u8], old: Presence) {
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        let Times { expire, due } = old.times();
        let times = flag(expire.is_some(), OLD_EXPIRE) | flag(due.is_some(), OLD_DUE);
        self.tag(what | flag(old != Presence::Absent, OLD) | times);
        for at in [expire, due].into_iter().flatten() {
            self.buffer.extend_from_slice(&at.0.to_be_bytes());
        }
        self.bytes(key);
    }

    fn tag(&mut self, tag: u8) {
        if self.buffer.is_empty() {
            self.buffer.push(VERSION);
        }
        self.buffer.push(tag);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        varint::put(&mut self.buffer, bytes.len() as u64);
        self.buffer.extend_from_slice(bytes);
    }
}

/// One physical write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op<'a> {
    PutRoot { key: &'a [u8], value: &'a [u8], old: Presence },
    DeleteRoot { key: &'a [u8], old: Times },
    PutElement { key: &'a [u8], value: &'a [u8] },
    DeleteElement { key: &'a [u8] },
    Map { logical: Database, physical: Physical },
    Unmap { logical: Database },
    NextId(u64),
    Orphan { value: ElementKey, count: u64 },
    Swap { a: Database, b: Database },
}

impl<'a> Op<'a> {
    /// The key that is written, with whether it is an element's, and what was there if it is a root's.
    fn written(&self) -> Option<((bool, &'a [u8]), Presence)> {
        match *self {
            Op::PutRoot { key, old, .. } => Some(((false, key), old)),
            Op::DeleteRoot { key, old } => Some(((false, key), Presence::Present(old))),
            Op::PutElement { key, .. } | Op::DeleteElement { key } => Some(((true, key), Presence::Absent)),
            _ => None,
        }
    }
}

/// Reads the ops of a body; ends after the first error.
pub(crate) struct Ops<'a> {
    body: &'a [u8],
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Ops<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Result<Ops<'a>, Malformed> {
        match body.split_first() {
            None => Ok(Ops { body, rest: body, failed: false }),
            Some((&VERSION, rest)) => Ok(Ops { body, rest, failed: false }),
            Some(_) => Err(Malformed { offset: 0, reason: "unknown version" }),
        }
    }

    /// An error about the op just read.
    pub(crate) fn malformed(&self, reason: &'static str) -> Malformed {
        Malformed { offset: self.offset(), reason }
    }

    /// Where the next op begins.
    fn offset(&self) -> usize {
        self.body.len() - self.rest.len()
    }

    fn op(&mut self) -> Option<Op<'a>> {
        let (&tag, rest) = self.rest.split_first()?;
        self.rest = rest;
        let times = Times { expire: self.time(tag & OLD_EXPIRE != 0)?, due: self.time(tag & OLD_DUE != 0)? };
        let old = match tag & OLD != 0 {
            true => Presence::Present(times),
            false if times == Times::default() => Presence::Absent,
            false => return None,
        };
        let op = match (tag & !(OLD | OLD_EXPIRE | OLD_DUE), old) {
            (PUT_ROOT, old) => Op::PutRoot { key: self.bytes()?, value: self.bytes()?, old },
            (DELETE_ROOT, Presence::Present(old)) => Op::DeleteRoot { key: self.bytes()?, old },
            (PUT_ELEMENT, Presence::Absent) => Op::PutElement { key: self.bytes()?, value: self.bytes()? },
            (DELETE_ELEMENT, Presence::Absent) => Op::DeleteElement { key: self.bytes()? },
            (MAP, Presence::Absent) => Op::Map { logical: self.logical()?, physical: Physical(u32::try_from(self.number()?).ok()?) },
            (UNMAP, Presence::Absent) => Op::Unmap { logical: self.logical()? },
            (NEXT_ID, Presence::Absent) => Op::NextId(self.number()?),
            (ORPHAN, Presence::Absent) => {
                let (prefix, rest) = self.rest.split_at_checked(ELEMENT_PREFIX)?;
                self.rest = rest;
                Op::Orphan { value: ElementKey::parse(prefix)?, count: self.number()? }
            }
            (SWAP, Presence::Absent) => Op::Swap { a: self.logical()?, b: self.logical()? },
            _ => return None,
        };
        Some(op)
    }

    /// A time, if there is one; the outer `None` at the end of the body.
    fn time(&mut self, there: bool) -> Option<Option<UnixMs>> {
        if !there {
            return Some(None);
        }
        let (at, rest) = self.rest.split_first_chunk::<8>()?;
        self.rest = rest;
        Some(Some(UnixMs(i64::from_be_bytes(*at))))
    }

    fn number(&mut self) -> Option<u64> {
        varint::take(&mut self.rest)
    }

    fn logical(&mut self) -> Option<Database> {
        Some(Database(u16::try_from(self.number()?).ok()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(bytes)
    }
}

impl<'a> Iterator for Ops<'a> {
    type Item = Result<Op<'a>, Malformed>;

    fn next(&mut self) -> Option<Result<Op<'a>, Malformed>> {
        if self.rest.is_empty() || self.failed {
            return None;
        }
        let offset = self.offset();
        let op = self.op();
        self.failed = op.is_none();
        Some(op.ok_or(Malformed { offset, reason: "no write begins" }))
    }
}

/// The body without the writes that later ones of the same key replace; `None` if there are none.
fn last_writes(body: &[u8]) -> Option<Vec<u8>> {
    let mut ops: Vec<(Range<usize>, Op<'_>)> = Vec::new();
    let mut reader = Ops::new(body).ok()?;
    while let (start, Some(op)) = (reader.offset(), reader.next()) {
        ops.push((start..reader.offset(), op.ok()?));
    }
    // Of each key: what was there before the first write, and which one is the last.
    let mut chains: HashMap<(bool, &[u8]), (Presence, usize)> = HashMap::with_capacity(ops.len());
    let mut replaced = false;
    for (index, (_, op)) in ops.iter().enumerate() {
        let Some((key, old)) = op.written() else { continue };
        chains.entry(key).and_modify(|(_, last)| (*last, replaced) = (index, true)).or_insert((old, index));
    }
    if !replaced {
        return None;
    }
    let mut kept = WriteSet { buffer: Vec::with_capacity(body.len()), scratch: Vec::new() };
    for (index, (range, op)) in ops.into_iter().enumerate() {
        let chain = op.written().and_then(|(key, _)| chains.get(&key));
        match (op, chain) {
            (_, Some(&(_, last))) if last != index => {}
            (Op::PutRoot { key, value, .. }, Some(&(first, _))) => {
                kept.root_op(PUT_ROOT, key, first);
                kept.bytes(value);
            }
            (Op::DeleteRoot { key, .. }, Some(&(Presence::Present(times), _))) => kept.delete_root(key, times),
            // It came and went.
            (Op::DeleteRoot { .. }, _) => {}
            _ => kept.raw(&body[range]),
        }
    }
    Some(kept.buffer)
}

const VERSION: u8 = 1;
const PUT_ROOT: u8 = 1;
const DELETE_ROOT: u8 = 2;
const PUT_ELEMENT: u8 = 3;
const DELETE_ELEMENT: u8 = 4;
const MAP: u8 = 5;
const UNMAP: u8 = 6;
const NEXT_ID: u8 = 7;
const ORPHAN: u8 = 8;
const SWAP: u8 = 9;
const OLD: u8 = 0x10;
const OLD_EXPIRE: u8 = 0x20;
const OLD_DUE: u8 = 0x40;

#[cfg(test)]
mod tests;
