//! A set as its commands see it: members, whatever the layout.
//!
//! Invariant: what changes a set leaves the root to [`Set::save`]; elements are written at once. So a program that has changed a set
//! has to save it.

use std::ops::{ControlFlow, Deref};

use bytes::Bytes;
use resp::number::parse_integer;
use smallvec::SmallVec;
use types::limits::Limits;
use types::root::{Kind, Root};
use types::time::UnixMs;
use types::txn::{Abort, HashKey, HashKeyTxn, ValueId};

use crate::hashed;
use crate::program::{Program, Stop};
use crate::random::below;
use crate::sets::{EXPLODED, INTEGERS, LISTED, indexed, integers, listed};

/// One set. It is empty while it is being made or taken apart.
pub(crate) struct Set {
    /// Its root, whose `value` is not used while the set is at work.
    root: Root,
    /// The inline value.
    value: Value,
    /// Its elements, if its root names some.
    elements: ValueId,
    /// Of an exploded set: members removed since its id was given.
    removed: u64,
    /// Whether an inline set explodes with the next member, see [`Set::expect`].
    too_many: bool,
}

/// A member that is copied.
pub(super) type Member = SmallVec<[u8; 48]>;

impl Set {
    /// The set of a key, if there is one.
    pub(super) fn open(p: &mut Program<'_>, key: &HashKey<'_>) -> Result<Option<Set>, Stop> {
        match p.root_of(key, Kind::Set)? {
            Some(root) => Ok(Some(Set::of(key, root)?)),
            None => Ok(None),
        }
    }

    /// The set of a key that has this root.
    pub(crate) fn of(key: &HashKey<'_>, mut root: Root) -> Result<Set, Abort> {
        let value = std::mem::take(&mut root.value);
        let elements = ValueId::of(key, root.id);
        let removed = match &value[..] {
            bytes if root.encoding == EXPLODED => read_removed(bytes),
            _ => Some(0),
        };
        let whole = match root.encoding {
            LISTED => root.id == 0 && listed::is_whole(&value, root.count),
            INTEGERS => root.id == 0 && integers::is_whole(&value, root.count),
            EXPLODED => root.id != 0 && root.count <= indexed::MEMBERS_MAX,
            _ => false,
        };
        match removed.filter(|_| whole) {
            Some(removed) => Ok(Set { root, value: Value::Shared(value), elements, removed, too_many: false }),
            None => Err(damaged()),
        }
    }

    /// An empty set whose first member will be `first`, of `hint` in all.
    pub(super) fn beginning_with(key: &HashKey<'_>, first: &[u8], hint: usize, limits: &Limits) -> Set {
        let integers = parse_integer(first).is_some() && hint as u64 <= u64::from(limits.set_intset_entries);
        let root = Root { encoding: if integers { INTEGERS } else { LISTED }, ..Root::inline(Kind::Set, Bytes::new()) };
        Set { root, value: Value::Owned(Vec::new()), elements: ValueId::of(key, 0), removed: 0, too_many: false }
    }

    /// Number of members.
    pub(crate) fn len(&self) -> u64 {
        self.root.count
    }

    /// Whether all members are integers and lie in order.
    pub(super) fn is_integers(&self) -> bool {
        self.root.encoding == INTEGERS
    }

    /// The members of a set that [`Set::is_integers`]; none of any other.
    pub(super) fn integers(&self) -> impl Iterator<Item = i64> {
        let len = if self.is_integers() { integers::len(&self.value) } else { 0 };
        (0..len).map(|index| integers::at(&self.value, index))
    }

    /// When its key ceases to exist.
    pub(super) fn expire(&self) -> Option<UnixMs> {
        self.root.expire
    }

    /// Its elements, if it is exploded.
    pub(super) fn exploded(&self) -> Option<ValueId> {
        (self.root.encoding == EXPLODED).then_some(self.elements)
    }

    /// Whether `member` is one.
    pub(crate) fn contains(&self, txn: &mut dyn HashKeyTxn, member: &[u8]) -> Result<bool, Abort> {
        Ok(match self.root.encoding {
            EXPLODED => hashed::get(txn, self.elements, member)?.is_some(),
            INTEGERS => parse_integer(member).is_some_and(|number| integers::search(&self.value, number).is_ok()),
            _ => listed::contains(&self.value, member),
        })
    }

    /// Says how many members are going to be added, known ones among them. If an inline set may not have so many, Redis turns it into a
    /// hash table there and then; here it explodes with the first of them that is new.
    pub(super) fn expect(&mut self, limits: &Limits, members: usize) {
        let entries = if self.is_integers() { limits.set_intset_entries } else { limits.set_entries };
        self.too_many = members as u64 > u64::from(entries);
    }

    /// Adds a member; whether it was not there.
    pub(super) fn add(&mut self, txn: &mut dyn HashKeyTxn, limits: &Limits, member: &[u8]) -> Result<bool, Abort> {
        if self.contains(txn, member)? {
            return Ok(false);
        }
        let number = parse_integer(member);
        if self.root.encoding != EXPLODED && (self.too_many || !self.has_room(limits, member, number)) {
            self.explode(txn);
        }
        match (self.root.encoding, number) {
            (EXPLODED, _) => indexed::put(txn, self.elements, self.root.count, member),
            (INTEGERS, Some(number)) => {
                if let Err(index) = integers::search(&self.value, number) {
                    integers::insert(self.value.to_mut(), index, number);
                }
            }
            (INTEGERS, None) => {
                self.list();
                listed::push(self.value.to_mut(), member);
            }
            _ => listed::push(self.value.to_mut(), member),
        }
        self.root.count += 1;
        Ok(true)
    }

    /// Removes a member; whether it was there.
    pub(super) fn remove(&mut self, txn: &mut dyn HashKeyTxn, member: &[u8]) -> Result<bool, Abort> {
        match self.root.encoding {
            EXPLODED => {
                let Some(index) = indexed::index_of(txn, self.elements, member)? else { return Ok(false) };
                self.remove_element(txn, index, member)?;
                return Ok(true);
            }
            INTEGERS => {
                let Some(Ok(index)) = parse_integer(member).map(|number| integers::search(&self.value, number)) else { return Ok(false) };
                integers::remove(self.value.to_mut(), index);
            }
            _ => {
                let Some(place) = listed::places(&self.value).find(|place| &self.value[place.clone()] == member) else { return Ok(false) };
                listed::remove(self.value.to_mut(), place);
            }
        }
        self.root.count -= 1;
        Ok(true)
    }

    /// Removes a member of an exploded set.
    fn remove_element(&mut self, txn: &mut dyn HashKeyTxn, index: u64, member: &[u8]) -> Result<(), Abort> {
        indexed::remove(txn, self.elements, self.root.count, index, member)?;
        self.root.count -= 1;
        self.removed = self.removed.saturating_add(1);
        Ok(())
    }

    /// Removes one of the members, each with the same chance. The set is not empty.
    pub(super) fn pop(&mut self, txn: &mut dyn HashKeyTxn) -> Result<Member, Abort> {
        if self.root.encoding != EXPLODED {
            let member = self.random(txn)?;
            self.remove(txn, &member)?;
            return Ok(member);
        }
        if self.root.count == 0 {
            return Err(damaged());
        }
        let index = below(txn, self.root.count);
        let member = indexed::at(txn, self.elements, index)?;
        self.remove_element(txn, index, &member)?;
        Ok(member)
    }

    /// Shows all members until `visit` says that it has seen enough: in order of insertion, ascending, or in order of their hashes.
    pub(crate) fn visit(&self, txn: &mut dyn HashKeyTxn, visit: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), Abort> {
        match self.exploded() {
            Some(elements) => {
                let mut left = Some(self.root.count);
                hashed::visit(txn, elements, &mut |member, _| {
                    left = left.and_then(|left| left.checked_sub(1));
                    let flow = visit(member);
                    if flow.is_break() {
                        left = Some(0);
                    }
                    flow
                })?;
                left.filter(|&left| left == 0).map(|_| ()).ok_or_else(damaged)
            }
            None => self.each(txn, &mut |_, member| Ok(visit(member))),
        }
    }

    /// As [`Set::visit`], but the transaction may be used meanwhile. What it changes about this very set is not seen.
    pub(crate) fn each(&self, txn: &mut dyn HashKeyTxn, visit: &mut Each<'_>) -> Result<(), Abort> {
        match self.root.encoding {
            EXPLODED => {
                let (mut walk, mut shown) = (hashed::Walk::new(self.elements), 0);
                loop {
                    let step = walk.step(txn)?;
                    if step.is_empty() {
                        return if shown == self.root.count { Ok(()) } else { Err(damaged()) };
                    }
                    for found in &step {
                        if visit(txn, found.member())?.is_break() {
                            return Ok(());
                        }
                    }
                    shown += step.len() as u64;
                }
            }
            INTEGERS => {
                for number in self.integers() {
                    if visit(txn, itoa::Buffer::new().format(number).as_bytes())?.is_break() {
                        return Ok(());
                    }
                }
            }
            _ => {
                for member in listed::iter(&self.value) {
                    if visit(txn, member)?.is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// One of the members, each with the same chance. The set is not empty.
    pub(super) fn random(&self, txn: &mut dyn HashKeyTxn) -> Result<Member, Abort> {
        let member = match self.root.encoding {
            _ if self.root.count == 0 => None,
            EXPLODED => {
                let index = below(txn, self.root.count);
                Some(indexed::at(txn, self.elements, index)?)
            }
            INTEGERS => {
                let number = integers::at(&self.value, below(txn, self.root.count) as usize);
                Some(Member::from_slice(itoa::Buffer::new().format(number).as_bytes()))
            }
            _ => listed::iter(&self.value).nth(below(txn, self.root.count) as usize).map(Member::from_slice),
        };
        member.ok_or_else(damaged)
    }

    /// Writes the root, or deletes it if the set is empty. An exploded set that has lost nearly all of its members gets a new id, so that
    /// nobody has to read past what was removed.
    pub(super) fn save(mut self, txn: &mut dyn HashKeyTxn, key: &HashKey<'_>) -> Result<(), Abort> {
        if self.root.count == 0 {
            return txn.delete_root(key);
        }
        if self.root.encoding == EXPLODED {
            if self.root.count <= RENEWED_MAX && self.removed > REMOVED_PER_MEMBER * self.root.count + REMOVED_MIN {
                let new = ValueId::of(key, txn.next_id());
                crate::elements::copy(txn, self.elements, new)?;
                (self.elements, self.removed) = (new, 0);
            }
            self.root.id = self.elements.id;
            self.root.value = written_removed(self.removed);
        } else {
            self.root.value = self.value.into_bytes();
        }
        txn.put_root(key, self.root)
    }

    /// Whether one more member may be inline, by the rules of Redis 7.4.
    fn has_room(&self, limits: &Limits, member: &[u8], number: Option<i64>) -> bool {
        let room = |entries: u32| self.root.count < u64::from(entries);
        let short = |len: usize| len as u64 <= u64::from(limits.set_value);
        match (self.root.encoding, number) {
            (INTEGERS, Some(_)) => room(limits.set_intset_entries),
            (INTEGERS, None) => room(limits.set_entries) && short(member.len()) && short(self.longest_integer()),
            _ => room(limits.set_entries) && short(member.len()),
        }
    }

    /// Digits of the longest integer: that is the first or the last one.
    fn longest_integer(&self) -> usize {
        let digits = |index: usize| itoa::Buffer::new().format(integers::at(&self.value, index)).len();
        match integers::len(&self.value) {
            0 => 0,
            len => digits(0).max(digits(len - 1)),
        }
    }

    /// From integers to members one after another.
    fn list(&mut self) {
        let mut value = Vec::new();
        for number in self.integers() {
            listed::push(&mut value, itoa::Buffer::new().format(number).as_bytes());
        }
        self.value = Value::Owned(value);
        self.root.encoding = LISTED;
    }

    /// From inline to one element per member.
    fn explode(&mut self, txn: &mut dyn HashKeyTxn) {
        if self.root.encoding == INTEGERS {
            self.list();
        }
        self.elements.id = txn.next_id();
        for (index, member) in (0..).zip(listed::iter(&self.value)) {
            indexed::put(txn, self.elements, index, member);
        }
        self.value = Value::Owned(Vec::new());
        self.root.encoding = EXPLODED;
    }
}

/// Is shown a member; may use the transaction; says whether to go on.
pub(crate) type Each<'a> = dyn FnMut(&mut dyn HashKeyTxn, &[u8]) -> Result<ControlFlow<()>, Abort> + 'a;

/// Bytes that are copied when they are changed.
enum Value {
    Shared(Bytes),
    Owned(Vec<u8>),
}

impl Value {
    fn to_mut(&mut self) -> &mut Vec<u8> {
        if let Value::Shared(bytes) = self {
            let mut owned = Vec::with_capacity(bytes.len() + ROOM);
            owned.extend_from_slice(bytes);
            *self = Value::Owned(owned);
        }
        match self {
            Value::Owned(owned) => owned,
            Value::Shared(_) => unreachable!("it has just been copied"),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Value::Shared(bytes) => bytes,
            Value::Owned(owned) => owned.into(),
        }
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Value::Shared(bytes) => bytes,
            Value::Owned(owned) => owned,
        }
    }
}

/// A root that is none of a set's, or whose count is not that of its members.
pub(super) fn damaged() -> Abort {
    Abort::Storage("a set is damaged: its root and its members do not agree".to_string())
}

/// What the root of an exploded set has as its value.
fn written_removed(removed: u64) -> Bytes {
    if removed == 0 { Bytes::new() } else { Bytes::copy_from_slice(&removed.to_be_bytes()) }
}

fn read_removed(value: &[u8]) -> Option<u64> {
    if value.is_empty() { Some(0) } else { value.try_into().ok().map(u64::from_be_bytes) }
}

/// Room for a member or two, so that adding them copies once.
const ROOM: usize = 64;
/// A set of so many members at most gets a new id ...
const RENEWED_MAX: u64 = 1024;
/// ... if so many were removed for each that is left ...
const REMOVED_PER_MEMBER: u64 = 16;
/// ... and so many in any case.
const REMOVED_MIN: u64 = 4096;
